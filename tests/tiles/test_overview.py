"""Small scales by the catalogue's policy, against sums that numpy makes of the same objects."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy import Connection, insert, select, text, update

from cim.access import Caller
from cim.errors import InvalidInput
from cim.tables import building, camera, layer, overview_cell, road
from tests.tiles.test_mvt import HALF_WORLD, TO_MERCATOR, decode, decoded_ids, tile_at
from tiles.mvt import build_tile
from tiles.overview import policy_of
from tiles.settle import settle

ADMIN = Caller("admin")
LONGITUDE, LATITUDE = 114.22, 22.70
USES = ("住宅", "厂房", "学校")
AREAS = ("440307001001", "440307002002")


def set_policy(connection: Connection, layer_id: str, **told: Any) -> None:
    connection.execute(update(layer).where(layer.c.id == layer_id).values(overview=told))


@pytest.fixture
def town(connection: Connection, add_rows: Any) -> list[dict[str, Any]]:
    """600 square buildings over 20 km, some beyond the tiles that are looked at; their sums are made."""
    random = np.random.default_rng(11)
    rows = []
    for _ in range(600):
        lon, lat = random.normal((LONGITUDE, LATITUDE), (0.05, 0.04))
        half = random.uniform(4e-5, 3e-4)
        rows.append({
            "geom": shapely.MultiPolygon([shapely.box(lon - half, lat - half, lon + half, lat + half)]),
            "use": USES[int(random.integers(3))], "floor_area_m2": float(random.integers(100, 9000)),
            "area_code": AREAS[int(lon > LONGITUDE)],
        })  # fmt: skip
    add_rows("building", "buildings", rows)
    settle(connection)
    return rows


def cells_of(rows: list[dict[str, Any]], z: int, x: int, y: int) -> dict[tuple[int, int], list[dict[str, Any]]]:
    """Return the objects by the cell of the tile (64 a side, one more around) that the middle of their box lies in."""
    found = defaultdict(list)
    side = 2 * HALF_WORLD / 2**z / 64
    for row in rows:
        west, south, east, north = row["geom"].bounds
        west, south = TO_MERCATOR.transform(west, south)
        east, north = TO_MERCATOR.transform(east, north)
        column = int(((west + east) / 2 + HALF_WORLD) // side) - 64 * x
        line = int((HALF_WORLD - (south + north) / 2) // side) - 64 * y
        if -1 <= column <= 64 and -1 <= line <= 64:
            found[column, line].append(row)
    return found


def place(feature: dict[str, Any]) -> tuple[int, int]:
    middle = shapely.geometry.shape(feature["geometry"]).centroid
    return int(middle.x // 64), int(middle.y // 64)


@pytest.mark.parametrize("z", [8, 10, 12])
def test_a_grid_counts_and_sums_what_lies_in_each_cell(
    connection: Connection, town: list[dict[str, Any]], z: int
) -> None:
    x, y = tile_at(LONGITUDE, LATITUDE, z)
    features = decode(build_tile(connection, ["buildings"], z, x, y, ADMIN))["buildings"]["features"]
    expected = cells_of(town, z, x, y)
    assert {place(feature) for feature in features} == set(expected)
    assert len(features) == len(expected)
    for feature in features:
        objects = expected[place(feature)]
        told = feature["properties"]
        assert told["count"] == len(objects)
        assert told["floor_area_m2"] == pytest.approx(sum(row["floor_area_m2"] for row in objects))
        areas: Counter[str] = Counter()
        for row in objects:
            areas[row["use"]] += round(row["geom"].area * 1e12)
        first, *others = areas.most_common()
        if all(first[1] > 1.01 * other[1] for other in others):
            assert told["use"] == first[0]
        assert "id" not in feature or not feature["id"]
    assert sum(feature["properties"]["count"] for feature in features) == sum(map(len, expected.values()))


def test_the_objects_of_other_areas_are_not_counted(connection: Connection, town: list[dict[str, Any]]) -> None:
    x, y = tile_at(LONGITUDE, LATITUDE, 10)
    caller = Caller("viewer", AREAS[0][:9])
    features = decode(build_tile(connection, ["buildings"], 10, x, y, caller))["buildings"]["features"]
    own = [row for row in town if row["area_code"] == AREAS[0]]
    assert sum(feature["properties"]["count"] for feature in features) == sum(
        map(len, cells_of(own, 10, x, y).values())
    )


def test_sums_follow_every_change(connection: Connection, town: list[dict[str, Any]]) -> None:
    ids = connection.execute(select(building.c.id).order_by(building.c.id)).scalars().all()
    connection.execute(building.delete().where(building.c.id.in_(ids[:30])))
    moved = "ST_Translate(geom, 0.01, 0.004)"
    connection.execute(text(f"update cim.building set geom = {moved} where id = any(:ids)"), {"ids": ids[30:60]})
    connection.execute(update(building).where(building.c.id.in_(ids[60:300])).values(use="医院", floor_area_m2=1))
    assert settle(connection) > 0
    kept = connection.execute(
        select(*(column for column in overview_cell.c if column.name not in {"sum_x", "sum_y", "sums"}))
        .where(overview_cell.c.layer_id == "buildings")
    )  # fmt: skip
    found = sorted(tuple(row) for row in kept)
    set_policy(connection, "buildings", kind="grid", below=12, by="use", sums=["area_m2", "floor_area_m2"])
    connection.execute(overview_cell.delete())
    # The policy has changed: all is summed anew.
    assert settle(connection) == 1
    again = connection.execute(
        select(*(column for column in overview_cell.c if column.name not in {"sum_x", "sum_y", "sums"}))
    )
    assert sorted(tuple(row) for row in again) == found


def test_cells_of_one_value_are_joined(connection: Connection, town: list[dict[str, Any]]) -> None:
    set_policy(connection, "buildings", kind="merge", below=13, by="use")
    settle(connection)
    x, y = tile_at(LONGITUDE, LATITUDE, 11)
    features = decode(build_tile(connection, ["buildings"], 11, x, y, ADMIN))["buildings"]["features"]
    assert sorted(feature["properties"]["use"] for feature in features) == sorted(USES)
    assert sum(feature["properties"]["count"] for feature in features) == sum(
        map(len, cells_of(town, 11, x, y).values())
    )
    shapes = [shapely.geometry.shape(feature["geometry"]) for feature in features]
    cells = len(cells_of(town, 11, x, y))
    assert sum(shape.area for shape in shapes) == pytest.approx(cells * 64 * 64)
    assert shapely.unary_union(shapes).area == pytest.approx(cells * 64 * 64)


def test_points_are_clustered_and_a_lonely_one_is_itself(connection: Connection, add_rows: Any) -> None:
    random = np.random.default_rng(3)
    crowd = random.normal((LONGITUDE + 0.002, LATITUDE + 0.002), 2e-5, (200, 2))
    points = [shapely.Point(*xy) for xy in [*crowd.tolist(), (LONGITUDE + 0.03, LATITUDE)]]
    ids = add_rows("camera", "cameras", [{"geom": point} for point in points])
    settle(connection)
    x, y = tile_at(LONGITUDE, LATITUDE, 10)
    features = decode(build_tile(connection, ["cameras"], 10, x, y, ADMIN))["cameras"]["features"]
    assert sum(feature["properties"]["count"] for feature in features) == 201
    [lonely] = [feature for feature in features if feature["properties"]["count"] == 1]
    assert lonely["id"] == ids[-1]
    [crowded] = [feature for feature in features if feature["properties"]["count"] == 200]
    east, north = TO_MERCATOR.transform(*crowd.T)
    side = 2 * HALF_WORLD / 2**10
    middle = ((east.mean() + HALF_WORLD) / side - x) * 4096, ((HALF_WORLD - north.mean()) / side - y) * 4096
    assert crowded["geometry"]["coordinates"] == pytest.approx(middle, abs=1)
    assert decoded_ids(
        build_tile(connection, ["cameras"], 13, *tile_at(LONGITUDE, LATITUDE, 13), ADMIN), "cameras"
    ) >= {*ids[:200]}


def test_the_first_of_many_by_an_order(connection: Connection, add_rows: Any) -> None:
    lines = [
        shapely.MultiLineString([[(LONGITUDE, LATITUDE + n * 1e-5), (LONGITUDE + 0.001 * (n + 1), LATITUDE)]])
        for n in range(40)
    ]
    ids = add_rows("road", "roads", [{"geom": line} for line in lines])
    set_policy(connection, "roads", kind="top", below=13, most=5, order="-length_m")
    tile = tile_at(LONGITUDE, LATITUDE, 12)
    assert decoded_ids(build_tile(connection, ["roads"], 12, *tile, ADMIN), "roads") == set(ids[-5:])
    tile = tile_at(LONGITUDE, LATITUDE, 14)
    assert len(decoded_ids(build_tile(connection, ["roads"], 14, *tile, ADMIN), "roads")) > 5


@pytest.mark.parametrize(
    "told", [{"kind": "heap"}, {"below": 12}, {"kind": "grid", "below": 15}, {"kind": "top", "colour": "red"}]
)
def test_a_policy_that_cannot_be_followed_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="overview"):
        policy_of(told)


def test_an_order_that_is_no_column_is_refused(connection: Connection) -> None:
    set_policy(connection, "roads", kind="top", order="-1; drop table")
    with pytest.raises(InvalidInput, match="no column"):
        build_tile(connection, ["roads"], 10, *tile_at(LONGITUDE, LATITUDE, 10), ADMIN)


def test_free_attributes_of_generic_layers_can_be_summed(connection: Connection, add_rows: Any) -> None:
    values = {"id": "trees", "theme_id": "other", "title_zh": "树", "title_en": "Trees", "table_name": "feature",
              "geometry_type": "point", "overview": {"kind": "grid", "by": "种类", "sums": ["株数"]}}  # fmt: skip
    connection.execute(insert(layer).values(values))
    spots = [(0, "榕树", 3), (1e-6, "榕树", 4), (2e-6, "凤凰木", 5)]
    add_rows("feature", "trees", [
        {"geom": shapely.Point(LONGITUDE + east, LATITUDE), "attributes": {"种类": kind, "株数": number}}
        for east, kind, number in spots
    ])  # fmt: skip
    settle(connection)
    [feature] = decode(build_tile(connection, ["trees"], 12, *tile_at(LONGITUDE, LATITUDE, 12), ADMIN))["trees"][
        "features"
    ]
    assert feature["properties"] == {"count": 3, "种类": "榕树", "株数": 12}


def test_tables_with_policies_have_their_columns() -> None:
    assert {"area_m2", "floor_area_m2", "use"} <= set(building.c.keys())
    assert "length_m" in road.c
    assert "area_code" in camera.c
