"""Small IFC files authored here, with answers that can be worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ifcopenshell
import ifcopenshell.guid
import pytest
from sqlalchemy import Engine

from bim_import.importer import IfcImporter
from cim.importing import ImportContext, ImportOptions, import_paths
from cim.reports import ImportReport
from cim.settings import Settings


class Author:
    """Writes one building: all lengths are given in metres, whatever the unit of the file."""

    def __init__(self, schema: str = "IFC4", unit_m: float = 1.0) -> None:
        self.file = ifcopenshell.file(schema=schema)
        self.unit_m = unit_m
        self._ids = 0
        new = self.file.create_entity
        prefix = {1.0: None, 0.001: "MILLI"}[unit_m]
        units = new("IfcUnitAssignment", Units=[new("IfcSIUnit", UnitType="LENGTHUNIT", Prefix=prefix, Name="METRE")])
        self.context = new(
            "IfcGeometricRepresentationContext",
            ContextType="Model",
            CoordinateSpaceDimension=3,
            Precision=1e-5,
            WorldCoordinateSystem=self.axes(0, 0, 0),
        )
        self.owner = None if schema != "IFC2X3" else self._owner()
        self.project = self.rooted("IfcProject", Name="P", RepresentationContexts=[self.context], UnitsInContext=units)
        self.site = self.rooted("IfcSite", Name="S", CompositionType="ELEMENT", ObjectPlacement=self.place(0, 0, 0))
        self.building = self.rooted(
            "IfcBuilding", Name="A1", LongName="试验楼", CompositionType="ELEMENT",
            ObjectPlacement=self.place(0, 0, 0, self.site),
        )  # fmt: skip
        self.part_of(self.project, self.site)
        self.part_of(self.site, self.building)

    def _owner(self) -> Any:
        new = self.file.create_entity
        person = new("IfcPersonAndOrganization", new("IfcPerson", FamilyName="x"), new("IfcOrganization", Name="x"))
        application = new("IfcApplication", person.TheOrganization, "1", "x", "x")
        return new("IfcOwnerHistory", person, application, None, "ADDED", None, None, None, 0)

    def rooted(self, kind: str, **values: Any) -> Any:
        self._ids += 1
        number = f"{self._ids:032x}"
        return self.file.create_entity(
            kind, GlobalId=ifcopenshell.guid.compress(number), OwnerHistory=self.owner, **values
        )

    def length(self, metres: float) -> float:
        return metres / self.unit_m

    def point(self, *metres: float) -> Any:
        return self.file.create_entity("IfcCartesianPoint", [self.length(value) for value in metres])

    def axes(self, x: float, y: float, z: float, turn_deg: float = 0.0) -> Any:
        angle = math.radians(turn_deg)
        direction = self.file.create_entity("IfcDirection", [math.cos(angle), math.sin(angle), 0.0])
        up = self.file.create_entity("IfcDirection", [0.0, 0.0, 1.0])
        return self.file.create_entity("IfcAxis2Placement3D", self.point(x, y, z), up, direction)

    def place(self, x: float, y: float, z: float, within: Any = None, turn_deg: float = 0.0) -> Any:
        relative = within.ObjectPlacement if within is not None else None
        return self.file.create_entity("IfcLocalPlacement", relative, self.axes(x, y, z, turn_deg))

    def part_of(self, whole: Any, part: Any) -> None:
        self.rooted("IfcRelAggregates", RelatingObject=whole, RelatedObjects=[part])

    def box(self, x: float, y: float, z: float) -> Any:
        """A box from the local origin to (x, y, z)."""
        new = self.file.create_entity
        corners = [self.point(*pair) for pair in ((0.0, 0.0), (x, 0.0), (x, y), (0.0, y), (0.0, 0.0))]
        profile = new("IfcArbitraryClosedProfileDef", "AREA", None, new("IfcPolyline", corners))
        direction = new("IfcDirection", [0.0, 0.0, 1.0])
        solid = new("IfcExtrudedAreaSolid", profile, self.axes(0, 0, 0), direction, self.length(z))
        body = new("IfcShapeRepresentation", self.context, "Body", "SweptSolid", [solid])
        return new("IfcProductDefinitionShape", None, None, [body])

    def storey(self, name: str, z: float) -> Any:
        made = self.rooted(
            "IfcBuildingStorey", Name=name, CompositionType="ELEMENT", Elevation=self.length(z),
            ObjectPlacement=self.place(0, 0, z, self.building),
        )  # fmt: skip
        self.part_of(self.building, made)
        return made

    def product(self, kind: str, storey: Any, at: tuple[float, ...], size: tuple[float, ...], **values: Any) -> Any:
        turn = at[3] if len(at) > 3 else 0.0
        made = self.rooted(
            kind,
            ObjectPlacement=self.place(at[0], at[1], at[2], storey, turn),
            Representation=self.box(*size),
            **values,
        )
        if kind == "IfcSpace":
            self.part_of(storey, made)
        else:
            self.rooted("IfcRelContainedInSpatialStructure", RelatedElements=[made], RelatingStructure=storey)
        return made

    def opening(self, wall: Any, at: tuple[float, ...], size: tuple[float, ...]) -> Any:
        made = self.rooted("IfcOpeningElement", ObjectPlacement=self.place(*at, wall), Representation=self.box(*size))
        self.rooted("IfcRelVoidsElement", RelatingBuildingElement=wall, RelatedOpeningElement=made)
        return made

    def pset(self, product: Any, name: str, **values: Any) -> None:
        new = self.file.create_entity
        kinds = {bool: "IfcBoolean", float: "IfcReal", int: "IfcInteger", str: "IfcLabel"}
        properties = [
            new("IfcPropertySingleValue", Name=key, NominalValue=new(kinds[type(value)], value))
            for key, value in values.items()
        ]
        made = self.rooted("IfcPropertySet", Name=name, HasProperties=properties)
        self.rooted("IfcRelDefinesByProperties", RelatedObjects=[product], RelatingPropertyDefinition=made)

    def georeference(
        self,
        easting: float,
        northing: float,
        height: float,
        turn_deg: float,
        scale: float | None,
        crs: str = "EPSG:4547",
    ) -> None:
        new = self.file.create_entity
        unit = new("IfcSIUnit", UnitType="LENGTHUNIT", Name="METRE")
        target = new("IfcProjectedCRS", Name=crs, MapUnit=unit)
        angle = math.radians(turn_deg)
        new(
            "IfcMapConversion", self.context, target, easting, northing, height, math.cos(angle), math.sin(angle), scale
        )

    def write(self, path: Path) -> Path:
        self.file.write(str(path))
        return path


def house(author: Author) -> Author:
    """Two storeys and a basement of 10 x 6 m, each 3 m: slab, a long wall with a window's opening, a space."""
    for index, (name, z) in enumerate((("B1", -3.0), ("1F", 0.0), ("2F", 3.0))):
        storey = author.storey(name, z)
        author.product("IfcSlab", storey, (0, 0, -0.2), (10, 6, 0.2), Name="slab", PredefinedType="FLOOR")
        wall = author.product("IfcWall", storey, (0, 0, 0), (10, 0.3, 2.8), Name=f"wall {index}")
        author.pset(wall, "Pset_WallCommon", IsExternal=True, LoadBearing=False, ThermalTransmittance=0.0)
        author.opening(wall, (4, -0.1, 1), (2, 0.5, 1.5))
        space = author.product("IfcSpace", storey, (0, 0.3, 0), (10, 5.7, 2.8), Name=f"10{index}")
        author.pset(space, "Pset_SpaceCommon", IsExternal=False)
    roof = author.storey("Roof", 6.0)
    author.product("IfcSlab", roof, (0, 0, 0), (10, 6, 0.2), Name="roof", PredefinedType="ROOF")
    author.product("IfcWall", roof, (0, 0, 0.2), (10, 0.3, 1.0), Name="parapet")
    author.pset(author.building, "建筑信息", 建筑编码="440307000001", 地址="龙城街道1号")
    return author


@pytest.fixture
def author() -> type[Author]:
    """The class that writes IFC files."""
    return Author


@pytest.fixture
def make_house() -> Callable[..., Author]:
    """Return an author who has built the house of these tests at (522000, 2512000, 50), turned by 30 degrees."""

    def make(schema: str = "IFC4", unit_m: float = 1.0, place: bool = True) -> Author:
        made = house(Author(schema, unit_m))
        if place:
            made.georeference(522000.0, 2512000.0, 50.0, 30.0, unit_m)
        return made

    return make


@pytest.fixture(scope="session")
def importer() -> Iterator[IfcImporter]:
    """One importer, so that its workers start once."""
    made = IfcImporter()
    yield made
    made.pool(2).close()


@pytest.fixture
def run_import(engine: Engine, settings: Settings, importer: IfcImporter) -> Callable[..., ImportReport]:
    """Import one file and return its report."""

    def run(path: Path, place: Path | None = None, **options: Any) -> ImportReport:
        context = ImportContext(ImportOptions(place=place, **options), settings)
        (report,) = import_paths(engine, [path], context, [importer])
        return report

    return run
