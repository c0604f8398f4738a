"""What the district builds in BIM: 37 models, 40,000 products, six kinds of building."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class ModelProgram:
    """One building to author.

    Attributes
    ----------
    slug
        Unique name; the file is ``f"{slug}.ifc"``.
    kind
        ``tower``, ``office``, ``school``, ``hospital``, ``factory`` or ``metro_station``.
    name_zh
        The building's name, in Chinese.
    schema
        ``IFC4``, ``IFC2X3`` or ``IFC4X3``.
    length_m, width_m
        The footprint along the local x and y axes.
    storeys_above, storeys_below
        Storeys at and above ground level, and basements.
    storey_height_m
        Floor to floor; the roof lies at ``storeys_above * storey_height_m``.
    products
        Number of ``IfcProduct`` with a representation, spaces counted and openings not.
    """

    slug: str
    kind: str
    name_zh: str
    schema: str
    length_m: float
    width_m: float
    storeys_above: int
    storeys_below: int
    storey_height_m: float
    products: int


_ROWS: tuple[tuple[str, str, str, str, float, float, int, int, float, int], ...] = (
    ("tower_01", "tower", "龙岗中心大厦A座", "IFC4", 48.0, 48.0, 42, 4, 4.2, 1545),
    ("tower_02", "tower", "龙岗中心大厦B座", "IFC4", 42.0, 42.0, 33, 4, 4.2, 1210),
    ("tower_03", "tower", "正中时代大厦", "IFC4", 54.0, 36.0, 32, 3, 4.2, 1100),
    ("tower_04", "tower", "珠江广场1栋", "IFC4", 36.0, 24.0, 26, 2, 3.0, 1005),
    ("tower_05", "tower", "珠江广场2栋", "IFC4", 36.0, 24.0, 26, 2, 3.0, 1005),
    ("tower_06", "tower", "万科时代广场A座", "IFC4X3", 45.0, 39.0, 28, 3, 4.2, 1040),
    ("tower_07", "tower", "龙城花园7栋", "IFC2X3", 36.0, 21.0, 20, 1, 3.0, 765),
    ("tower_08", "tower", "龙城花园8栋", "IFC2X3", 36.0, 21.0, 20, 1, 3.0, 765),
    ("tower_09", "tower", "阳光天健城3栋", "IFC4", 33.0, 24.0, 26, 2, 3.0, 1005),
    ("tower_10", "tower", "保利上城5栋", "IFC4", 42.0, 21.0, 22, 2, 3.0, 905),
    ("tower_11", "tower", "佳兆业城市广场", "IFC4", 48.0, 36.0, 25, 3, 4.2, 900),
    ("tower_12", "tower", "颐安都会中央2栋", "IFC2X3", 36.0, 24.0, 18, 1, 3.0, 765),
    ("tower_13", "tower", "中海康城9栋", "IFC4X3", 39.0, 24.0, 25, 2, 3.0, 970),
    ("tower_14", "tower", "天安数码城创新大厦", "IFC4", 42.0, 36.0, 22, 2, 4.2, 800),
    ("office_01", "office", "龙岗区行政服务大厅", "IFC4", 72.0, 24.0, 8, 1, 4.2, 735),
    ("office_02", "office", "大运软件小镇1号楼", "IFC4", 54.0, 21.0, 6, 1, 4.0, 480),
    ("office_03", "office", "大运软件小镇2号楼", "IFC4", 54.0, 21.0, 6, 1, 4.0, 480),
    ("office_04", "office", "留学人员创业园3栋", "IFC2X3", 48.0, 18.0, 7, 1, 3.9, 465),
    ("office_05", "office", "龙岗科技创新中心", "IFC4", 66.0, 27.0, 11, 2, 4.2, 1000),
    ("office_06", "office", "区档案馆", "IFC2X3", 48.0, 24.0, 6, 1, 4.2, 440),
    ("office_07", "office", "启迪协信科技园5栋", "IFC4X3", 54.0, 24.0, 9, 2, 4.2, 870),
    ("office_08", "office", "南约街道办事处", "IFC4", 42.0, 18.0, 5, 0, 3.9, 335),
    ("office_09", "office", "供电局调度楼", "IFC4", 39.0, 18.0, 6, 1, 4.2, 400),
    ("office_10", "office", "宝龙生物创新园2栋", "IFC4", 60.0, 24.0, 8, 1, 4.5, 660),
    ("school_01", "school", "龙城小学教学楼", "IFC4", 72.0, 12.0, 5, 0, 3.8, 655),
    ("school_02", "school", "龙城初级中学教学楼", "IFC4", 81.0, 12.0, 5, 0, 3.8, 725),
    ("school_03", "school", "依山郡小学教学楼", "IFC2X3", 63.0, 12.0, 4, 0, 3.8, 485),
    ("school_04", "school", "外国语学校实验楼", "IFC4", 63.0, 12.0, 5, 1, 3.9, 605),
    ("school_05", "school", "新亚洲学校教学楼", "IFC4X3", 54.0, 12.0, 4, 0, 3.8, 430),
    ("hospital_01", "hospital", "龙岗中心医院住院楼", "IFC4", 96.0, 30.0, 15, 2, 4.0, 15000),
    ("factory_01", "factory", "宝龙电子厂1号厂房", "IFC4", 96.0, 48.0, 2, 0, 7.5, 365),
    ("factory_02", "factory", "宝龙电子厂2号厂房", "IFC4", 96.0, 48.0, 2, 0, 7.5, 365),
    ("factory_03", "factory", "同乐五金厂房", "IFC2X3", 72.0, 36.0, 1, 0, 9.0, 140),
    ("factory_04", "factory", "南约物流仓库", "IFC4", 108.0, 54.0, 1, 0, 10.5, 210),
    ("factory_05", "factory", "新能源电池车间", "IFC4", 84.0, 42.0, 3, 0, 6.0, 420),
    ("factory_06", "factory", "精密模具车间", "IFC2X3", 60.0, 30.0, 2, 0, 6.5, 220),
    ("metro_station_01", "metro_station", "地铁龙城广场站", "IFC4X3", 168.0, 21.0, 1, 2, 6.0, 735),
)
PROGRAM: tuple[ModelProgram, ...] = tuple(ModelProgram(*row) for row in _ROWS)

#: The faults to plant, by slug: whoever places the models hands them on as `ModelSite.fault`.
PLANTED_FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "office_09": "mm_missing_scale",
        "tower_05": "georeferenced_twice",
        "school_03": "georeferenced_twice",
        "office_07": "storeys_disagree",
        "tower_12": "storeys_disagree",
        "tower_10": "height_disagrees",
        "office_06": "height_disagrees",
        "factory_06": "no_place",
        "office_08": "no_place",
    }
)
