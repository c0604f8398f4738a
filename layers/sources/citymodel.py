"""City models (CityJSON, CityJSON sequences, CityGML): buildings with their surfaces, all other objects as layers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, Protocol

import numpy as np
import shapely
from pyproj import CRS
from sqlalchemy import Connection

from cim import ids
from cim.crs import CrsTransform, vertical_name
from cim.errors import InvalidFile
from cim.importing import ImportContext
from cim.reports import DatasetDescription, Note, WriteResult
from cim.sources import Source
from layers.catalogue import ensure_layer, standard_tables
from layers.sources.axis_order import is_north_first, system_text
from layers.sources.batch import Batch, Values
from layers.sources.city_object import CityObject, Surface
from layers.sources.citygml import open_citygml
from layers.sources.cityjson import open_cityjson
from layers.sources.exported import exported_building, exported_target, is_exported
from layers.sources.filling import Filling
from layers.sources.guess import Request, Target, choose, read_mapping_option
from layers.sources.intake import Intake
from layers.sources.transform import describe, transform_for
from layers.sources.xml_root import refuse_entities, root_of

BATCH_OBJECTS = 500
_ELLIPSOIDAL = "ellipsoidal height"
_JSON = re.compile(rb'"CityObjects"\s*:|"type"\s*:\s*"CityJSON')
#: type -> name of the layer that its objects fill, for types whose own name would mislead or say little
_LAYER_NAMES = {
    "WaterBody": "water",
    "Road": "road areas",
    "TransportSquare": "square areas",
    "Square": "square areas",
    "PlantCover": "plant cover",
    "LandUse": "land use",
    "Bridge": "bridges",
    "Tunnel": "tunnels",
    "SolitaryVegetationObject": "trees",
    "CityFurniture": "city furniture",
    "TINRelief": "relief",
    "ReliefFeature": "relief",
}
_POINTS = {"trees", "city furniture"}
_BUILDINGS = "buildings"
_YEAR = re.compile(r"(1[0-9]|20)\d\d")
_CODE = re.compile(r"[\d_.:;, ]*")
_MOST_STOREYS = 300


class Reader(Protocol):
    """A file whose beginning has been read."""

    format: str
    crs: str | None

    def objects(self) -> Iterator[CityObject]:
        """Yield the objects of the first level."""


@dataclass
class PreparedCityModel:
    """A model that is open for reading."""

    reader: Any
    file_name: str
    transform: CrsTransform
    crs: str
    is_gml: bool
    context: ImportContext
    notes: list[Note] = field(default_factory=list)

    @property
    def description(self) -> DatasetDescription:
        """What the file says of itself."""
        found = describe(self.reader.format, self.transform)
        return replace(found, vertical_crs=_vertical(self.transform.source))

    def write(self, connection: Connection, dataset_id: int) -> WriteResult:
        """Read the objects one by one into the model."""
        filling = Filling(connection, dataset_id, notes=list(self.notes))
        layers: dict[str, _Layer] = {}
        order = _AxisOrder(self)
        done = 0
        for item in self.reader.objects():
            order.apply(item)
            name = _LAYER_NAMES.get(item.kind) or _plain_name(item.kind)
            layer = layers.setdefault(name, _Layer(name, self, filling))
            layer.add(item)
            done += 1
            if done % BATCH_OBJECTS == 0:
                self.context.progress("reading", done, None)
        if not done:
            raise InvalidFile("the model holds no object")
        for layer in layers.values():
            layer.close(connection)
        filling.notes += order.notes
        self.context.progress("writing", done, done)
        return filling.finish()


class CityModelImporter:
    """Takes CityJSON and CityGML files."""

    name = "citymodel"

    def recognise(self, source: Source) -> bool:
        """Tell by the keys of the first object, or the root element."""
        head = source.head
        root = root_of(head)
        if root is not None:
            return root.name == "CityModel" and b"opengis.net/citygml" in head
        return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and _JSON.search(head) is not None

    def prepare(self, source: Source, context: ImportContext) -> PreparedCityModel:
        """Open the model and check its CRS."""
        options = context.options
        if options.layer not in {None, _BUILDINGS}:
            raise InvalidFile("a city model says itself what its objects are; import it without --layer")
        is_gml = root_of(source.head) is not None
        refuse_entities(source.head)
        reader = open_citygml(source.path, source.head) if is_gml else open_cityjson(source.path)
        notes: list[Note] = []
        declared = system_text(reader.crs) if reader.crs else None
        transform = transform_for(declared, options.crs, f"the model '{source.name}'", notes)
        if _vertical(transform.source) is None:
            notes.append(
                Note("unknown_vertical_datum", f"'{source.name}' names no height system; taken as the deployment's own")
            )
        crs = options.crs or declared or ""
        return PreparedCityModel(reader, PurePath(source.name).name, transform, crs, is_gml, context, notes)


class _AxisOrder:
    """Turns coordinates to east first and heights to metres; decides at the first object that has any."""

    def __init__(self, model: PreparedCityModel) -> None:
        self.model = model
        self.notes: list[Note] = []
        self.is_north_first: bool | None = None if model.is_gml else False
        self.factor = _height_factor(model.transform.source)

    def apply(self, item: CityObject) -> None:
        """Turn the coordinates of one object."""
        if self.is_north_first is None:
            self._decide(item)
        if not self.is_north_first and self.factor == 1.0:
            return
        order = [1, 0, 2] if self.is_north_first else [0, 1, 2]
        scale = np.array([1.0, 1.0, self.factor])
        item.surfaces = [
            Surface(surface.lod, surface.kind, [ring[:, order] * scale for ring in surface.rings])
            for surface in item.surfaces
        ]
        if item.point is not None:
            item.point = item.point[order] * scale

    def _decide(self, item: CityObject) -> None:
        first = item.surfaces[0].rings[0][0] if item.surfaces and len(item.surfaces[0].rings[0]) else item.point
        if first is not None:
            self.is_north_first = is_north_first(
                self.model.transform.source, self.model.crs, float(first[0]), float(first[1]), self.notes
            )


class _Layer:
    """Objects of one kind on their way into one layer; what it is chosen by is known from the first batch."""

    def __init__(self, name: str, model: PreparedCityModel, filling: Filling) -> None:
        self.name, self.model, self.filling = name, model, filling
        self.family = "point" if name in _POINTS else "polygon"
        self.waiting: list[CityObject] = []
        self.types: dict[str, str] = {}
        self.intake: Intake | None = None
        self.done = 0

    def add(self, item: CityObject) -> None:
        """Take an object."""
        self.waiting.append(item)
        if len(self.waiting) >= BATCH_OBJECTS:
            self._flush()

    def close(self, connection: Connection) -> None:
        """Write the rest, and tell the catalogue of attributes that came late."""
        if self.waiting:
            self._flush()
        assert self.intake is not None
        target = self.intake.target
        if target.table_name == "feature":
            ensure_layer(
                connection, target.layer_id, title=target.title, geometry_type=self.family, field_types=self.types
            )

    def _flush(self) -> None:
        rows = [_row(item, self.name == _BUILDINGS) for item in self.waiting]
        for row in rows:
            self.types |= {name: _type(value) for name, value in row.items() if name[0] != "@"}
        if self.intake is None:
            self.intake = self._open(rows)
        self.intake.take(self._batch(rows, self.intake.target))
        self.done += len(rows)
        self.waiting = []

    def _open(self, rows: list[dict[str, Any]]) -> Intake:
        columns = list(dict.fromkeys(name for row in rows for name in row))
        request = Request(self.model.file_name, self.name, columns, self.family, "citymodel")
        if all("@attributes" in row for row in rows):
            target = exported_target(_BUILDINGS, columns, standard_tables(), self.name)
            return self.filling.open(target, request, self.model.transform, {}, crs=self.model.crs)
        own = read_mapping_option(self.model.context.options.mapping)
        # A city model says what its objects are: only those that the model of the city knows are looked up.
        target = choose(
            request,
            standard_tables(),
            layer=None if self.name in {_BUILDINGS, "water"} else ids.layer_id(self.name),
            mapping_file=own if own is not None and own.layer == self.name else None,
        )
        return self.filling.open(target, request, self.model.transform, {}, crs=self.model.crs)

    def _batch(self, rows: list[dict[str, Any]], target: Target) -> Batch:
        matched = target.matched
        bound = {*matched.columns.values(), matched.key or "@id"}
        shells = [item.shell() for item in self.waiting] if self.name == _BUILDINGS else []
        return Batch(
            self.name,
            {name: _column([row.get(name) for row in rows]) for name in sorted(bound)},
            _column([self._shape(item) for item in self.waiting]),
            np.zeros(len(rows), bool),
            np.arange(self.done + 1, self.done + len(rows) + 1),
            extra=[_left(row, bound) for row in rows],
            places=[item.place for item in self.waiting],
            faults=[item.fault for item in self.waiting],
            solids=_column([shell for shell, _ in shells]) if shells else None,
            surfaces=[kinds for _, kinds in shells] if shells else None,
        )

    def _shape(self, item: CityObject) -> shapely.Geometry | None:
        found = (item.outline() if is_exported(item.attributes) else None) or item.footprint()
        if self.family == "polygon":
            return found
        if item.point is not None:
            return shapely.Point(item.point)
        return shapely.point_on_surface(found) if found is not None else None


def _row(item: CityObject, is_building: bool) -> dict[str, Any]:
    """Return attributes, and what is known beside them under names that begin with '@'."""
    if is_building and is_exported(item.attributes):
        return exported_building(item.attributes, item.key)
    row = {name: value for name, value in item.attributes.items() if value not in (None, "")}
    row["@id"] = item.key
    if not is_building:
        return row
    if item.parts:
        row["parts"] = item.parts
    heights = item.height_range()
    if heights is not None:
        row["@base_height_m"] = round(heights[0], 3)
        row["@height_m"] = round(heights[1] - heights[0], 3)
    measured = _number(row.get("measuredHeight"))
    if measured is not None and measured > 0:
        row["@height_m"] = measured
    year = next((found[0] for name in ("yearOfConstruction", "dateOfConstruction")
                 if (found := _YEAR.match(str(row.get(name, ""))))), None)  # fmt: skip
    row |= {"@year_built": int(year)} if year else {}
    for name in ("storeysAboveGround", "storeysBelowGround"):
        # 9999 and the like stand for unknown.
        storeys = _number(row.get(name))
        row |= {f"@{name}": int(storeys)} if storeys is not None and 0 <= storeys <= _MOST_STOREYS else {}
    use = next((str(row[name]) for name in ("usage", "function", "class") if name in row), "")
    return row if _CODE.fullmatch(use) else row | {"@use": use}


def _left(row: dict[str, Any], bound: set[str]) -> dict[str, Any]:
    """Return what of a row goes to its attributes."""
    if "@attributes" in row:
        return dict(row["@attributes"])
    return {name: value for name, value in row.items() if name not in bound and name[0] != "@"}


def _number(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if np.isfinite(found) else None


def _type(value: Any) -> str:
    return {bool: "boolean", int: "integer", float: "number"}.get(type(value), "string")


def _plain_name(kind: str) -> str:
    """Return 'buildings' for Building and its kin, and 'other construction' for OtherConstruction."""
    if kind in {"Building", "BuildingPart", "BuildingUnit"}:
        return _BUILDINGS
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.lstrip("+")).lower()


def _vertical(crs: CRS) -> str | None:
    found = vertical_name(crs)
    return found or (_ELLIPSOIDAL if not crs.is_compound and len(crs.axis_info) == 3 else None)


def _height_factor(crs: CRS) -> float:
    """Return the metres of one unit of height."""
    parts = crs.sub_crs_list[1:] if crs.is_compound else [crs]
    axes = [axis for part in parts for axis in part.axis_info if axis.direction == "up"]
    return float(axes[0].unit_conversion_factor) if axes else 1.0


def _column(values: list[Any]) -> Values:
    column: Values = np.empty(len(values), object)
    column[:] = values
    return column
