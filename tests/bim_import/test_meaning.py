"""What a file says besides shapes: types, units, materials, codes, systems and ports; answers worked out here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, Engine, func, select

from cim.access import Caller
from cim.reports import ImportReport
from cim.tables import element, element_group, facility, model, object_link, space, storey
from layers.catalogue import get_layer
from layers.queries.items import ItemsQuery, list_items
from layers.queries.objects import get_object

Run = Callable[..., ImportReport]
ADMIN = Caller("admin")


class Rich:
    """A house in millimetres with a type, property values of every kind, materials, a classification, and pipes."""

    def __init__(self, author: Any, schema: str = "IFC4") -> None:
        self.made = author(schema, 0.001)
        self.made.georeference(522000.0, 2512000.0, 50.0, 0.0, 0.001)
        self.new = self.made.file.create_entity
        self.ground = self.made.storey("1F", 0.0)
        self.schema = schema

    def single(self, name: str, kind: str, value: Any, unit: Any = None) -> Any:
        return self.new("IfcPropertySingleValue", name, None, self.new(kind, value), unit)

    def define(self, product: Any, name: str, properties: list[Any]) -> None:
        made = self.made.rooted("IfcPropertySet", Name=name, HasProperties=properties)
        self.made.rooted("IfcRelDefinesByProperties", RelatedObjects=[product], RelatingPropertyDefinition=made)

    def relate(self, kind: str, products: list[Any], **values: Any) -> None:
        self.made.rooted(kind, RelatedObjects=products, **values)


@pytest.fixture
def rich(author: Any) -> Rich:
    return Rich(author)


def row_of(connection: Connection, name: str) -> Any:
    return connection.execute(select(element).where(element.c.name == name)).one()


def test_values_of_every_kind_keep_type_and_unit(run_import: Run, engine: Engine, rich: Rich, tmp_path: Path) -> None:
    new, made = rich.new, rich.made
    units = made.project.UnitsInContext
    inch = new("IfcConversionBasedUnit", new("IfcDimensionalExponents", 1, 0, 0, 0, 0, 0, 0), "LENGTHUNIT", "inch",
               new("IfcMeasureWithUnit", new("IfcLengthMeasure", 25.4), units.Units[0]))  # fmt: skip
    watt = new("IfcSIUnit", UnitType="POWERUNIT", Prefix="KILO", Name="WATT")
    degree = new("IfcConversionBasedUnit", new("IfcDimensionalExponents", 0, 0, 0, 0, 0, 0, 0), "PLANEANGLEUNIT",
                 "degree", new("IfcMeasureWithUnit", new("IfcPlaneAngleMeasure", 0.017453292519943295),
                               new("IfcSIUnit", UnitType="PLANEANGLEUNIT", Name="RADIAN")))  # fmt: skip
    square = new("IfcSIUnit", UnitType="AREAUNIT", Prefix="MILLI", Name="SQUARE_METRE")
    kelvin = new("IfcSIUnit", UnitType="THERMODYNAMICTEMPERATUREUNIT", Name="KELVIN")
    units.Units = [*units.Units, watt, degree, square, kelvin]
    wall = made.product("IfcWall", rich.ground, (0, 0, 0), (4, 0.2, 3), Name="w")
    listed = [new("IfcLengthMeasure", value) for value in (100.0, 0.0)]
    table = [
        [new("IfcThermodynamicTemperatureMeasure", v) for v in (273.15, 293.15)],
        [new("IfcRatioMeasure", 0.5)] * 2,
    ]
    rich.define(
        wall,
        "Test",
        [
            rich.single("Length", "IfcPositiveLengthMeasure", 2500.0),
            rich.single("Inches", "IfcLengthMeasure", 10.0, inch),
            rich.single("Power", "IfcPowerMeasure", 1.5),
            rich.single("Angle", "IfcPlaneAngleMeasure", 45.0),
            rich.single("Area", "IfcAreaMeasure", 2_000_000.0),
            rich.single("Transmittance", "IfcThermalTransmittanceMeasure", 0.24),
            rich.single("No", "IfcBoolean", False),
            rich.single("Maybe", "IfcLogical", "UNKNOWN"),
            rich.single("Zero", "IfcInteger", 0),
            new("IfcPropertySingleValue", "Nothing", None, None, None),
            new("IfcPropertyEnumeratedValue", "Status", None, [new("IfcLabel", "NEW"), new("IfcLabel", "OLD")], None),
            new("IfcPropertyListValue", "List", None, listed, None),
            new("IfcPropertyBoundedValue", "Bounds", None, new("IfcLengthMeasure", 300.0),
                new("IfcLengthMeasure", 0.0), None, None),
            new("IfcPropertyTableValue", "Table", None, *table, None, None, None, None),
            new("IfcPropertyReferenceValue", "Reference", None, None, new("IfcMaterial", "brick")),
            new("IfcComplexProperty", "Complex", None, "x", [rich.single("Inner", "IfcLengthMeasure", 7.0)]),
        ],
    )  # fmt: skip
    quantities = [
        new("IfcQuantityLength", "Width", None, None, 200.0),
        new("IfcQuantityCount", "Doors", None, None, 0.0),
    ]
    made.rooted("IfcRelDefinesByProperties", RelatedObjects=[wall], RelatingPropertyDefinition=made.rooted(
        "IfcElementQuantity", Name="Qto_WallBaseQuantities", Quantities=quantities))  # fmt: skip
    report = run_import(made.write(tmp_path / "values.ifc"))
    assert report.status == "imported", report.error
    with engine.connect() as connection:
        row = row_of(connection, "w")
        types = get_object(connection, row.id, ADMIN)["extra"]["value_types"]
    assert row.psets["Test"] == {
        "Length": 2.5, "Inches": 0.254, "Power": 1500.0, "Angle": 45.0, "Area": 2.0, "Transmittance": 0.24, "No": False,
        "Maybe": "UNKNOWN", "Zero": 0, "Nothing": None, "Status": ["NEW", "OLD"], "List": [0.1, 0.0],
        "Bounds": {"lower": 0.0, "upper": 0.3}, "Table": {"defining": [0.0, 20.0], "defined": [0.5, 0.5]},
        "Reference": {"class": "IfcMaterial", "Name": "brick"}, "Complex": {"Inner": 0.007},
    }  # fmt: skip
    assert row.quantities == {"Qto_WallBaseQuantities": {"Width": 0.2, "Doors": 0.0}}
    told = {name: (kind["type"], kind.get("unit")) for name, kind in types["Test"].items()}
    assert told == {
        "Length": ("IfcPositiveLengthMeasure", "m"), "Inches": ("IfcLengthMeasure", "m"),
        "Power": ("IfcPowerMeasure", "W"), "Angle": ("IfcPlaneAngleMeasure", "deg"), "Area": ("IfcAreaMeasure", "m2"),
        "Transmittance": ("IfcThermalTransmittanceMeasure", "W/(m2.K)"), "No": ("IfcBoolean", None),
        "Maybe": ("IfcLogical", None), "Zero": ("IfcInteger", None), "Status": ("IfcLabel", None),
        "List": ("IfcLengthMeasure", "m"), "Bounds": ("IfcLengthMeasure", "m"), "Table": ("IfcRatioMeasure", None),
        "Reference": ("IfcMaterial", None), "Complex": ("complex", None),
    }  # fmt: skip
    assert types["Test"]["Table"]["defining"] == {"type": "IfcThermodynamicTemperatureMeasure", "unit": "°C"}
    assert types["Qto_WallBaseQuantities"]["Width"] == {"type": "IfcLengthMeasure", "unit": "m"}


def test_a_type_gives_what_the_occurrence_does_not_say(
    run_import: Run, engine: Engine, rich: Rich, tmp_path: Path
) -> None:
    new, made = rich.new, rich.made
    walls = [made.product("IfcWall", rich.ground, (0, y, 0), (4, 0.2, 3), Name=f"w{y}") for y in (0, 2)]
    common = made.rooted("IfcPropertySet", Name="Pset_WallCommon", HasProperties=[
        rich.single("FireRating", "IfcLabel", "F30"), rich.single("IsExternal", "IfcBoolean", True)])  # fmt: skip
    kind = made.rooted("IfcWallType", Name="W200", PredefinedType="SOLIDWALL", HasPropertySets=[common])
    rich.relate("IfcRelDefinesByType", walls, RelatingType=kind)
    rich.define(walls[0], "Pset_WallCommon", [rich.single("FireRating", "IfcText", "F90")])
    layers = [
        new("IfcMaterialLayer", new("IfcMaterial", "plaster", None, "finish"), 15.0, None, "inside"),
        new("IfcMaterialLayer", new("IfcMaterial", "brick"), 185.0, True),
    ]
    rich.relate("IfcRelAssociatesMaterial", [kind], RelatingMaterial=new("IfcMaterialLayerSet", layers, "200"))
    system = new("IfcClassification", Source="x", Edition="2020", Name="Uniclass")
    root = new("IfcClassificationReference", None, "Ss", "Systems", system)
    codes = [
        new("IfcClassificationReference", None, code, name, root)
        for code, name in (("Ss_25", "Walls"), ("Ss_26", "Own"))
    ]
    rich.relate("IfcRelAssociatesClassification", [kind], RelatingClassification=codes[0])
    rich.relate("IfcRelAssociatesClassification", [walls[0]], RelatingClassification=codes[1])
    document = new("IfcDocumentReference", "http://example.org/a.pdf", "D1", "Fire report")
    rich.relate("IfcRelAssociatesDocument", [kind], RelatingDocument=document)
    assert run_import(made.write(tmp_path / "types.ifc")).status == "imported"
    with engine.connect() as connection:
        own, plain = row_of(connection, "w0"), row_of(connection, "w2")
        types = get_object(connection, own.id, ADMIN)["extra"]["value_types"]["Pset_WallCommon"]
    assert own.psets["Pset_WallCommon"] == {"FireRating": "F90", "IsExternal": True}
    assert plain.psets["Pset_WallCommon"] == {"FireRating": "F30", "IsExternal": True}
    assert types["FireRating"] == {"type": "IfcText"}  # the type object says IfcLabel
    assert (own.type_name, own.predefined_type) == ("W200", "SOLIDWALL")
    assert own.attributes["type"]["ifc_class"] == "IfcWallType"
    assert own.materials == [
        {"name": "plaster", "category": "finish", "set": "200", "part": "inside", "thickness_m": 0.015},
        {"name": "brick", "set": "200", "thickness_m": 0.185, "is_ventilated": True},
    ]
    entry = {"system": "Uniclass", "edition": "2020"}
    assert own.attributes["classification"] == [{"code": "Ss_26", "name": "Own"} | entry]
    assert plain.attributes["classification"] == [{"code": "Ss_25", "name": "Walls"} | entry]
    assert plain.attributes["documents"] == [
        {"identification": "D1", "name": "Fire report", "location": "http://example.org/a.pdf"}
    ]


def test_constituents_and_profiles(run_import: Run, engine: Engine, rich: Rich, tmp_path: Path) -> None:
    new, made = rich.new, rich.made
    beam = made.product("IfcBeam", rich.ground, (0, 0, 0), (4, 0.2, 0.3), Name="beam")
    window = made.product("IfcWindow", rich.ground, (0, 2, 0), (1, 0.2, 1), Name="window")
    profile = new("IfcRectangleProfileDef", "AREA", "200x300", None, 200.0, 300.0)
    steel = new("IfcMaterial", "S355")
    new(
        "IfcMaterialProperties",
        "Pset_MaterialCommon",
        None,
        [rich.single("MassDensity", "IfcMassDensityMeasure", 7850.0)],
        steel,
    )
    flange = new("IfcMaterialProfile", "flange", None, steel, profile)
    beams = new("IfcMaterialProfileSet", "beams", None, [flange])
    rich.relate("IfcRelAssociatesMaterial", [beam], RelatingMaterial=beams)
    parts = [new("IfcMaterialConstituent", name, None, new("IfcMaterial", material), fraction)
             for name, material, fraction in (("Framing", "wood", 0.25), ("Glazing", "glass", 0.75))]  # fmt: skip
    rich.relate(
        "IfcRelAssociatesMaterial", [window], RelatingMaterial=new("IfcMaterialConstituentSet", "W", None, parts)
    )
    assert run_import(made.write(tmp_path / "materials.ifc")).status == "imported"
    with engine.connect() as connection:
        assert row_of(connection, "beam").materials == [
            {"name": "S355", "properties": {"Pset_MaterialCommon": {"MassDensity": 7850.0}}, "set": "beams",
             "part": "flange", "profile": "200x300"},
        ]  # fmt: skip
        assert row_of(connection, "window").materials == [
            {"name": "wood", "set": "W", "part": "Framing", "fraction": 0.25},
            {"name": "glass", "set": "W", "part": "Glazing", "fraction": 0.75},
        ]


def pipes(rich: Rich, count: int = 3) -> list[Any]:
    """Pipes in a row, each fed by the one before; in IFC2X3 the ports hang on a relation, later they are nested."""
    made, old = rich.made, rich.schema == "IFC2X3"
    kind = "IfcFlowSegment" if old else "IfcPipeSegment"
    found = [made.product(kind, rich.ground, (x, 0, 0), (1, 0.1, 0.1), Name=f"p{x}") for x in range(count)]
    ports = []
    for pipe in found:
        pair = [made.rooted("IfcDistributionPort", Name=flow, FlowDirection=flow) for flow in ("SINK", "SOURCE")]
        if old:
            for port in pair:
                made.rooted("IfcRelConnectsPortToElement", RelatingPort=port, RelatedElement=pipe)
        else:
            made.rooted("IfcRelNests", RelatingObject=pipe, RelatedObjects=pair)
        ports.append(pair)
    for index in range(count - 1):
        ends = (ports[index][1], ports[index + 1][0])
        first, second = ends if index % 2 == 0 else ends[::-1]  # written either way round
        made.rooted("IfcRelConnectsPorts", RelatingPort=first, RelatedPort=second)
    system = made.rooted("IfcSystem" if old else "IfcDistributionSystem", Name="热水")
    made.rooted("IfcRelAssignsToGroup", RelatedObjects=found[:2], RelatingGroup=system)
    made.rooted("IfcRelServicesBuildings", RelatingSystem=system, RelatedBuildings=[made.building])
    return found


@pytest.mark.parametrize("schema", ["IFC2X3", "IFC4", "IFC4X3"])
def test_pipes_are_connected_in_the_direction_of_flow(
    run_import: Run, engine: Engine, author: Any, tmp_path: Path, schema: str
) -> None:
    if schema == "IFC2X3":
        rich = Rich.__new__(Rich)
        rich.made, rich.schema = author(schema, 0.001), schema
        rich.ground = rich.made.storey("1F", 0.0)
    else:
        rich = Rich(author, schema)
    pipes(rich, 4)
    place = tmp_path / "place.csv"
    place.write_text("file,crs,easting,northing,height\npipes.ifc,EPSG:4547,522000,2512000,50\n")
    report = run_import(rich.made.write(tmp_path / "pipes.ifc"), place if schema == "IFC2X3" else None)
    assert report.status == "imported", report.error
    with engine.connect() as connection:
        names = {row.id: row.name for row in connection.execute(select(element.c.id, element.c.name))}
        links = connection.execute(select(object_link).where(object_link.c.kind == "port")).all()
        assert {(names[link.from_id], names[link.to_id]) for link in links} == {
            ("p0", "p1"),
            ("p1", "p2"),
            ("p2", "p3"),
        }
        assert all(link.attributes["is_directed"] for link in links)
        ports = row_of(connection, "p0").attributes["ports"]
        assert [(port["flow"], port["is_connected"]) for port in ports] == [("SINK", False), ("SOURCE", True)]
        group = connection.execute(select(element_group)).one()
        assert (group.name, group.member_count) == ("热水", 2)
        middle = {name: number for number, name in names.items()}["p1"]
        shown = {(link["rel"], link["title"]) for link in get_object(connection, middle, ADMIN)["links"]}
        assert {("connected_from", "p0"), ("connected_to", "p2"), ("group", "热水")} <= shown
        shown = {(link["rel"], link["title"]) for link in get_object(connection, group.id, ADMIN)["links"]}
        assert {("member", "p0"), ("member", "p1"), ("model", "试验楼")} <= shown
        assert ("serves", "试验楼") in shown
        layer = get_layer(connection, "elements", ADMIN)
        for asked in ("member_of = '热水'", f"member_of = {group.id}"):
            page = orjson.loads(list_items(connection, layer, ItemsQuery(cql=asked), ADMIN).body)
            assert [feature["properties"]["name"] for feature in page] == ["p0", "p1"], asked


def test_facilities_hold_what_is_in_them(run_import: Run, engine: Engine, author: Any, tmp_path: Path) -> None:
    made = author("IFC4X3", 0.001)
    made.georeference(522000.0, 2512000.0, 50.0, 0.0, 0.001)
    road = made.rooted("IfcRoad", Name="龙岗大道", ObjectPlacement=made.place(0, 0, 0, made.site))
    part = made.rooted("IfcRoadPart", Name="K0", UsageType="LONGITUDINAL", PredefinedType="CARRIAGEWAY",
                       ObjectPlacement=made.place(0, 0, 0, road))  # fmt: skip
    made.part_of(made.site, road)
    made.part_of(road, part)
    made.product("IfcPavement", part, (0, 0, 0), (100, 8, 0.5), Name="pavement")
    ground = made.storey("1F", 0.0)
    made.product("IfcWall", ground, (50, 50, 0), (4, 0.2, 3), Name="wall")
    assert run_import(made.write(tmp_path / "road.ifc")).status == "imported"
    with engine.connect() as connection:
        rows = {row.name: row for row in connection.execute(select(facility))}
        assert {name: (row.ifc_class, row.element_count) for name, row in rows.items()} == {
            "S": ("IfcSite", 1), "龙岗大道": ("IfcRoad", 1), "K0": ("IfcRoadPart", 1),
        }  # fmt: skip
        assert rows["K0"].parent_id == rows["龙岗大道"].id
        assert rows["龙岗大道"].parent_id == rows["S"].id
        assert rows["K0"].attributes["usage_type"] == "LONGITUDINAL"
        assert rows["K0"].area_m2 == pytest.approx(800.0, rel=2e-4)
        assert (rows["K0"].min_height_m, rows["K0"].max_height_m) == (50.0, 50.5)
        assert row_of(connection, "pavement").facility_id == rows["K0"].id
        assert row_of(connection, "wall").facility_id is None


def test_rooms_are_closed_bodies(run_import: Run, engine: Engine, make_house: Any, tmp_path: Path) -> None:
    assert run_import(make_house().write(tmp_path / "house.ifc")).status == "imported"
    with engine.connect() as connection:
        rows = connection.execute(
            select(
                space.c.volume_m3,
                func.ST_IsClosed(space.c.solid),
                func.ST_ZMin(space.c.solid),
                func.ST_ZMax(space.c.solid),
                func.ST_AsText(space.c.solid),
                storey.c.base_height_m,
            ).join(storey)
        ).all()
    assert len(rows) == 3
    for volume, is_closed, low, high, text, base in rows:
        assert is_closed
        assert (low, high) == (pytest.approx(base), pytest.approx(base + 2.8))
        assert volume_of(text) == pytest.approx(volume, rel=1e-4)


def volume_of(text: str) -> float:
    """Volume of a polyhedral surface in degrees, through a projection made for the purpose; divergence theorem."""
    import re

    import numpy as np
    from pyproj import Transformer

    rings = [
        np.array([[float(number) for number in point.split()] for point in ring.split(",")])
        for ring in re.findall(r"\(\(([^()]+)\)\)", text)
    ]
    lon, lat, _ = rings[0][0]
    move = Transformer.from_crs(4490, f"+proj=tmerc +lon_0={lon} +lat_0={lat} +ellps=GRS80", always_xy=True)
    total = 0.0
    for ring in rings:
        x, y = move.transform(ring[:, 0], ring[:, 1])
        points = np.column_stack([x, y, ring[:, 2] - rings[0][0][2]])
        total += float(np.dot(points[0], np.cross(points[1], points[2]))) / 6
    return total


def test_links_follow_a_new_version(run_import: Run, engine: Engine, rich: Rich, tmp_path: Path) -> None:
    found = pipes(rich)
    path = tmp_path / "pipes.ifc"
    run_import(rich.made.write(path))
    before = everything(engine)
    found[0].Name = "renamed"
    run_import(rich.made.write(path))
    after = everything(engine)
    assert after["links"] == before["links"]  # rows, ids and times: untouched
    assert after["groups"] == before["groups"]
    for relation in rich.made.file.by_type("IfcRelConnectsPorts")[:1]:
        rich.made.file.remove(relation)
    system = rich.made.file.by_type("IfcDistributionSystem")[0]
    system.Name = "冷水"
    run_import(rich.made.write(path))
    last = everything(engine)
    assert len(last["links"]) == len(before["links"]) - 1
    assert [row.id for row in last["groups"]] == [row.id for row in before["groups"]]
    assert [row.name for row in last["groups"]] == ["冷水"]


def everything(engine: Engine) -> dict[str, Any]:
    with engine.connect() as connection:
        return {
            "links": connection.execute(select(object_link).order_by(object_link.c.id)).all(),
            "groups": connection.execute(select(element_group)).all(),
            "model": connection.execute(select(model.c.id)).all(),
        }
