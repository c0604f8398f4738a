"""Buildings as 3D Tiles: read as a client reads them, places against pyproj, rules of the specification."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import shapely
from pyproj import Geod
from sqlalchemy import Connection, func, insert, select, update

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from cim.tables import building, building_source, dataset, layer
from tests.tiles.city3d_reader import (
    ADMIN,
    METRES,
    TO_EARTH,
    apart,
    check_glbs,
    check_places,
    degrees,
    of_feature,
    read,
)
from tiles.tiles3d.city import layout, subtree, tileset
from tiles.tiles3d.city.tileset import city_content, city_subtree, city_tileset
from tiles.tiles3d.city.wanted import Wanted

USES = ["住宅", "厂房", "医院", "别的", None]


@pytest.fixture
def town(
    add_rows: Any, footprints: list[shapely.MultiPolygon], monkeypatch: pytest.MonkeyPatch
) -> dict[int, dict[str, Any]]:
    """300 buildings: one around a court, one L-shaped, one without height, one without base, some tall.

    Cells of more than a dozen are divided, so that there are many levels.
    """
    monkeypatch.setattr(layout, "FEW_OBJECTS", 12)
    court = degrees([(500, 500), (560, 500), (560, 540), (500, 540)]), degrees([(510, 510), (550, 510), (530, 530)])
    bent = degrees([(-500, -500), (-440, -500), (-440, -480), (-480, -480), (-480, -450), (-500, -450)])
    shapes = [shapely.MultiPolygon([shapely.Polygon(court[0], [court[1]])]),
              shapely.MultiPolygon([shapely.Polygon(bent)]), *footprints[2:]]  # fmt: skip
    random = np.random.default_rng(3)
    rows = [
        {"geom": shape, "height_m": float(random.choice([6, 18, 33, 120])),
         "base_height_m": float(random.uniform(20, 60)), "use": USES[number % 5],
         "name": f"楼{number}", "code": f"C{number}",
         "area_code": "440307001" if number < 100 else "440307002"}
        for number, shape in enumerate(shapes)
    ]  # fmt: skip
    rows[2]["height_m"] = None
    rows[3]["base_height_m"] = None
    return dict(zip(add_rows("building", "buildings", rows), rows, strict=True))


@pytest.mark.parametrize("ground", ["true", "flat"])
def test_every_building_is_drawn_once_and_to_a_centimetre(
    connection: Connection, town: dict[int, dict[str, Any]], ground: Any
) -> None:
    tiles = read(connection, "buildings", ground=ground)
    assert Counter(row["id"] for tile in tiles for row in tile.table()) == Counter(town.keys())
    assert len({tile.address[0] for tile in tiles}) >= 4
    for tile in tiles:
        for number, row in enumerate(tile.table()):
            said = town[row["id"]]
            base = 0.0 if ground == "flat" else said["base_height_m"] or 0.0
            corners = shapely.get_coordinates(said["geom"])
            expected = [np.column_stack(TO_EARTH.transform(*corners.T, np.full(len(corners), base + height)))
                        for height in (0.0, said["height_m"] or 6.0)]  # fmt: skip
            assert apart(of_feature(tile, number)[0], np.vstack(expected)) < 0.01


def test_walls_and_roofs_cover_what_they_should(connection: Connection, town: dict[int, dict[str, Any]]) -> None:
    geodesic = Geod(ellps="GRS80")
    for tile in read(connection, "buildings"):
        for number, row in enumerate(tile.table()):
            said, (_, triangles) = town[row["id"]], of_feature(tile, number)
            across = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
            up = triangles[:, 0] / np.linalg.norm(triangles[:, 0], axis=1)[:, None]
            area = np.linalg.norm(across, axis=1) / 2
            is_roof = (across * up).sum(axis=1) / (2 * area) > 0.9
            assert np.abs((across[~is_roof] * up[~is_roof]).sum(axis=1) / (2 * area[~is_roof])).max() < 0.01
            polygon = said["geom"].geoms[0]
            expected = abs(geodesic.geometry_area_perimeter(shapely.orient_polygons(polygon))[0])
            assert area[is_roof].sum() == pytest.approx(expected, rel=1e-3)
            around = sum(geodesic.geometry_length(ring) for ring in (polygon.exterior, *polygon.interiors))
            assert area[~is_roof].sum() == pytest.approx(around * (said["height_m"] or 6.0), rel=1e-3)


@pytest.mark.parametrize("ground", ["true", "flat"])
def test_what_a_tile_draws_lies_in_its_region(
    connection: Connection, town: dict[int, dict[str, Any]], ground: Any
) -> None:
    check_places(read(connection, "buildings", ground=ground))


def test_large_buildings_come_first(connection: Connection, town: dict[int, dict[str, Any]]) -> None:
    found = city_tileset(connection, "buildings", Wanted(ADMIN))
    root = found["root"]
    assert found["geometricError"] > root["geometricError"] > 0
    assert (root["refine"], root["implicitTiling"]["subdivisionScheme"]) == ("ADD", "QUADTREE")
    tiles = {tile.address: tile for tile in read(connection, "buildings")}
    for level, x, y in tiles:
        below = {address for address in tiles if address[0] > level
                 and (address[1] >> address[0] - level, address[2] >> address[0] - level) == (x, y)}  # fmt: skip
        for address in below:
            for row in tiles[address].table():
                west, south, east, north = town[row["id"]]["geom"].bounds
                size = max((east - west) * METRES[0], (north - south) * METRES[1], town[row["id"]]["height_m"] or 6.0)
                # what a tile leaves to those below it is at most a quarter of its error, which halves with each level
                assert size <= root["geometricError"] / 2**level / 4 * 1.01


def test_subtrees_say_what_there_is(
    connection: Connection, town: dict[int, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = {tile.address for tile in read(connection, "buildings")}
    assert whole == {
        (level, x, y) for level in range(5) for x in range(2**level) for y in range(2**level)
        if city_content(connection, "buildings", level, x, y, Wanted(ADMIN))
    } | {address for address in whole if address[0] > 4}  # fmt: skip
    # the same tiles by many small subtrees
    for module in (subtree, tileset):
        monkeypatch.setattr(module, "SUBTREE_LEVELS", 2)
    assert {tile.address for tile in read(connection, "buildings")} == whole
    with pytest.raises(InvalidInput, match="no subtree begins at level 1"):
        city_subtree(connection, "buildings", 1, 0, 0, Wanted(ADMIN))


def test_a_change_touches_one_tile(connection: Connection, town: dict[int, dict[str, Any]]) -> None:
    before = {tile.address: tile for tile in read(connection, "buildings")}
    changed = list(town)[40]
    connection.execute(update(building).where(building.c.id == changed).values(name="新名", use="医院"))
    after = {tile.address: tile for tile in read(connection, "buildings")}
    assert before.keys() == after.keys()
    (other,) = [address for address in before if before[address].glb.body != after[address].glb.body]
    assert changed in [row["id"] for row in after[other].table()]


def test_features_and_colours_are_those_of_the_layer(connection: Connection, town: dict[int, dict[str, Any]]) -> None:
    legend = connection.execute(select(layer.c.style).where(layer.c.id == "buildings")).scalar_one()["legend"]
    colors = {item["value"]: item["color"] for item in legend}
    for tile in read(connection, "buildings"):
        table = tile.table()
        for row in table:
            said = {name: town[row["id"]][name] for name in ("code", "name")}
            assert row | said | {"use": town[row["id"]]["use"] or "", "has_model": 0} == row
            assert row["height_m"] == town[row["id"]]["height_m"]
        for primitive, (_, rows, _) in zip(tile.glb.primitives(), tile.vertices(), strict=True):
            uses = {table[row]["use"] for row in rows}
            (color,) = {colors.get(use, colors[None]) for use in uses}
            light = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
            linear = [((part + 0.055) / 1.055) ** 2.4 if part > 0.04045 else part / 12.92 for part in light]
            shown = tile.glb.document["materials"][primitive["material"]]["pbrMetallicRoughness"]["baseColorFactor"]
            assert shown == pytest.approx([*linear, 1.0], abs=1e-4)


def test_who_may_not_see_the_layer_or_the_area(connection: Connection, town: dict[int, dict[str, Any]]) -> None:
    there = Caller("planner", "440307001")
    mine = [row["id"] for tile in read(connection, "buildings", there) for row in tile.table()]
    assert sorted(mine) == list(town)[:100]
    with pytest.raises(NotFound, match="nothing to draw"):
        city_tileset(connection, "buildings", Wanted(Caller("planner", "990000")))
    with pytest.raises(NotFound, match="no 3D tiles"):
        city_tileset(connection, "roads", Wanted(ADMIN))
    connection.execute(update(layer).where(layer.c.id == "buildings").values(visibility="commander"))
    for call in (city_tileset, lambda *given: city_subtree(*given[:2], 0, 0, 0, given[2])):
        with pytest.raises(NotFound, match="no layer"):
            call(connection, "buildings", Wanted(Caller("planner")))


def test_addresses_out_of_range(connection: Connection, town: dict[int, dict[str, Any]]) -> None:
    for address in ((16, 0, 0), (1, 2, 0), (1, 0, 2), ("-1", 0, 0), (0, "x", 0), (3, "9" * 30, 0), ("²", 0, 0)):
        with pytest.raises(InvalidInput, match="use a whole number from 0 to"):
            city_content(connection, "buildings", *address, Wanted(ADMIN))
    assert city_content(connection, "buildings", 15, 0, 0, Wanted(ADMIN)) is None
    with pytest.raises(NotFound, match="no tiles below"):
        city_subtree(connection, "buildings", 8, 255, 255, Wanted(ADMIN))


def test_buildings_with_models_can_be_left_out(
    connection: Connection, town: dict[int, dict[str, Any]], add_rows: Any
) -> None:
    modelled, waiting, *_ = town
    add_rows("model", "models", [
        {"ifc_schema": "IFC4", "status": "placed", "building_id": modelled, "placement": [1.0] * 16, "source_key": "a"},
        {"ifc_schema": "IFC4", "status": "waiting", "building_id": waiting, "source_key": "b"}])  # fmt: skip
    shown = {row["id"]: row["has_model"] for tile in read(connection, "buildings") for row in tile.table()}
    assert [number for number, flag in shown.items() if flag] == [modelled]
    tiles = read(connection, "buildings", without_models=True)
    assert {row["id"] for tile in tiles for row in tile.table()} == set(town) - {modelled}
    uris = city_tileset(connection, "buildings", Wanted(ADMIN, "flat", without_models=True))["root"]
    assert uris["content"]["uri"] == "content/{level}/{x}/{y}.glb?ground=flat&without=models"


#: A house of 10 x 8 m with a gabled roof: eaves at 5 m, ridge at 8 m, base at 30 m; metres east, north, height. One
#: wall has no area, as those of real files.
HOUSE = {
    "G": [[(0, 0, 30), (0, 8, 30), (10, 8, 30), (10, 0, 30)]],
    "W": [[(0, 0, 30), (10, 0, 30), (10, 0, 35), (0, 0, 35)], [(10, 8, 30), (0, 8, 30), (0, 8, 35), (10, 8, 35)],
          [(0, 8, 30), (0, 0, 30), (0, 0, 35), (0, 4, 38), (0, 8, 35)],
          [(10, 0, 30), (10, 8, 30), (10, 8, 35), (10, 4, 38), (10, 0, 35)],
          [(0, 0, 30), (10, 0, 30), (10, 0, 30), (0, 0, 30)]],
    "R": [[(0, 0, 35), (10, 0, 35), (10, 4, 38), (0, 4, 38)], [(10, 8, 35), (0, 8, 35), (0, 4, 38), (10, 4, 38)]],
}  # fmt: skip


@pytest.mark.parametrize("ground", ["true", "flat"])
def test_a_building_with_surfaces_of_a_city_model(connection: Connection, add_rows: Any, ground: Any) -> None:
    def placed(ring: list[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
        return [(*degrees([(x, y)])[0], z) for x, y, z in ring]

    footprint = shapely.MultiPolygon([shapely.Polygon([point[:2] for point in placed(HOUSE["G"][0])])])
    (number,) = add_rows("building", "buildings", [{"geom": footprint, "height_m": 8.0, "base_height_m": 30.0}])
    surfaces = [(kind, shapely.Polygon(placed(ring))) for kind, rings in HOUSE.items() for ring in rings]
    source = connection.execute(
        insert(dataset).values(name="city", file_name="city.json", format="CityJSON", checksum=b"", size_bytes=1)
        .returning(dataset.c.id)
    ).scalar_one()  # fmt: skip
    shell = shapely.to_wkb(shapely.MultiPolygon([each for _, each in surfaces]), hex=True)
    connection.execute(
        insert(building_source).values(
            building_id=number, dataset_id=source, source_key="house", kind="footprint",
            lod2=func.ST_SetSRID(func.cast(shell, type_=building_source.c.lod2.type), 4490),
            lod2_surfaces="".join(kind for kind, _ in surfaces),
        )
    )  # fmt: skip
    (tile,) = read(connection, "buildings", ground=ground)
    vertices, triangles = of_feature(tile, 0)
    points = np.array(
        [point for kind, rings in HOUSE.items() if kind != "G" for ring in rings for point in placed(ring)]
    )
    lift = -30.0 if ground == "flat" else 0.0
    assert apart(vertices, np.column_stack(TO_EARTH.transform(*points[:, :2].T, points[:, 2] + lift))) < 0.01
    across = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    middle = triangles.mean(axis=1) - vertices.mean(axis=0)
    assert ((across * middle).sum(axis=1) > 0).all()
    # two long walls of 10 x 5, two gables of 8 x 5 + 8 x 3 / 2, two slopes of 10 x 5
    assert np.linalg.norm(across, axis=1).sum() / 2 == pytest.approx(2 * 50 + 2 * 52 + 2 * 50, rel=5e-3)
    assert len(tile.glb.document["materials"]) == 2
    check_glbs([tile])


def test_contents_pass_the_gltf_validator(connection: Connection, town: dict[int, dict[str, Any]]) -> None:
    check_glbs(read(connection, "buildings")[:4])
