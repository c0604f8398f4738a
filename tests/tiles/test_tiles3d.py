"""BIM models as 3D Tiles: places against pyproj, contents decoded, rules of the specification."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import shapely
from pyproj import Transformer
from sqlalchemy import Connection, func, insert, select, update

from cim.access import Caller
from cim.errors import NotFound
from cim.tables import element, layer, mesh, mesh_instance, model, storey
from tiles.tiles3d.models import content, tileset
from tiles.tiles3d.parts import Part, PartBounds
from tiles.tiles3d.summary import model_summary
from tiles.tiles3d.tree import join_small

ADMIN = Caller("admin")
METRIC_CRS = "EPSG:4547"
ANGLE = np.radians(37.0)
EAST, NORTH, HEIGHT = 522_104.533, 2_511_831.75, 41.3
#: model metres -> EPSG:4547, turned by 37 degrees
PLACEMENT = np.array(
    [
        [np.cos(ANGLE), -np.sin(ANGLE), 0, EAST],
        [np.sin(ANGLE), np.cos(ANGLE), 0, NORTH],
        [0, 0, 1, HEIGHT],
        [0, 0, 0, 1],
    ]
)
GLASS = [0.5, 0.7, 0.9, 0.35]
BRICK = [0.6, 0.3, 0.2, 1.0]

BOX = np.array([[x, y, z] for x in (0, 4) for y in (0, 0.3) for z in (0, 3)], dtype="<f4")
#: Corner numbers are xyz bits; two triangles a side, turned outwards.
BOX_SIDES = np.array(
    [
        [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
        [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3],
    ],
    dtype="<u4",
)  # fmt: skip


#: A storey's outline in model metres: an L of 300 m2.
L_SHAPE = [(10, 20), (30, 20), (30, 30), (20, 30), (20, 40), (10, 40)]


def outline() -> shapely.MultiPolygon:
    """Return the L in degrees, each corner transformed by pyproj on its own."""
    corners = np.column_stack([np.array(L_SHAPE, float), np.zeros(6), np.ones(6)]) @ PLACEMENT.T
    degrees = Transformer.from_crs(METRIC_CRS, "EPSG:4490", always_xy=True).transform(corners[:, 0], corners[:, 1])
    return shapely.MultiPolygon([shapely.Polygon(np.column_stack(degrees))])


@pytest.fixture
def house(connection: Connection, add_rows: Any) -> dict[str, Any]:
    """A model of two storeys: walls of one shared mesh, a window of two materials, a chair, a mast without storey."""
    (model_id,) = add_rows(
        "model", "models",
        [{"ifc_schema": "IFC4", "status": "placed", "metric_crs": METRIC_CRS,
          "placement": PLACEMENT.ravel().tolist(), "height_m": HEIGHT, "name": "测试楼"}],
    )  # fmt: skip
    storeys = add_rows(
        "storey", "storeys",
        [{"model_id": model_id, "number": n, "name": name, "elevation_m": e, "base_height_m": HEIGHT + 0.2 + e,
          "height_m": 3.0, "source_key": name, "geom": outline()}
         for n, name, e in ((-1, "地下一层", -3.0), (1, "首层", 0.0))],
    )  # fmt: skip
    digest = hashlib.sha256(b"box").digest()
    connection.execute(
        insert(mesh).values(
            hash=digest, positions=BOX.tobytes(), triangles=BOX_SIDES.tobytes(), parts=[[0, 8, 0], [8, 4, 1]],
            vertex_count=8, triangle_count=12, bounds=[0.0, 0.0, 0.0, 4.0, 0.3, 3.0],
        )
    )  # fmt: skip
    mirrored = np.diag([-1.0, 1, 1])
    things: list[tuple[str, str | None, int | None, Any, list[float], list[Any]]] = [
        ("IfcWall", "墙A", storeys[0], np.eye(3), [10, 20, -3], [BRICK, BRICK]),
        ("IfcWall", "wall B", storeys[1], np.eye(3), [10, 20, 0], [BRICK, BRICK]),
        ("IfcWindow", None, storeys[1], mirrored, [250, -160, 0.5], [BRICK, GLASS]),
        ("IfcFurniture", "chair", storeys[1], np.eye(3), [11, 21, 0], []),
        ("IfcSlab", "mast", None, np.eye(3), [12, 22, 5], [BRICK]),
    ]
    elements = add_rows(
        "element", "elements",
        [{"model_id": model_id, "ifc_class": kind, "name": name, "storey_id": storey_id, "global_id": f"gid-{name}"}
         | {"system": "幕墙" if kind == "IfcWindow" else None} for kind, name, storey_id, *_ in things],
    )  # fmt: skip
    placements = []
    for element_id, (_, _, _, turn, shift, materials) in zip(elements, things, strict=True):
        placement = np.column_stack([turn, shift])
        placements.append(placement)
        connection.execute(
            insert(mesh_instance).values(
                model_id=model_id, element_id=element_id, mesh_hash=digest,
                placement=placement.ravel().tolist(), materials=materials,
            )
        )  # fmt: skip
    (space,) = add_rows("space", "spaces", [{"model_id": model_id, "storey_id": storeys[1], "name": "room"}])
    connection.execute(
        insert(mesh_instance).values(
            model_id=model_id, element_id=space, element_table="space", mesh_hash=digest,
            placement=np.column_stack([np.eye(3), [9000, 0, 0]]).ravel().tolist(),
        )
    )  # fmt: skip
    return {"model": model_id, "storeys": storeys, "elements": elements, "placements": placements}


class Glb:
    """A parsed binary glTF."""

    def __init__(self, body: bytes) -> None:
        magic, version, length = struct.unpack_from("<4sII", body)
        assert (magic, version, length) == (b"glTF", 2, len(body))
        size, kind = struct.unpack_from("<II", body, 12)
        assert kind == 0x4E4F534A
        self.document = json.loads(body[20 : 20 + size])
        self.start = 28 + size
        self.body = body

    def view(self, number: int) -> bytes:
        view = self.document["bufferViews"][number]
        start = self.start + view["byteOffset"]
        assert start % 8 == 0
        return self.body[start : start + view["byteLength"]]

    def accessor(self, number: int) -> Any:
        found = self.document["accessors"][number]
        kind = {5126: "<f4", 5123: "<u2", 5125: "<u4"}[found["componentType"]]
        values = np.frombuffer(self.view(found["bufferView"]), kind)[
            : found["count"] * {"SCALAR": 1, "VEC3": 3}[found["type"]]
        ]
        return values.reshape(-1, 3) if found["type"] == "VEC3" else values

    def primitives(self) -> list[dict[str, Any]]:
        return list(self.document["meshes"][0]["primitives"])

    def table(self) -> list[dict[str, Any]]:
        extension = self.document["extensions"]["EXT_structural_metadata"]
        (table,) = extension["propertyTables"]
        columns = {}
        for name, column in table["properties"].items():
            if "stringOffsets" in column:
                offsets = np.frombuffer(self.view(column["stringOffsets"]), "<u4")
                text = self.view(column["values"])
                columns[name] = [text[a:b].decode() for a, b in itertools.pairwise(offsets)]
            else:
                columns[name] = np.frombuffer(self.view(column["values"]), "<u8").tolist()
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def tiles_of(tile: dict[str, Any], above: Any = None) -> list[tuple[dict[str, Any], Any]]:
    """Return a tile and all below it, each with the matrix from its metres to the earth."""
    matrix = np.eye(4) if above is None else above
    if "transform" in tile:
        matrix = matrix @ np.array(tile["transform"]).reshape(4, 4).T
    return [(tile, matrix)] + [each for child in tile.get("children", []) for each in tiles_of(child, matrix)]


def content_with(connection: Connection, model_id: int, found: dict[str, Any], element: int) -> tuple[Glb, Any]:
    """Return the only content with an element, and its matrix."""
    contents = [
        (Glb(content(connection, model_id, tile["content"]["uri"].removesuffix(".glb"), ADMIN)), matrix)
        for tile, matrix in tiles_of(found["root"])
        if "content" in tile
    ]
    (one,) = [each for each in contents if element in [row["id"] for row in each[0].table()]]
    return one


def on_earth(matrix: Any, glb: Glb, element: int) -> Any:
    """Return geocentric coordinates of an element's vertices as a client computes them."""
    row = [row["id"] for row in glb.table()].index(element)
    vertices = []
    for primitive in glb.primitives():
        positions = glb.accessor(primitive["attributes"]["POSITION"]).astype(np.float64)
        of_element = glb.accessor(primitive["attributes"]["_FEATURE_ID_0"]) == row
        x, y, z = positions[of_element].T
        vertices.append(np.column_stack([x, -z, y]))  # glTF's y up -> z up
    local = np.vstack(vertices)
    return local @ matrix[:3, :3].T + matrix[:3, 3]


def directly(placement: Any, lift_m: float = 0.0) -> Any:
    """Return geocentric coordinates of the box's corners, each transformed by pyproj on its own."""
    model_metres = BOX.astype(np.float64) @ placement[:, :3].T + placement[:, 3]
    east, north, height = (model_metres @ PLACEMENT[:3, :3].T + PLACEMENT[:3, 3]).T
    longitude, latitude = Transformer.from_crs(METRIC_CRS, "EPSG:4490", always_xy=True).transform(east, north)
    to_earth = Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)
    return np.column_stack(to_earth.transform(longitude, latitude, height + lift_m))


@pytest.mark.parametrize(("ground", "lift_m"), [("true", 0.0), ("flat", -(HEIGHT + 0.2))])
def test_every_vertex_is_within_a_centimetre_of_its_place(
    connection: Connection, house: dict[str, Any], ground: Any, lift_m: float
) -> None:
    found = tileset(connection, house["model"], ADMIN, ground=ground)
    for number, placement in zip(house["elements"], house["placements"], strict=True):
        glb, matrix = content_with(connection, house["model"], found, number)
        seen, expected = on_earth(matrix, glb, number), directly(placement, lift_m)
        apart = np.linalg.norm(seen[:, None] - expected[None], axis=2)
        assert apart.min(axis=1).max() < 0.01
        assert apart.min(axis=0).max() < 0.01


def corners_of(volume: dict[str, Any]) -> Any:
    """Return the eight corners of a bounding box."""
    box = np.array(volume["box"])
    signs = np.array(list(itertools.product((-1, 1), repeat=3)))
    return box[:3] + signs @ box[3:].reshape(3, 3)


def is_inside(points: Any, volume: dict[str, Any]) -> bool:
    """Tell whether points lie in a box along the axes, to a millimetre."""
    corners = corners_of(volume)
    return bool((points >= corners.min(axis=0) - 1e-3).all() and (points <= corners.max(axis=0) + 1e-3).all())


def test_the_tileset_keeps_the_rules(connection: Connection, house: dict[str, Any]) -> None:
    found = tileset(connection, house["model"], ADMIN)
    root = found["root"]
    assert found["asset"]["version"] == "1.1"
    assert found["geometricError"] >= root["geometricError"]
    inside = 0
    for parent, to_earth in tiles_of(root):
        to_parent = np.linalg.inv(to_earth)
        for child, child_to_earth in tiles_of(parent, to_earth @ np.linalg.inv(_own(parent))):
            assert child["geometricError"] <= parent["geometricError"]
            if "content" not in child:
                continue
            # what is drawn below a tile lies in the tile's own box
            glb = Glb(content(connection, house["model"], child["content"]["uri"].removesuffix(".glb"), ADMIN))
            for primitive in glb.primitives():
                x, y, z = glb.accessor(primitive["attributes"]["POSITION"]).astype(np.float64).T
                earth = np.column_stack([x, -z, y, np.ones(len(x))]) @ child_to_earth.T
                assert is_inside((earth @ to_parent.T)[:, :3], parent["boundingVolume"])
                assert is_inside(np.column_stack([x, -z, y]), child["boundingVolume"])
                inside += 1
    assert inside > 0
    assert max(abs(value) for value in root["boundingVolume"]["box"]) < 400


def _own(tile: dict[str, Any]) -> Any:
    return np.array(tile["transform"]).reshape(4, 4).T if "transform" in tile else np.eye(4)


def test_the_tree_goes_from_blocks_to_storeys_to_disciplines(connection: Connection, house: dict[str, Any]) -> None:
    root = tileset(connection, house["model"], ADMIN)["root"]
    lower, upper = house["storeys"]
    assert root["refine"] == "REPLACE"
    assert root["content"]["uri"].startswith("blocks_")
    assert [tile["extras"]["storey"] for tile in root["children"]] == [
        {"id": lower, "name": "地下一层", "number": -1, "elevation_m": -3.0},
        {"id": upper, "name": "首层", "number": 1, "elevation_m": 0.0},
        None,
    ]
    names = [tile["content"]["uri"].split("_")[0] for tile, _ in tiles_of(root) if "content" in tile]
    # the lowest storey first; nothing for spaces
    architecture, furnishing = f"s{upper}-architecture", f"s{upper}-furnishing"
    assert names == ["blocks", f"s{lower}-architecture", architecture, furnishing, "rest-structure"]
    (near,) = root["children"][1]["children"]
    assert "content" not in near
    assert near["children"][0]["extras"] == {"disciplines": ["furnishing"]}


def test_disciplines_of_few_elements_share_a_content() -> None:
    def bounds(discipline: str, count: int, x: float) -> PartBounds:
        return PartBounds(Part(7, (discipline,)), (0, 0, 0), np.array([x, 0, 0]), np.array([x + 1, 1, 1]), count)

    parts = [
        bounds("architecture", 500, 0),
        bounds("structure", 300, 1),
        bounds("mep", 20, 2),
        bounds("furnishing", 9, 5),
    ]
    joined = join_small(parts)
    assert [each.part.name for each in joined] == ["s7-architecture", "s7-structure", "s7-mep.furnishing"]
    assert (joined[2].low[0], joined[2].high[0], joined[2].drawings) == (2, 6, 29)
    # what is seen from afar does not wait for details, however little it is
    assert len(join_small([bounds("structure", 1, 0), bounds("mep", 1, 0)])) == 2


def test_a_joined_content_has_the_elements_of_all_its_disciplines(
    connection: Connection, house: dict[str, Any], add_rows: Any
) -> None:
    (pipe,) = add_rows(
        "element", "elements",
        [{"model_id": house["model"], "ifc_class": "IfcPipeSegment", "storey_id": house["storeys"][1],
          "source_key": "pipe"}],
    )  # fmt: skip
    drawn = select(mesh_instance.c.mesh_hash).limit(1).scalar_subquery()
    placement = house["placements"][3].ravel().tolist()
    connection.execute(
        insert(mesh_instance).values(
            model_id=house["model"], element_id=pipe, mesh_hash=drawn, placement=placement, materials=[]
        )
    )
    glb = part(house, connection, f"s{house['storeys'][1]}-mep.furnishing")
    chair = house["elements"][3]
    assert {row["id"]: row["discipline"] for row in glb.table()} == {pipe: "mep", chair: "furnishing"}


def screen_error(error_m: float, distance_m: float) -> float:
    """Return the error in pixels on a screen of 900 lines and 37 degrees (3D Tiles 1.1, section 6.7.4)."""
    return error_m * 900 / (distance_m * 2 * math.tan(math.radians(37) / 2))


def test_a_distant_model_is_a_few_triangles_and_does_not_vanish(connection: Connection, house: dict[str, Any]) -> None:
    found = tileset(connection, house["model"], ADMIN)
    root = found["root"]
    most = 16.0
    # drawn at all, as its building's own block is hidden; but not in detail
    assert screen_error(found["geometricError"], 30_000) > most
    assert screen_error(root["geometricError"], 1_500) < most
    glb = Glb(content(connection, house["model"], root["content"]["uri"].removesuffix(".glb"), ADMIN))
    assert sum(len(glb.accessor(each["indices"])) // 3 for each in glb.primitives()) < 100
    # near: the fabric; at the door: the furniture too
    fabric, near = root["children"][1], root["children"][1]["children"][0]
    assert screen_error(root["geometricError"], 400) > most
    assert screen_error(fabric["geometricError"], 400) < most
    assert screen_error(near["geometricError"], 100) > most


def test_blocks_fill_their_storeys(connection: Connection, house: dict[str, Any]) -> None:
    root = tileset(connection, house["model"], ADMIN)["root"]
    glb = Glb(content(connection, house["model"], root["content"]["uri"].removesuffix(".glb"), ADMIN))
    lower, upper = house["storeys"]
    assert [(row["id"], row["storey_id"], row["ifc_class"], row["name"]) for row in glb.table()] == [
        (lower, lower, "IfcBuildingStorey", "地下一层"), (upper, upper, "IfcBuildingStorey", "首层"),
    ]  # fmt: skip
    volume, low, high = np.zeros(2), np.full(2, np.inf), np.full(2, -np.inf)
    for primitive in glb.primitives():
        x, y, z = glb.accessor(primitive["attributes"]["POSITION"]).astype(np.float64).T
        triangles = glb.accessor(primitive["indices"]).reshape(-1, 3)
        rows = glb.accessor(primitive["attributes"]["_FEATURE_ID_0"])[triangles[:, 0]].astype(int)
        a, b, c = np.column_stack([x, -z, y])[triangles].transpose(1, 0, 2)
        np.add.at(volume, rows, (np.cross(a, b) * c).sum(axis=1) / 6)
        np.minimum.at(low, rows, np.min([a, b, c], axis=0)[:, 2])
        np.maximum.at(high, rows, np.max([a, b, c], axis=0)[:, 2])
    # 300 m2 x 3 m each, closed, one on the other
    assert volume == pytest.approx([900, 900], rel=1e-4)
    assert high - low == pytest.approx([3, 3], abs=0.01)
    assert low[1] == pytest.approx(high[0], abs=0.01)


def test_a_model_without_outlines_starts_with_its_storeys(connection: Connection, house: dict[str, Any]) -> None:
    connection.execute(update(storey).values(geom=None))
    found = tileset(connection, house["model"], ADMIN)
    assert "content" not in found["root"]
    assert found["root"]["refine"] == "ADD"
    # refined from any distance
    assert screen_error(found["root"]["geometricError"], 30_000) > 16


def test_a_model_without_storeys_is_a_block_of_its_footprint(connection: Connection, house: dict[str, Any]) -> None:
    footprint = func.ST_GeomFromText(shapely.to_wkt(outline(), rounding_precision=-1), 4490)
    connection.execute(update(storey).values(geom=None))
    connection.execute(update(model).values(geom=footprint))
    connection.execute(update(element).values(min_height_m=40.0, max_height_m=52.0))
    root = tileset(connection, house["model"], ADMIN)["root"]
    glb = Glb(content(connection, house["model"], root["content"]["uri"].removesuffix(".glb"), ADMIN))
    assert [(row["id"], row["ifc_class"]) for row in glb.table()] == [(house["model"], "IfcBuilding")]
    tops = [glb.accessor(each["attributes"]["POSITION"])[:, 1] for each in glb.primitives()]
    assert np.ptp(np.concatenate(tops)) == pytest.approx(12, abs=0.01)


def part(house: dict[str, Any], connection: Connection, name: str) -> Glb:
    """Return the content whose address begins with a part's name."""
    root = tileset(connection, house["model"], ADMIN)["root"]
    uris = [tile["content"]["uri"] for tile, _ in tiles_of(root) if "content" in tile]
    (uri,) = [uri for uri in uris if uri.split("_")[0] == name]
    return Glb(content(connection, house["model"], uri.removesuffix(".glb"), ADMIN))


def test_the_summary_counts_what_is_drawn(connection: Connection, house: dict[str, Any]) -> None:
    summary = model_summary(connection, house["model"], ADMIN)
    lower, upper = house["storeys"]
    assert [each["id"] for each in summary["storeys"]] == [upper, lower]
    assert summary["disciplines"] == ["architecture", "structure", "furnishing"]
    groups = {tuple(each.values()) for each in summary["groups"]}
    assert groups == {
        (lower, "IfcWall", None, "architecture", 1), (upper, "IfcWall", None, "architecture", 1),
        (upper, "IfcWindow", "幕墙", "architecture", 1), (upper, "IfcFurniture", None, "furnishing", 1),
        (None, "IfcSlab", None, "structure", 1),
    }  # fmt: skip
    with pytest.raises(NotFound):
        model_summary(connection, house["model"], Caller("planner", "440307"))


def test_contents_are_closed_lit_and_coloured(connection: Connection, house: dict[str, Any]) -> None:
    glb = part(house, connection, f"s{house['storeys'][1]}-architecture")
    materials = glb.document["materials"]
    assert [material.get("alphaMode") for material in materials] == [None, "BLEND"]
    assert materials[1]["pbrMetallicRoughness"]["baseColorFactor"][3] == 0.35
    # 0.6 of sRGB is 0.3185 of light
    assert materials[0]["pbrMetallicRoughness"]["baseColorFactor"][0] == pytest.approx(0.3185, abs=1e-3)
    volume = dict.fromkeys(range(2), 0.0)
    for primitive in glb.primitives():
        positions = glb.accessor(primitive["attributes"]["POSITION"]).astype(np.float64)
        normals = glb.accessor(primitive["attributes"]["NORMAL"])
        features = glb.accessor(primitive["attributes"]["_FEATURE_ID_0"])
        corners = glb.accessor(primitive["indices"]).reshape(-1, 3)
        a, b, c = positions[corners].transpose(1, 0, 2)
        across = np.cross(b - a, c - a)
        across /= np.linalg.norm(across, axis=1, keepdims=True)
        # normals agree with the turn of the triangle, for the mirrored window too
        assert np.allclose(across, normals[corners[:, 0]], atol=1e-5)
        assert (features[corners] == features[corners[:, :1]]).all()
        for row in volume:
            mine = features[corners[:, 0]] == row
            volume[row] += float((np.cross(a[mine], b[mine]) * c[mine]).sum() / 6)
    # wall and window are boxes of 4 x 0.3 x 3 m, closed over both materials
    assert volume == pytest.approx({0: 3.6, 1: 3.6}, abs=1e-2)
    wall_vertices = sum(int((glb.accessor(p["attributes"]["_FEATURE_ID_0"]) == 0).sum()) for p in glb.primitives())
    assert wall_vertices == 24


def test_features_name_their_elements(connection: Connection, house: dict[str, Any]) -> None:
    glb = part(house, connection, f"s{house['storeys'][1]}-architecture")
    _, wall, window, _, _ = house["elements"]
    upper = house["storeys"][1]
    assert glb.table() == [
        {"id": wall, "storey_id": upper, "global_id": "gid-wall B", "ifc_class": "IfcWall", "name": "wall B",
         "storey": "首层", "system": "", "discipline": "architecture"},
        {"id": window, "storey_id": upper, "global_id": "gid-None", "ifc_class": "IfcWindow", "name": "",
         "storey": "首层", "system": "幕墙", "discipline": "architecture"},
    ]  # fmt: skip
    rest = part(house, connection, "rest-structure")
    assert [row["storey"] for row in rest.table()] == [""]


def test_what_is_not_there_or_not_for_the_caller(connection: Connection, house: dict[str, Any], add_rows: Any) -> None:
    upper = f"s{house['storeys'][1]}"
    strangers = (
        "s999999-mep_0_0_0",
        "rest-mep_0_0_0",
        "../s1",
        f"{upper}-architecture",
        f"{upper}-walls_0_0_0",
        "s",
        "",
        f"{upper}-architecture_0_0",
        f"{upper}-architecture_0_0_9999999999",
        "s99999999999999999999-mep_0_0_0",
    )
    for name in strangers:  # fmt: skip
        with pytest.raises(NotFound):
            content(connection, house["model"], name, ADMIN)
    with pytest.raises(NotFound):
        tileset(connection, house["model"] + 10_000, ADMIN)
    with pytest.raises(NotFound):
        tileset(connection, house["model"], Caller("planner", "440307"))
    (waiting,) = add_rows("model", "models", [{"ifc_schema": "IFC4", "status": "waiting", "source_key": "waiting"}])
    with pytest.raises(NotFound, match="not on the map"):
        tileset(connection, waiting, ADMIN)
    connection.execute(update(layer).where(layer.c.id == "models").values(visibility="commander"))
    with pytest.raises(NotFound):
        tileset(connection, house["model"], Caller("planner"))
    with pytest.raises(NotFound):
        content(connection, house["model"], "rest-structure_0_0_0", Caller("planner"))


def test_the_ground_of_a_model_without_storeys_is_its_building(connection: Connection, add_rows: Any) -> None:
    square = shapely.MultiPolygon([shapely.box(114.2, 22.7, 114.201, 22.701)])
    (building_id,) = add_rows("building", "buildings", [{"geom": square, "base_height_m": 40.0}])
    (model_id,) = add_rows(
        "model", "models",
        [{"ifc_schema": "IFC4", "status": "placed", "metric_crs": METRIC_CRS, "building_id": building_id,
          "placement": PLACEMENT.ravel().tolist(), "height_m": HEIGHT}],
    )  # fmt: skip
    digest = hashlib.sha256(b"flat").digest()
    connection.execute(
        insert(mesh).values(
            hash=digest, positions=BOX.tobytes(), triangles=BOX_SIDES.tobytes(), parts=[[0, 12, 0]],
            vertex_count=8, triangle_count=12, bounds=[0.0, 0.0, 0.0, 4.0, 0.3, 3.0],
        )
    )  # fmt: skip
    (element,) = add_rows("element", "elements", [{"model_id": model_id, "ifc_class": "IfcSlab"}])
    placement = np.column_stack([np.eye(3), [0, 0, 0]])
    connection.execute(
        insert(mesh_instance).values(
            model_id=model_id, element_id=element, mesh_hash=digest, placement=placement.ravel().tolist()
        )
    )
    found = tileset(connection, model_id, ADMIN, ground="flat")
    glb, matrix = content_with(connection, model_id, found, element)
    apart = np.linalg.norm(on_earth(matrix, glb, element)[:, None] - directly(placement, -40.0)[None], axis=2)
    assert apart.min(axis=1).max() < 0.01
    assert connection.execute(update(model).values(placement=None)).rowcount == 1
    with pytest.raises(NotFound, match="not on the map"):
        tileset(connection, model_id, ADMIN)


VALIDATE = """
const validator = require('gltf-validator');
const body = new Uint8Array(require('fs').readFileSync(0));
validator.validateBytes(body).then((report) => console.log(JSON.stringify(report.issues)));
"""


def folder_with(package: str) -> Path:
    """The folder from which node finds an npm package; skips where it does not."""
    folder = Path(__file__).parents[2] / "web"
    node = shutil.which("node")
    found = node and subprocess.run(
        [node, "-e", f"require.resolve('{package}')"], cwd=folder, capture_output=True, check=False
    )
    if not found or found.returncode:
        pytest.skip(f"needs node and the viewer's npm package '{package}' (npm ci in web/)")
    return folder


def test_contents_pass_the_gltf_validator(connection: Connection, house: dict[str, Any], tmp_path: Path) -> None:
    folder = folder_with("gltf-validator")
    found = tileset(connection, house["model"], ADMIN)
    for tile, _ in tiles_of(found["root"]):
        if "content" not in tile:
            continue
        body = content(connection, house["model"], tile["content"]["uri"].removesuffix(".glb"), ADMIN)
        done = subprocess.run(
            ["node", "-e", VALIDATE], input=body, capture_output=True, check=True, cwd=folder, timeout=60
        )
        issues = orjson.loads(done.stdout)
        assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"]
