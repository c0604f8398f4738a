"""Objects by the cells of analysis grids, against counting each object by itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import h3
import numpy as np
import pytest
import shapely
from sqlalchemy import Engine, insert

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from cim.tables import building, resource, unit
from layers.grids.aggregate import AggregateRequest, aggregate
from layers.grids.beidou import encode

ADMIN, VIEWER = Caller("admin"), Caller("viewer")
WEST, SOUTH, EAST, NORTH = 114.20, 22.68, 114.24, 22.72


@pytest.fixture
def places(engine: Engine) -> list[tuple[float, float, int]]:
    """Two hundred resources with a capacity; every tenth has none."""
    random = np.random.default_rng(5)
    made = [
        (float(x), float(y), int(c))
        for x, y, c in zip(
            random.uniform(WEST, EAST, 200), random.uniform(SOUTH, NORTH, 200), random.integers(1, 99, 200), strict=True
        )
    ]
    with engine.begin() as connection:
        for number, (lon, lat, capacity) in enumerate(made):
            connection.execute(
                insert(resource).values(
                    layer_id="resources",
                    source_key=str(number),
                    kind="shelter",
                    capacity=None if number % 10 == 0 else capacity,
                    geom=f"SRID=4490;POINT({lon} {lat})",
                )
            )
    return made


def run(engine: Engine, caller: Caller = ADMIN, **asked: Any) -> dict[str, Any]:
    with engine.connect() as connection:
        return aggregate(connection, AggregateRequest(**asked), caller)


def test_beidou_cells_hold_what_lies_in_them(engine: Engine, places: list[tuple[float, float, int]]) -> None:
    answer = run(engine, layer="resources", grid="beidou", level=4, field="capacity")
    expected, sums = Counter[str](), defaultdict[str, int](int)
    for number, (lon, lat, capacity) in enumerate(places):
        code = str(encode(lon, lat, 4))
        expected[code] += 1
        sums[code] += 0 if number % 10 == 0 else capacity
    found = {one["id"]: one["properties"] for one in answer["features"]}
    assert {code: row["count"] for code, row in found.items()} == dict(expected)
    assert {code: row["sum"] for code, row in found.items()} == dict(sums)
    for one in answer["features"]:
        cell = shapely.geometry.shape(one["geometry"])
        inside = sum(cell.contains(shapely.Point(lon, lat)) for lon, lat, _ in places)
        assert inside == one["properties"]["count"]


def test_h3_cells_within_a_zone(engine: Engine, places: list[tuple[float, float, int]]) -> None:
    zone = shapely.box(114.21, 22.69, 114.23, 22.71)
    answer = run(engine, layer="resources", grid="h3", level=9, zone=zone)
    inside = [(lon, lat) for lon, lat, _ in places if zone.contains(shapely.Point(lon, lat))]
    expected = Counter(h3.latlng_to_cell(lat, lon, 9) for lon, lat in inside)
    assert {one["id"]: one["properties"] for one in answer["features"]} == {
        code: {"code": code, "count": count} for code, count in expected.items()
    }
    assert answer["receipt"]["hash"].startswith("sha256:")


def test_a_unit_counts_where_its_building_stands(engine: Engine) -> None:
    with engine.begin() as connection:
        house = "SRID=4490;MULTIPOLYGON(((114.2 22.7, 114.201 22.7, 114.201 22.701, 114.2 22.701, 114.2 22.7)))"
        home = connection.execute(
            insert(building).values(layer_id="buildings", source_key="B", geom=house).returning(building.c.id)
        ).scalar_one()
        for number in range(3):
            connection.execute(
                insert(unit).values(layer_id="units", source_key=str(number), building_id=home, area_m2=50.0)
            )
    [cell] = run(engine, layer="units", grid="beidou", level=4, field="area_m2")["features"]
    assert cell["properties"] == {"code": str(encode(114.2005, 22.7005, 4)), "count": 3, "sum": 150.0}


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"grid": "h3", "level": 16}, "resolution 16"),
        ({"grid": "beidou", "level": 11}, "level 11"),
        ({"grid": "h3", "level": 8, "field": "name"}, "no number"),
        ({"grid": "h3", "level": 8, "field": "geom"}, "no number"),
    ],
)
def test_what_cannot_be_answered_is_named(engine: Engine, asked: dict[str, Any], word: str) -> None:
    with pytest.raises(InvalidInput, match=word):
        run(engine, layer="resources", **asked)


def test_an_empty_layer_has_no_cells_and_a_hidden_one_is_not_there(engine: Engine) -> None:
    assert run(engine, layer="resources", grid="h3", level=8)["features"] == []
    with pytest.raises(NotFound, match="nothing_here"):
        run(engine, VIEWER, layer="nothing_here", grid="h3", level=8)
