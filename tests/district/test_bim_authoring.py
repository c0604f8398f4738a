from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import ifcopenshell
import ifcopenshell.util.element
import ifcopenshell.util.geolocation
import ifcopenshell.validate
import pytest
from pyproj import Transformer

from district.bim.program import PROGRAM
from district.bim.site import ModelSite, author_models

EASTING_M, NORTHING_M, HEIGHT_M, ROTATION_DEG = 522_345.25, 2_511_876.5, 41.3, 31.0
CODE = "440307001234"
PROGRAMS = {program.slug: program for program in PROGRAM}
#: One of each kind and schema, none of them large.
SMALL = ("office_08", "school_05", "factory_03", "tower_12", "metro_station_01")

Author = Callable[..., Path]


def site_of(slug: str, fault: str | None = None, **changes: Any) -> ModelSite:
    program = replace(PROGRAMS[slug], **changes)
    return ModelSite(program, CODE, EASTING_M, NORTHING_M, HEIGHT_M, ROTATION_DEG, "深圳市龙岗区龙城大道1号", fault)


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory) -> Author:
    """Author a model once a module for each combination of slug, fault and changes."""
    made: dict[str, Path] = {}

    def author_one(slug: str, fault: str | None = None, **changes: Any) -> Path:
        key = repr((slug, fault, sorted(changes.items())))
        if key not in made:
            directory = tmp_path_factory.mktemp("ifc")
            author_models([site_of(slug, fault, **changes)], directory, 7, 1, lambda _site, _count: None)
            made[key] = directory / f"{slug}.ifc"
        return made[key]

    return author_one


def open_model(path: Path) -> ifcopenshell.file:
    """Open a model; ifcopenshell 0.9 knows IFC4X3 only by its full name."""
    text = path.read_text(encoding="ascii")
    return ifcopenshell.file.from_string(text.replace("'IFC4X3'", "'IFC4X3_ADD2'", 1))


def shown(model: ifcopenshell.file) -> list[Any]:
    return [
        product
        for product in model.by_type("IfcProduct")
        if product.Representation and not product.is_a("IfcOpeningElement")
    ]


@pytest.mark.parametrize("slug", SMALL)
def test_a_model_has_the_products_and_storeys_of_its_programme(author: Author, slug: str) -> None:
    program = PROGRAMS[slug]
    model = open_model(author(slug))
    assert len(shown(model)) == program.products
    elevations = sorted(storey.Elevation for storey in model.by_type("IfcBuildingStorey"))
    indexes = range(-program.storeys_below, program.storeys_above)
    assert elevations == pytest.approx([index * program.storey_height_m for index in indexes])


def test_a_school_has_its_parts_by_class(author: Author) -> None:
    # 54 m long: a stairwell of 9 m and five classrooms on each of four storeys.
    model = open_model(author("school_05"))
    storeys, classrooms = 4, 5
    count = {name: len(model.by_type(name)) for name in ("IfcDoor", "IfcWindow", "IfcSpace", "IfcStair", "IfcSlab")}
    assert count["IfcDoor"] == storeys * (2 * classrooms + 1)
    assert count["IfcWindow"] == storeys * (4 * classrooms + 1)
    assert count["IfcSpace"] == storeys * (classrooms + 2)  # and the lobby and the gallery
    assert count["IfcStair"] == storeys - 1
    assert count["IfcSlab"] == storeys + (storeys - 1) + 1  # floors, landings, roof
    names = {space.LongName for space in model.by_type("IfcSpace")}
    assert {"教室 301", "电梯厅 190", "外廊 480"} <= names


@pytest.mark.parametrize("slug", SMALL)
def test_openings_are_cut_and_filled(author: Author, slug: str) -> None:
    model = open_model(author(slug))
    openings = model.by_type("IfcOpeningElement")
    voids, fills = model.by_type("IfcRelVoidsElement"), model.by_type("IfcRelFillsElement")
    assert openings
    assert {rel.RelatedOpeningElement for rel in voids} == set(openings)
    assert {rel.RelatingOpeningElement for rel in fills} == set(openings)
    assert len(voids) == len(fills) == len(openings)


@pytest.mark.parametrize("slug", SMALL)
def test_every_product_has_one_place_in_the_spatial_structure_and_types_are_shared(author: Author, slug: str) -> None:
    model = open_model(author(slug))
    contained = [e for rel in model.by_type("IfcRelContainedInSpatialStructure") for e in rel.RelatedElements]
    parts = [e for rel in model.by_type("IfcRelAggregates") for e in rel.RelatedObjects]
    placed = [element.id() for element in contained + parts]
    assert len(placed) == len(set(placed))
    assert {element.id() for element in shown(model)} <= set(placed)
    global_ids = [root.GlobalId for root in model.by_type("IfcRoot")]
    assert len(global_ids) == len(set(global_ids))
    assert all(len(global_id) == 22 for global_id in global_ids)
    windows = model.by_type("IfcWindow") or model.by_type("IfcDoor")
    sources = {window.Representation.Representations[0].Items[0].MappingSource for window in windows}
    assert len(sources) <= 3 < len(windows)


# ifcopenshell leaves the source of its express rules to the garbage collector to close.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("slug", ["office_08", "factory_03", "school_05"])
def test_a_model_of_each_schema_validates(author: Author, slug: str) -> None:
    model = open_model(author(slug))
    log = ifcopenshell.validate.json_logger()
    ifcopenshell.validate.validate(model, log, express_rules=slug == "factory_03")
    assert log.statements == []


def test_the_validation_used_here_does_find_errors(author: Author) -> None:
    model = open_model(author("factory_03"))
    model.by_type("IfcBuildingStorey")[0].GlobalId = "not a GlobalId"
    log = ifcopenshell.validate.json_logger()
    ifcopenshell.validate.validate(model, log)
    assert log.statements


_TESSELLATE = """
import json, sys
import ifcopenshell, ifcopenshell.geom, numpy as np
model = ifcopenshell.open(sys.argv[1])
openings = model.by_type("IfcOpeningElement")
iterator = ifcopenshell.geom.iterator(
    ifcopenshell.geom.settings(), model, 1, exclude=openings, geometry_library="hybrid-cgal-simple-opencascade"
)
faces, low, high = {}, np.full(3, np.inf), np.full(3, -np.inf)
assert iterator.initialize()
while True:
    shape = iterator.get()
    faces[shape.id] = len(shape.geometry.faces) // 3
    points = np.array(shape.geometry.verts).reshape(-1, 3)
    matrix = np.array(shape.transformation.matrix).reshape(4, 4).T
    points = points @ matrix[:3, :3].T + matrix[:3, 3]
    low, high = np.minimum(low, points.min(0)), np.maximum(high, points.max(0))
    if not iterator.next():
        break
print(json.dumps({"faces": faces, "low": low.tolist(), "high": high.tolist()}))
"""


@pytest.mark.parametrize("slug", ["office_08", "factory_03"])
def test_every_product_tessellates_within_the_footprint(author: Author, slug: str) -> None:
    path, program = author(slug), PROGRAMS[slug]
    # In a process of its own: a crash of the geometry kernel must not take the tests with it.
    done = subprocess.run([sys.executable, "-c", _TESSELLATE, str(path)], capture_output=True, text=True, check=True)
    result = json.loads(done.stdout.splitlines()[-1])
    assert {int(key) for key in result["faces"]} == {product.id() for product in shown(open_model(path))}
    assert min(result["faces"].values()) >= 12  # a box at least
    assert result["low"][:2] == pytest.approx([0.0, 0.0], abs=0.02)
    assert result["high"][:2] == pytest.approx([program.length_m, program.width_m], abs=0.02)
    roof_m = program.storeys_above * program.storey_height_m
    assert roof_m < result["high"][2] <= roof_m + 1.25  # the parapet


def expected_map_point(x_m: float, y_m: float, z_m: float) -> tuple[float, float, float]:
    angle = math.radians(ROTATION_DEG)
    return (
        EASTING_M + x_m * math.cos(angle) - y_m * math.sin(angle),
        NORTHING_M + x_m * math.sin(angle) + y_m * math.cos(angle),
        HEIGHT_M + z_m,
    )


@pytest.mark.parametrize(
    ("slug", "per_metre"), [("office_08", 1.0), ("school_05", 1.0), ("factory_03", 1.0), ("factory_02", 1000.0)]
)
def test_the_map_conversion_gives_the_place_on_the_plan(author: Author, slug: str, per_metre: float) -> None:
    # factory_03 is IFC2X3: its conversion is in ePSet_MapConversion on the project.
    model = open_model(author(slug))
    local_m = (30.0, 12.0, 4.5)
    point = ifcopenshell.util.geolocation.auto_xyz2enh(model, *(value * per_metre for value in local_m))
    assert point == pytest.approx(expected_map_point(*local_m), abs=1e-6)
    assert ifcopenshell.util.geolocation.get_crs(model)["Name"] == "EPSG:4547"


def test_latitude_and_longitude_agree_with_the_map_conversion(author: Author) -> None:
    site = open_model(author("office_08")).by_type("IfcSite")[0]
    to_degrees = [
        sum(part / 60**i for i, part in enumerate(angle[:3])) + angle[3] / 3.6e9
        for angle in (site.RefLongitude, site.RefLatitude)
    ]
    to_map = Transformer.from_crs("EPSG:4490", "EPSG:4547", always_xy=True)
    assert to_map.transform(*to_degrees) == pytest.approx((EASTING_M, NORTHING_M), abs=0.001)


def test_every_second_ifc2x3_model_has_its_map_conversion_on_the_site(author: Author) -> None:
    model = open_model(author("tower_12"))
    pset = ifcopenshell.util.element.get_pset(model.by_type("IfcSite")[0], "ePSet_MapConversion")
    assert pset["Eastings"] == pytest.approx(EASTING_M)
    assert not ifcopenshell.util.element.get_psets(model.by_type("IfcProject")[0])


def test_properties_quantities_and_materials_are_there(author: Author) -> None:
    model = open_model(author("school_05"))
    walls = {wall.Name.split()[0]: wall for wall in model.by_type("IfcWall")}
    psets = ifcopenshell.util.element.get_psets(walls["内隔墙"])
    assert psets["Pset_WallCommon"]["LoadBearing"] is False
    assert psets["Pset_WallCommon"]["IsExternal"] is False
    assert psets["Pset_WallCommon"]["FireRating"] == "1.00h"
    quantities = psets["Qto_WallBaseQuantities"]
    assert quantities["GrossSideArea"] == pytest.approx(quantities["Length"] * quantities["Height"], abs=1e-3)
    material = ifcopenshell.util.element.get_material(walls["内隔墙"])
    assert sum(layer.LayerThickness for layer in material.ForLayerSet.MaterialLayers) == pytest.approx(0.15)
    building = ifcopenshell.util.element.get_psets(model.by_type("IfcBuilding")[0])
    assert building["建筑信息"]["建筑编码"] == building["Pset_BuildingCommon"]["Reference"] == CODE
    assert building["建筑信息"]["建筑高度"] == pytest.approx(4 * 3.8)
    door_psets = ifcopenshell.util.element.get_psets(model.by_type("IfcDoorType")[0])
    assert "FireRating" in door_psets["Pset_DoorCommon"]


@pytest.mark.parametrize("slug", ["office_08", "factory_03"])
def test_pipes_are_joined_port_to_port_in_a_system(author: Author, slug: str) -> None:
    model = open_model(author(slug))
    members = {e.id() for rel in model.by_type("IfcRelAssignsToGroup") for e in rel.RelatedObjects}
    pipes = model.by_type("IfcFlowSegment") + model.by_type("IfcFlowFitting")
    assert pipes
    assert {pipe.id() for pipe in pipes} <= members
    joined = model.by_type("IfcRelConnectsPorts")
    assert joined
    for rel in joined:
        assert (rel.RelatingPort.FlowDirection, rel.RelatedPort.FlowDirection) == ("SOURCE", "SINK")
    used = [port for rel in joined for port in (rel.RelatingPort, rel.RelatedPort)]
    assert len(used) == len(set(used))


def test_the_same_seed_gives_the_same_bytes_in_any_number_of_processes(tmp_path: Path) -> None:
    sites = [site_of("factory_03"), site_of("office_08")]
    done: dict[str, int] = {}
    author_models(sites, tmp_path / "one", 7, 1, lambda _site, _count: None)
    author_models(sites, tmp_path / "two", 7, 2, lambda site, count: done.update({site.program.slug: count}))
    author_models(sites[:1], tmp_path / "other", 8, 1, lambda _site, _count: None)
    assert done == {site.program.slug: site.program.products for site in sites}
    for site in sites:
        name = f"{site.program.slug}.ifc"
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert (tmp_path / "other" / "factory_03.ifc").read_bytes() != (tmp_path / "one" / "factory_03.ifc").read_bytes()


def test_two_models_say_plain_ifc4x3_in_their_header(author: Author) -> None:
    header = author("metro_station_01").read_text(encoding="ascii")[:1000]
    assert "FILE_SCHEMA(('IFC4X3'))" in header
    assert "FILE_SCHEMA(('IFC4X3_ADD2'))" in author("school_05").read_text(encoding="ascii")[:1000]


def test_the_model_in_millimetres_lacks_its_scale(author: Author) -> None:
    model = open_model(author("office_09", "mm_missing_scale"))
    assert model.by_type("IfcUnitAssignment")[0].Units[0].Prefix == "MILLI"
    conversion = model.by_type("IfcMapConversion")[0]
    assert conversion.Scale is None
    assert conversion.Eastings == pytest.approx(EASTING_M)  # metres
    assert conversion.TargetCRS.MapUnit.Prefix is None
    assert max(storey.Elevation for storey in model.by_type("IfcBuildingStorey")) == pytest.approx(5 * 4200.0)


@pytest.mark.parametrize("slug", ["tower_05", "school_03"])
def test_a_model_georeferenced_twice_has_map_coordinates_in_its_placements(author: Author, slug: str) -> None:
    model = open_model(author(slug, "georeferenced_twice", storeys_above=2, products=100))
    location = model.by_type("IfcSite")[0].ObjectPlacement.RelativePlacement.Location.Coordinates
    assert location == pytest.approx((EASTING_M, NORTHING_M, HEIGHT_M))
    conversion = ifcopenshell.util.geolocation.get_helmert_transformation_parameters(model)
    assert (conversion.e, conversion.n) == pytest.approx((EASTING_M, NORTHING_M))


def test_a_model_without_a_place_says_nothing_of_it(author: Author) -> None:
    path = author("office_08", "no_place")
    model = open_model(path)
    assert not model.by_type("IfcMapConversion")
    assert not model.by_type("IfcProjectedCRS")
    assert model.by_type("IfcSite")[0].RefLatitude is None
    assert CODE not in path.read_text(encoding="ascii")
    assert model.by_type("IfcBuilding")[0].Name == PROGRAMS["office_08"].name_zh


@pytest.mark.parametrize(
    ("fault", "storeys", "height_m"), [("storeys_disagree", 7, 19.5), ("height_disagrees", 5, 24.375)]
)
def test_a_model_that_disagrees_is_built_so(author: Author, fault: str, storeys: int, height_m: float) -> None:
    model = open_model(author("office_08", fault))
    assert len(model.by_type("IfcBuildingStorey")) == storeys
    psets = ifcopenshell.util.element.get_psets(model.by_type("IfcBuilding")[0])
    assert psets["Pset_BuildingCommon"]["NumberOfStoreys"] == storeys
    assert psets["建筑信息"]["建筑高度"] == pytest.approx(height_m, abs=0.01)
