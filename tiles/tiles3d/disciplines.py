"""The discipline of an element, from its IFC class and whether it is part of a system."""

from __future__ import annotations

from functools import cache

from sqlalchemy import ColumnElement, and_, case, func

from cim.tables import element

ARCHITECTURE, STRUCTURE, MEP = "architecture", "structure", "mep"
FURNISHING, FIXINGS, CIVIL = "furnishing", "fixings", "civil"

#: In the order in which they are listed to people.
DISCIPLINES = (ARCHITECTURE, STRUCTURE, MEP, FURNISHING, CIVIL, FIXINGS)
#: Drawn when one comes near; the others are seen from afar.
DETAILS = (MEP, FURNISHING, FIXINGS)

#: Classes of each discipline in all schemas; what is not listed is architecture. The subtypes of
#: IfcDistributionElement are services (ISO 16739-1:2024, 5.4.3.10).
CLASSES: dict[str, tuple[str, ...]] = {
    STRUCTURE: (
        "IfcBeam", "IfcBeamStandardCase", "IfcBearing", "IfcCaissonFoundation", "IfcColumn", "IfcColumnStandardCase",
        "IfcDeepFoundation", "IfcElementAssembly", "IfcFooting", "IfcMember", "IfcMemberStandardCase", "IfcPile",
        "IfcPlate", "IfcPlateStandardCase", "IfcSlab", "IfcSlabElementedCase", "IfcSlabStandardCase",
    ),
    MEP: (
        "IfcActuator", "IfcAirTerminal", "IfcAirTerminalBox", "IfcAirToAirHeatRecovery", "IfcAlarm",
        "IfcAudioVisualAppliance", "IfcBoiler", "IfcBurner", "IfcCableCarrierFitting", "IfcCableCarrierSegment",
        "IfcCableFitting", "IfcCableSegment", "IfcChiller", "IfcCoil", "IfcCommunicationsAppliance", "IfcCompressor",
        "IfcCondenser", "IfcController", "IfcConveyorSegment", "IfcCooledBeam", "IfcCoolingTower", "IfcDamper",
        "IfcDistributionBoard", "IfcDistributionChamberElement", "IfcDistributionControlElement",
        "IfcDistributionElement", "IfcDistributionFlowElement", "IfcDuctFitting", "IfcDuctSegment", "IfcDuctSilencer",
        "IfcElectricAppliance", "IfcElectricDistributionBoard", "IfcElectricDistributionPoint",
        "IfcElectricFlowStorageDevice", "IfcElectricFlowTreatmentDevice", "IfcElectricGenerator", "IfcElectricMotor",
        "IfcElectricTimeControl", "IfcElectricalElement", "IfcEnergyConversionDevice", "IfcEngine",
        "IfcEquipmentElement", "IfcEvaporativeCooler", "IfcEvaporator", "IfcFan", "IfcFilter",
        "IfcFireSuppressionTerminal", "IfcFlowController", "IfcFlowFitting", "IfcFlowInstrument", "IfcFlowMeter",
        "IfcFlowMovingDevice", "IfcFlowSegment", "IfcFlowStorageDevice", "IfcFlowTerminal", "IfcFlowTreatmentDevice",
        "IfcHeatExchanger", "IfcHumidifier", "IfcInterceptor", "IfcJunctionBox", "IfcLamp", "IfcLightFixture",
        "IfcLiquidTerminal", "IfcMedicalDevice", "IfcMobileTelecommunicationsAppliance", "IfcMotorConnection",
        "IfcOutlet", "IfcPipeFitting", "IfcPipeSegment", "IfcProtectiveDevice", "IfcProtectiveDeviceTrippingUnit",
        "IfcPump", "IfcSanitaryTerminal", "IfcSensor", "IfcSignal", "IfcSolarDevice", "IfcSpaceHeater",
        "IfcStackTerminal", "IfcSwitchingDevice", "IfcTank", "IfcTransformer", "IfcTubeBundle",
        "IfcUnitaryControlElement", "IfcUnitaryEquipment", "IfcValve", "IfcWasteTerminal",
    ),
    FURNISHING: ("IfcFurnishingElement", "IfcFurniture", "IfcSystemFurnitureElement"),
    FIXINGS: (
        "IfcDiscreteAccessory", "IfcElementComponent", "IfcFastener", "IfcMechanicalFastener", "IfcReinforcingBar",
        "IfcReinforcingElement", "IfcReinforcingMesh", "IfcTendon", "IfcTendonAnchor", "IfcTendonConduit",
        "IfcVibrationDamper", "IfcVibrationIsolator",
    ),
    CIVIL: (
        "IfcBorehole", "IfcCivilElement", "IfcCourse", "IfcEarthworksElement", "IfcEarthworksFill",
        "IfcGeographicElement", "IfcGeomodel", "IfcGeoslice", "IfcGeotechnicalElement", "IfcGeotechnicalStratum",
        "IfcKerb", "IfcMooringDevice", "IfcNavigationElement", "IfcPavement", "IfcRail", "IfcReinforcedSoil",
        "IfcSite", "IfcTrackElement",
    ),
}  # fmt: skip

#: These say nothing of their discipline, but a system does.
_UNTOLD = ("IfcBuildingElementProxy", "IfcProxy", "IfcElement")


@cache
def discipline_of_element() -> ColumnElement[str]:
    """Return the expression that gives an element's discipline."""
    # as arrays: a parameter for each of these classes took longer to send than the elements to read
    by_class = [(element.c.ifc_class == func.any(list(classes)), name) for name, classes in CLASSES.items()]
    in_system = and_(element.c.ifc_class == func.any(list(_UNTOLD)), element.c.system.is_not(None))
    return case(*by_class, (in_system, MEP), else_=ARCHITECTURE)
