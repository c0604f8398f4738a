/** What IFC classes and disciplines are called in Chinese; English names are made of the class's own words. */

const zh: Record<string, string> = {
  IfcActuator: "执行器", IfcAirTerminal: "风口", IfcAirTerminalBox: "变风量末端", IfcAirToAirHeatRecovery: "热回收装置", IfcAlarm: "报警器",
  IfcAlignment: "路线", IfcAnnotation: "注释", IfcAudioVisualAppliance: "视听设备", IfcBeam: "梁", IfcBearing: "支座", IfcBoiler: "锅炉",
  IfcBuilding: "建筑", IfcBuildingElementPart: "构件部件", IfcBuildingElementProxy: "通用构件", IfcBuildingStorey: "楼层", IfcBurner: "燃烧器",
  IfcCableCarrierFitting: "桥架配件", IfcCableCarrierSegment: "电缆桥架", IfcCableFitting: "电缆接头", IfcCableSegment: "电缆", IfcCaissonFoundation: "沉箱基础",
  IfcChiller: "冷水机组", IfcChimney: "烟囱", IfcCivilElement: "土木构件", IfcCoil: "盘管", IfcColumn: "柱", IfcCommunicationsAppliance: "通信设备",
  IfcCompressor: "压缩机", IfcCondenser: "冷凝器", IfcController: "控制器", IfcConveyorSegment: "输送机", IfcCooledBeam: "冷梁", IfcCoolingTower: "冷却塔",
  IfcCourse: "结构层", IfcCovering: "面层", IfcCurtainWall: "幕墙", IfcDamper: "风阀", IfcDeepFoundation: "深基础", IfcDiscreteAccessory: "配件",
  IfcDistributionBoard: "配电盘", IfcDistributionChamberElement: "检查井", IfcDistributionControlElement: "控制构件", IfcDistributionElement: "机电构件",
  IfcDistributionFlowElement: "流体构件", IfcDoor: "门", IfcDuctFitting: "风管配件", IfcDuctSegment: "风管", IfcDuctSilencer: "消声器",
  IfcEarthworksFill: "填方", IfcElectricAppliance: "电器", IfcElectricDistributionBoard: "配电箱", IfcElectricFlowStorageDevice: "蓄电设备",
  IfcElectricGenerator: "发电机", IfcElectricMotor: "电动机", IfcElectricTimeControl: "定时控制器", IfcElement: "构件", IfcElementAssembly: "组合构件",
  IfcEnergyConversionDevice: "能量转换设备", IfcEngine: "发动机", IfcEvaporativeCooler: "蒸发冷却器", IfcEvaporator: "蒸发器", IfcFan: "风机",
  IfcFastener: "紧固件", IfcFilter: "过滤器", IfcFireSuppressionTerminal: "消防末端", IfcFlowController: "流量控制件", IfcFlowFitting: "管件",
  IfcFlowInstrument: "仪表", IfcFlowMeter: "流量计", IfcFlowMovingDevice: "输送设备", IfcFlowSegment: "管段", IfcFlowStorageDevice: "储存设备",
  IfcFlowTerminal: "末端设备", IfcFlowTreatmentDevice: "处理设备", IfcFooting: "基础", IfcFurnishingElement: "家具", IfcFurniture: "家具",
  IfcGeographicElement: "地理要素", IfcHeatExchanger: "换热器", IfcHumidifier: "加湿器", IfcInterceptor: "隔油器", IfcJunctionBox: "接线盒", IfcKerb: "路缘石",
  IfcLamp: "光源", IfcLightFixture: "灯具", IfcLiquidTerminal: "液体末端", IfcMechanicalFastener: "机械紧固件", IfcMedicalDevice: "医疗设备", IfcMember: "杆件",
  IfcMooringDevice: "系泊设施", IfcMotorConnection: "电机连接", IfcNavigationElement: "助航设施", IfcOutlet: "插座", IfcPavement: "路面", IfcPile: "桩",
  IfcPipeFitting: "管道配件", IfcPipeSegment: "管道", IfcPlate: "板件", IfcProtectiveDevice: "保护装置", IfcProxy: "通用对象", IfcPump: "水泵", IfcRail: "钢轨",
  IfcRailing: "栏杆", IfcRamp: "坡道", IfcRampFlight: "坡道段", IfcReinforcedSoil: "加筋土", IfcReinforcingBar: "钢筋", IfcReinforcingMesh: "钢筋网",
  IfcRoof: "屋顶", IfcSanitaryTerminal: "卫生器具", IfcSensor: "传感器", IfcShadingDevice: "遮阳构件", IfcSign: "标志", IfcSignal: "信号机", IfcSite: "场地",
  IfcSlab: "楼板", IfcSolarDevice: "太阳能设备", IfcSpace: "空间", IfcSpaceHeater: "散热器", IfcStackTerminal: "立管末端", IfcStair: "楼梯", IfcStairFlight: "梯段",
  IfcSwitchingDevice: "开关", IfcSystemFurnitureElement: "系统家具", IfcTank: "水箱", IfcTendon: "预应力筋", IfcTendonAnchor: "锚具", IfcTrackElement: "轨道构件",
  IfcTransformer: "变压器", IfcTransportElement: "运输设备", IfcTubeBundle: "管束", IfcUnitaryControlElement: "一体化控制器", IfcUnitaryEquipment: "空调机组",
  IfcValve: "阀门", IfcVibrationIsolator: "隔振器", IfcVirtualElement: "虚拟构件", IfcWall: "墙", IfcWasteTerminal: "排水末端", IfcWindow: "窗",
};

/** A class by its name, without the schema's variants: 墙, or Wall. */
export function className(name: string, lang: "zh" | "en"): string {
  const base = name.replace(/(StandardCase|ElementedCase)$/, "");
  if (lang === "zh" && zh[base]) return zh[base];
  const words = base.replace(/^Ifc/, "").replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
