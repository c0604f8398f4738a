"""The text that lies beside the files."""

from __future__ import annotations

from collections.abc import Mapping

from district.scales import Scale

_TEXT = """SYNTHETIC DISTRICT, scale {scale}, seed {seed}: {area:.2f} km2 around 114.22 E, 22.70 N
================================================================================
Everything here is invented by a program: places, people, buildings, pipes and
events. Names sound like Longgang, Shenzhen; nothing describes the real place.
Planar coordinates are EPSG:4547 (CGCS2000, 3-degree zone, central meridian
114 E), longitude and latitude EPSG:4490; heights are metres, Yellow Sea datum.
Some files have faults on purpose: truth.json lists every one of them.

FILES AND ROWS
{files}

COLUMNS
gis/buildings.gpkg      建筑编码 code (6 district + 3 street + 3 community + 7 serial), 名称 name,
                        地上层数 storeys above ground, 地下层数 basements, 高度 height m, 用途 use,
                        结构 structure, 建成年份 year built, 地址 address, 基底标高 ground level m
registers/buildings.csv the same building by its owner: 住户数 households, 经度 longitude, 纬度 latitude
registers/units.csv     单元编码 unit code (building + 3 floor + 2 room), 楼层 floor, 房号 room, 面积 area m2
gis/roads.gpkg          道路中心线: 等级 rank, 车道数 lanes, 限速 speed limit km/h, 单行 one way (是/否),
                        起点编码 and 终点编码 name 道路节点
gis/water_supply.gpkg, gis/drainage.gpkg, gis/gas.gpkg
                        管线: 管径 diameter mm, 材质 material, 起点埋深/终点埋深 depth of the axis m,
                        起点高程/终点高程 level of the axis m (also Z), flow from 起点编码 to 终点编码
                        管点: 类型 type, 状态 state, 地面高程 ground m, 埋深 depth of the axis m
gis/rivers.geojson      centrelines in flow direction; 下游编码 names the next reach
gis/grid_cells.gpkg     网格编码 code (12 community + 3 sequence)
gis/grids/              three older grids that do not agree
registers/cameras.csv   设备编码 GB/T 28181 code, 安装高度 height above ground m, 方位角 azimuth (clockwise
                        from north), 俯仰角 pitch (down is negative), 水平视场角 field of view, degrees,
                        可视距离 range m, 类别 class, 状态 state
registers/sensors.csv   类型 kind, 高程 ground level m, 单位 unit, 上报间隔秒 interval s, 建筑编码 building
registers/parking.csv   总车位 spaces, 剩余车位 free, 更新时间 as of
registers/resources.csv 类别 category, 容量 capacity, 联系单位 who answers
live/events.csv         来源 source, 类型 kind, 标题 title, 描述 text, 等级 level (1 is gravest), 发生时间 time
live/observations.csv   设备编码 sensor, 时间 time, 值 value
raster/dem_5m.tif       ground height m; its row count above is the number of cells
ifc/placements.csv      place of the models that have none: file, crs, easting, northing, height m,
                        rotation (degrees, counter-clockwise from grid east)
"""


def readme(scale: Scale, seed: int, counts: Mapping[str, int]) -> str:
    """Write the text for one district."""
    files = "\n".join(f"{rows:>12,}  {name}" for name, rows in sorted(counts.items()))
    return _TEXT.format(scale=scale.name, seed=seed, area=scale.area_km2, files=files)
