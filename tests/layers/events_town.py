"""A small town for tests of events: cells, houses, one with storeys and rooms, devices; and events in it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection, func, insert

from cim.tables import building, camera, feature, grid_cell, metadata, sensor, space, storey
from layers.addresses.gazetteer import read_addresses
from layers.live.events.incoming import Incoming, read_incoming
from layers.live.events.types import seed_types

LONGITUDE, LATITUDE = 114.22, 22.70
METRES = np.array([102_800.0, 110_750.0])
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def at(x: float, y: float) -> tuple[float, float]:
    """Return longitude and latitude of metres east and north of the town's middle."""
    lon, lat = np.array([x, y]) / METRES + [LONGITUDE, LATITUDE]
    return float(lon), float(lat)


def square(west: float, south: float, east: float, north: float) -> shapely.MultiPolygon:
    """Return a rectangle of metres, in degrees."""
    return shapely.MultiPolygon([shapely.Polygon([at(west, south), at(east, south), at(east, north), at(west, north)])])


def ewkt(shape: shapely.Geometry) -> str:
    return f"SRID=4490;{shapely.to_wkt(shape, rounding_precision=-1)}"


def add(connection: Connection, table: Any, layer_id: str, key: str, **values: Any) -> int:
    shape = values.pop("geom", None)
    row = {"layer_id": layer_id, "source_key": key, **values}
    if shape is not None:
        row["geom"] = ewkt(shape)
    return int(connection.execute(insert(table).values(row).returning(table.c.id)).scalar_one())


def build_town(connection: Connection) -> dict[str, int]:
    """Write the town; name -> id."""
    seed_types(connection)
    ids: dict[str, int] = {}
    # four cells of 15 digits around the middle, in two communities
    for number, (west, south) in enumerate([(-500, -500), (0, -500), (-500, 0), (0, 0)]):
        code = f"44030700100{1 + number // 2}{number + 1:03}"
        ids[f"cell{number}"] = add(
            connection, grid_cell, "grid_cells", code, code=code, grid="management", manager=f"manager {number}",
            area_code=code, geom=square(west, south, west + 500, south + 500),
        )  # fmt: skip
    add(connection, feature, "admin_areas", "street", area_code="440307001", name="街道",
        geom=square(-2000, -2000, 2000, 2000))  # fmt: skip
    ids["house"] = add(
        connection, building, "buildings", "H", name="大楼", code="4403070010010001", area_code="440307001001",
        address="深圳市龙岗区坂田街道碧岗社区坪翔二街5号", height_m=36.0, base_height_m=50.0, storeys_above=12,
        geom=square(100, 100, 140, 130),
    )  # fmt: skip
    ids["plain"] = add(
        connection, building, "buildings", "P", name="小楼", height_m=30.0, base_height_m=40.0, storeys_above=10,
        geom=square(-200, -200, -170, -180),
    )  # fmt: skip
    for number in range(1, 13):
        ids[f"storey{number}"] = add(
            connection, storey, "storeys", f"S{number}", building_id=ids["house"], number=number,
            base_height_m=50.0 + 3 * (number - 1), height_m=3.0, geom=square(100, 100, 140, 130),
        )  # fmt: skip
        for room, west in enumerate((100, 120), 1):
            ids[f"room{number}0{room}"] = add(
                connection, space, "spaces", f"R{number}0{room}", building_id=ids["house"],
                storey_id=ids[f"storey{number}"], name=f"{number}0{room}", geom=square(west, 100, west + 20, 130),
            )  # fmt: skip
    ids["gas"] = add(
        connection, sensor, "sensors", "G", code="440307RQ00000001", kind="燃气", unit="%LEL",
        height_m=50.0 + 6 * 3 + 2.2, building_id=ids["house"], geom=shapely.Point(at(130, 110)),
    )  # fmt: skip
    ids["camera"] = add(
        connection, camera, "cameras", "C", code="44030700011320000001", geom=shapely.Point(at(-300, 300))
    )
    read_addresses(connection)
    return ids


def said(key: str, **values: Any) -> Incoming:
    """Return an event as a source tells it."""
    return read_incoming({"source": "网格", "source_key": key, "occurred_at": NOON.isoformat(), **values})


def rows(connection: Connection, name: str = "event") -> int:
    """Return the number of rows of a table."""
    return int(connection.execute(func.count(metadata.tables[f"cim.{name}"].c[0]).select()).scalar_one())
