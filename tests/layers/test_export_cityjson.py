"""Buildings as CityJSON 2.0: valid, closed, looking outward, of the right volume, and back again."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import geopandas
import jsonschema
import numpy as np
import pyproj
import pytest
import shapely
from sqlalchemy import Engine

from cim.errors import InvalidInput
from cim.settings import Settings
from layers.export.export import Systems
from layers.export.shell import Vertices, block, is_closed, volume
from tests.layers.conftest import Ask, Take
from tests.layers.test_export import Export, assert_same, bring, export, other, rows_of

__all__ = ["export", "other"]

#: EPSG:4547: a square with a court, two blocks that stand apart, one without height, one without base.
SQUARE = "POLYGON ((500000 2500000, 500020 2500000, 500020 2500030, 500000 2500030, 500000 2500000), \
(500005 2500005, 500015 2500005, 500015 2500015, 500005 2500015, 500005 2500005))"
TWO = "MULTIPOLYGON (((500100 2500000, 500110 2500000, 500110 2500010, 500100 2500010, 500100 2500000)), \
((500120 2500000, 500130 2500000, 500125 2500010, 500120 2500000)))"
FLAT = "POLYGON ((500200 2500000, 500210 2500000, 500210 2500010, 500200 2500000))"
LOW = "POLYGON ((500300 2500000, 500310 2500000, 500310 2500010, 500300 2500000))"
VOLUMES = {"A1": [(600 - 100) * 12.5], "A2": [100 * 30.0, 50 * 30.0], "A4": [50 * 6.0]}


@pytest.fixture
def town(take: Take, tmp_path: Path) -> Path:
    """Four buildings of a footprint file."""
    frame = geopandas.GeoDataFrame(
        {
            "building_code": ["A1", "A2", "A3", "A4"],
            "name": ["甲", "乙", None, "丁"],
            "height": [12.5, 30.0, None, 6.0],
            "base_height_m": [41.25, -3.0, 40.0, None],
            "storeys_above": [4, 10, None, 2],
            "use": ["住宅", "办公", None, "厂房"],
            "外墙": ["砖", None, "玻璃", None],
        },
        geometry=shapely.from_wkt([SQUARE, TWO, FLAT, LOW]),
        crs=4547,
    )
    path = tmp_path / "buildings.gpkg"
    frame.to_file(path, layer="buildings")
    assert take(path).status == "imported"
    return path


def read(path: Path) -> tuple[dict[str, Any], dict[str, Any], list[np.ndarray[Any, Any]]]:
    """Return header, objects and their vertices in metres, of a document or a sequence."""
    lines = path.read_bytes().splitlines()
    if path.name.endswith(".city.json"):
        document = json.loads(path.read_bytes())
        return (
            document,
            document["CityObjects"],
            [_metres(document, document["vertices"])] * len(document["CityObjects"]),
        )
    header = json.loads(lines[0])
    objects, points = {}, []
    for line in lines[1:]:
        feature = json.loads(line)
        for key, item in feature["CityObjects"].items():
            objects[key] = item
            points.append(_metres(header, feature["vertices"]))
    return header, objects, points


def _metres(header: dict[str, Any], vertices: Any) -> np.ndarray[Any, Any]:
    transform = header["transform"]
    return np.array(vertices).reshape(-1, 3) * transform["scale"] + transform["translate"]


def solid_volume(shell: Any, points: np.ndarray[Any, Any]) -> float:
    """Return the volume of a closed shell: each wall and roof over the plane z = 0 (independent of the writer's fan).

    The signed area of a ring's projection, by the shoelace formula, times the mean height of its plane there.
    """
    total = 0.0
    for surface in shell:
        normal = sum(_newell(points[ring]) for ring in surface)
        if abs(normal[2]) < 1e-9:
            continue
        corner = points[surface[0][0]]
        for ring in surface:
            part = _newell(points[ring])[2]
            x, y = _centroid(points[ring])
            height = corner[2] - (normal[0] * (x - corner[0]) + normal[1] * (y - corner[1])) / normal[2]
            total += part * height
    return total


def _newell(ring: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    ring = ring - ring[0]
    return np.cross(ring, np.roll(ring, -1, axis=0)).sum(axis=0) / 2


def _centroid(ring: np.ndarray[Any, Any]) -> tuple[float, float]:
    found = shapely.centroid(shapely.Polygon(ring[:, :2]))
    return found.x, found.y


def assert_watertight(shell: Any) -> None:
    """Each edge is in two surfaces, once in each direction."""
    edges = Counter((ring[at - 1], ring[at]) for surface in shell for ring in surface for at in range(len(ring)))
    assert set(edges.values()) == {1}
    assert all((end, start) in edges for start, end in edges)


def geometry_of(item: dict[str, Any], lod: str) -> dict[str, Any] | None:
    """Return the geometry of a level."""
    return next((part for part in item.get("geometry", ()) if part["lod"] == lod), None)


@pytest.mark.parametrize("ending", ["city.json", "city.jsonl"])
def test_blocks_are_closed_and_as_large_as_area_times_height(
    ending: str, town: Path, export: Export, tmp_path: Path
) -> None:
    [written] = export("buildings", tmp_path / f"town.{ending}")
    assert written.rows == 4
    header, objects, points = read(tmp_path / f"town.{ending}")
    assert header["metadata"]["referenceSystem"] == "https://www.opengis.net/def/crs/EPSG/0/4547"
    assert header["metadata"]["verticalReferenceSystem"].endswith("EPSG/0/5737")
    assert [key for key, item in objects.items() if item["type"] == "Building"] == ["A1", "A2", "A3", "A4"]
    assert objects["A2"]["children"] == ["A2-part-1", "A2-part-2"]
    found: dict[str, list[float]] = {}
    for (key, item), metres in zip(objects.items(), points, strict=True):
        solid = geometry_of(item, "1")
        if solid is None:
            continue
        assert solid["type"] == "Solid"
        [shell] = solid["boundaries"]
        assert_watertight(shell)
        found.setdefault(item.get("parents", [key])[0], []).append(solid_volume(shell, metres))
        kinds = [solid["semantics"]["surfaces"][n]["type"] for n in solid["semantics"]["values"][0]]
        assert kinds[:2] == ["GroundSurface", "RoofSurface"]
        assert set(kinds[2:]) == {"WallSurface"}
        ground, roof = (sum(_newell(metres[ring])[2] for ring in surface) for surface in shell[:2])
        assert ground < 0 < roof
    assert found.keys() == VOLUMES.keys()
    for key, expected in VOLUMES.items():
        # Positive: they look outward. Coordinates are rounded to a tenth of a millimetre.
        np.testing.assert_allclose(sorted(found[key]), sorted(expected), rtol=1e-4)
    outline = geometry_of(objects["A1"], "0")
    assert outline is not None
    metres = points[0]
    corners = metres[outline["boundaries"][0][0]]
    np.testing.assert_allclose(corners[:, 2], 41.25, atol=1e-4)
    assert shapely.Polygon(corners).equals_exact(shapely.Polygon(shapely.from_wkt(SQUARE).exterior), 2e-4) or (
        shapely.Polygon(corners).symmetric_difference(shapely.Polygon(shapely.from_wkt(SQUARE).exterior)).area < 0.01
    )
    assert objects["A1"]["attributes"]["measuredHeight"] == 12.5
    assert objects["A1"]["attributes"]["dataset"] == "buildings.gpkg"
    assert objects["A1"]["attributes"]["attributes"] == {"外墙": "砖"}


def test_files_are_valid_against_the_published_schemas(
    town: Path, export: Export, shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "conformance" / "cityjson"
    export("buildings", tmp_path / "town.city.json")
    document = json.loads((tmp_path / "town.city.json").read_bytes())
    jsonschema.validate(document, json.loads((folder / "cityjson.min.schema.json").read_bytes()))
    export("buildings", tmp_path / "town.city.jsonl")
    schema = json.loads((folder / "cityjsonfeature.min.schema.json").read_bytes())
    lines = (tmp_path / "town.city.jsonl").read_bytes().splitlines()
    jsonschema.validate(json.loads(lines[0]), json.loads((folder / "cityjson.min.schema.json").read_bytes()))
    for line in lines[1:]:
        jsonschema.validate(json.loads(line), schema)


def house(x: float, y: float, *, inward: bool = False, is_open: bool = False) -> dict[str, Any]:
    """Return a house of 10 by 8 m, 4 m to the eaves, 6 m to the ridge, as a solid of level 2."""
    points = [
        (0, 0, 0), (10, 0, 0), (10, 8, 0), (0, 8, 0), (0, 0, 4), (10, 0, 4), (10, 8, 4), (0, 8, 4),
        (0, 4, 6), (10, 4, 6),
    ]  # fmt: skip
    shell = [
        [[0, 3, 2, 1]], [[0, 1, 5, 4]], [[1, 2, 6, 9, 5]], [[2, 3, 7, 6]], [[3, 0, 4, 8, 7]], [[4, 5, 9, 8]],
        [[6, 7, 8, 9]],
    ]  # fmt: skip
    values: list[int] = [0, 1, 1, 1, 1, 2, 2]
    if inward:
        shell = [[ring[::-1] for ring in surface] for surface in shell]
    if is_open:
        shell, values = shell[1:], values[1:]
    return {
        "vertices": [(x + a, y + b, 100 + c) for a, b, c in points],
        "geometry": {
            "type": "Solid",
            "lod": "2.2",
            "boundaries": [shell],
            "semantics": {
                "surfaces": [{"type": "GroundSurface"}, {"type": "WallSurface"}, {"type": "RoofSurface"}],
                "values": [values],
            },
        },
    }


def test_surfaces_of_city_models_come_out_as_solids_where_they_close(
    take: Take, export: Export, engine: Engine, other: Engine, settings: Settings, tmp_path: Path
) -> None:
    made = {"H1": house(500000, 2500000), "H2": house(500100, 2500000, inward=True),
            "H3": house(500200, 2500000, is_open=True)}  # fmt: skip
    document: dict[str, Any] = {
        "type": "CityJSON", "version": "2.0", "transform": {"scale": [0.001] * 3, "translate": [500000, 2500000, 0]},
        "metadata": {"referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/4547"},
        "CityObjects": {}, "vertices": [],
    }  # fmt: skip
    for key, item in made.items():
        first = len(document["vertices"])
        document["vertices"] += [
            [round((a - b) * 1000) for a, b in zip(point, (500000, 2500000, 0), strict=True)]
            for point in item["vertices"]
        ]
        shell = [
            [[number + first for number in ring] for ring in surface] for surface in item["geometry"]["boundaries"][0]
        ]
        document["CityObjects"][key] = {"type": "Building", "geometry": [item["geometry"] | {"boundaries": [shell]}]}
    source = tmp_path / "model.city.json"
    source.write_text(json.dumps(document))
    assert take(source).status == "imported"
    out = tmp_path / "out.city.json"
    export("buildings", out)
    _, objects, points = read(out)
    for key, metres in zip(objects, points, strict=True):
        found = geometry_of(objects[key], "2")
        assert found is not None
        assert objects[key]["attributes"]["lod2_dataset"] == "model.city.json"
        if key == "H3":
            assert found["type"] == "MultiSurface"
            assert len(found["boundaries"]) == 6
            continue
        assert found["type"] == "Solid"
        assert_watertight(found["boundaries"][0])
        # 10 m x (8 m x 4 m + 8 m x 2 m / 2)
        assert solid_volume(found["boundaries"][0], metres) == pytest.approx(400, rel=1e-4)
        names = [found["semantics"]["surfaces"][n]["type"] for n in found["semantics"]["values"][0]]
        assert Counter(names) == {"WallSurface": 4, "RoofSurface": 2, "GroundSurface": 1}
    bring(other, settings, out)
    assert_same(without_derived(rows_of(engine, "buildings")), without_derived(rows_of(other, "buildings")))


@pytest.mark.parametrize("ending", ["city.json", "city.jsonl"])
def test_buildings_come_back_from_it(
    ending: str, town: Path, export: Export, engine: Engine, other: Engine, settings: Settings, tmp_path: Path
) -> None:
    export("buildings", tmp_path / f"town.{ending}")
    bring(other, settings, tmp_path / f"town.{ending}")
    before, after = (without_derived(rows_of(one, "buildings")) for one in (engine, other))
    assert before.keys() == after.keys()
    for key, was in before.items():
        now = after[key]
        one, two = (shapely.from_wkb(bytes(row.pop("wkb"))) for row in (was, now))
        # Rings may begin at another corner.
        assert shapely.hausdorff_distance(one, two) < 1e-9
        assert now.pop("area_m2") == pytest.approx(was.pop("area_m2"), rel=1e-4)
        assert now == was


def without_derived(rows: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Leave out what the merge gives to buildings by itself."""
    return {
        key: {name: value for name, value in row.items() if name not in {"cim_level", "valid_from", "valid_to"}}
        for key, row in rows.items()
    }


def test_a_system_of_another_place_is_refused(town: Path, export: Export, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="outside of the area of EPSG:28992"):
        export("buildings", tmp_path / "town.city.json", systems=Systems("EPSG:5737", "EPSG:28992"))
    with pytest.raises(InvalidInput, match="no projected system in metres"):
        export("buildings", tmp_path / "town.city.json", systems=Systems("EPSG:5737", "EPSG:4326"))
    assert not (tmp_path / "town.city.json").exists()


def test_blocks_over_any_footprint() -> None:
    rng = np.random.default_rng(11)
    for _ in range(50):
        points = shapely.multipoints(rng.uniform(0, 50, (12, 2)))
        outer = shapely.concave_hull(points, 0.4)
        hole = shapely.buffer(shapely.point_on_surface(outer), 0.5)
        polygon = shapely.difference(outer, hole)
        if polygon.geom_type != "Polygon" or not polygon.interiors:
            continue
        vertices = Vertices(np.zeros(3), 0.0001)
        surfaces, letters = block(polygon, -2.0, 7.5, vertices)
        assert is_closed(surfaces)
        assert letters.count("W") == len(surfaces) - 2
        expected = polygon.area * 9.5
        assert volume(surfaces, vertices) * 0.0001**3 == pytest.approx(expected, rel=1e-5)
        assert solid_volume(surfaces, vertices.coordinates() * 0.0001) == pytest.approx(expected, rel=1e-5)


def test_positions_are_those_of_pyproj(town: Path, export: Export, ask: Ask, tmp_path: Path) -> None:
    export("buildings", tmp_path / "town.city.jsonl")
    _, objects, points = read(tmp_path / "town.city.jsonl")
    outline = geometry_of(objects["A1"], "0")
    assert outline is not None
    corners = {tuple(np.round(point, 4)) for point in points[0][outline["boundaries"][0][0]][:, :2]}
    wkb = bytes(ask("SELECT ST_AsBinary(geom) FROM cim.building WHERE source_key = 'A1'")[0][0])
    ring = shapely.get_coordinates(shapely.get_exterior_ring(shapely.get_geometry(shapely.from_wkb(wkb), 0)))
    moved = pyproj.Transformer.from_crs(4490, 4547, always_xy=True).transform(ring[:, 0], ring[:, 1])
    for x, y in np.column_stack(moved):
        assert min(np.hypot(x - a, y - b) for a, b in corners) < 1e-4
