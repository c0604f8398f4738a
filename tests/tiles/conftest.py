"""Rows of the model for tests of tiles, written as an importer leaves them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy import Connection, func, insert

from cim.tables import metadata

#: The middle of the pilot district.
LONGITUDE, LATITUDE = 114.22, 22.70

AddRows = Callable[[str, str, Iterable[dict[str, Any]]], list[int]]


@pytest.fixture
def add_rows(connection: Connection) -> AddRows:
    """Insert objects: table, layer, rows with 'geom' as shapely geometry in EPSG:4490; returns their ids."""

    def add(table_name: str, layer_id: str, rows: Iterable[dict[str, Any]]) -> list[int]:
        table = metadata.tables[f"cim.{table_name}"]
        ids = []
        for number, row in enumerate(rows):
            values = {"layer_id": layer_id, "source_key": f"{table_name}-{number}-{len(ids)}"} | row
            if values.get("geom") is not None:
                values["geom"] = func.ST_GeomFromText(shapely.to_wkt(values["geom"], rounding_precision=-1), 4490)
            ids.append(connection.execute(insert(table).values(values).returning(table.c.id)).scalar_one())
        return ids

    return add


@pytest.fixture
def footprints() -> list[shapely.MultiPolygon]:
    """300 rectangles, turned at random, of 4 to 60 m, within 900 m of the middle of the pilot district."""
    random = np.random.default_rng(7)
    made = []
    for _ in range(300):
        x, y = random.uniform(-900, 900, 2)
        half_width, half_depth = random.uniform(2, 30, 2)
        box = shapely.box(-half_width, -half_depth, half_width, half_depth)
        turned = shapely.affinity.rotate(box, random.uniform(0, 180))
        metres = shapely.get_coordinates(shapely.affinity.translate(turned, x, y))
        degrees = metres / [102_800.0, 110_750.0] + [LONGITUDE, LATITUDE]
        made.append(shapely.MultiPolygon([shapely.Polygon(degrees)]))
    return made
