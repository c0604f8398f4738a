"""Vector files in batches of bounded size: through GDAL; GeoParquet and GeoJSON sequences by readers of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePath

import numpy as np
from sqlalchemy import Connection

from cim.crs import CrsTransform
from cim.errors import InvalidFile
from cim.importing import ImportContext
from cim.reports import DatasetDescription, Note, WriteResult
from cim.sources import Source
from layers.catalogue import standard_tables
from layers.sources import geojson_lines, geometry, parquet, shapefile
from layers.sources.batch import is_none
from layers.sources.convert import texts
from layers.sources.exported import exported_layer, is_exported
from layers.sources.filling import Filling
from layers.sources.gdal import open_layers
from layers.sources.guess import Request, Target, choose, read_mapping_option
from layers.sources.keys import SeenKeys
from layers.sources.layer_reader import LayerReader
from layers.sources.transform import describe, transform_for
from layers.sources.xml_root import refuse_entities, root_of

BATCH_ROWS = 10_000
_JSON_TYPE = re.compile(
    rb'"type"\s*:\s*"(Feature|FeatureCollection|GeometryCollection|(Multi)?(Point|LineString|Polygon))"'
)
_DXF = re.compile(rb"\s*(999\r?\n[^\n]*\n\s*)*0\r?\n\s*SECTION\r?\n")
_BINARY_DXF = b"AutoCAD Binary DXF"


@dataclass
class VectorLayer:
    """One layer of a file, and where it goes."""

    reader: LayerReader
    request: Request
    target: Target
    transform: CrsTransform | None
    crs: str | None


@dataclass
class PreparedVector:
    """A vector file whose layers have been looked at."""

    layers: list[VectorLayer]
    context: ImportContext
    notes: list[Note] = field(default_factory=list)

    @property
    def description(self) -> DatasetDescription:
        """What the file says of itself."""
        return describe(self.layers[0].reader.format, *(layer.transform for layer in self.layers))

    def write(self, connection: Connection, dataset_id: int) -> WriteResult:
        """Read the file batch by batch into the model."""
        filling = Filling(connection, dataset_id, notes=list(self.notes))
        total = sum(layer.reader.features for layer in self.layers)
        done = 0
        for layer in self.layers:
            intake = filling.open(
                layer.target,
                layer.request,
                layer.transform,
                _field_types(layer),
                use_weak_key=_is_weak_key_unique(layer),
                crs=layer.crs,
                is_order_ruled=layer.reader.is_order_ruled,
            )
            for batch in layer.reader.batches(BATCH_ROWS):
                batch.layer_name = layer.request.layer_name
                intake.take(batch)
                done += len(batch)
                self.context.progress("reading", done, total)
        self.context.progress("writing", done, total)
        return filling.finish()


def _is_weak_key_unique(layer: VectorLayer) -> bool:
    """Tell whether a column that might be a key ('name', 'id') is one: never missing, never twice."""
    matched = layer.target.matched
    if matched.key or not matched.weak_key:
        return False
    seen, done = SeenKeys(), 0
    for values in layer.reader.column(matched.weak_key, BATCH_ROWS):
        keys = texts(values)
        if is_none(keys).any() or (seen.add(keys, np.arange(done, done + len(keys))) >= 0).any():
            return False
        done += len(keys)
    return True


class VectorImporter:
    """Takes every layer of a vector file."""

    name = "vector"

    def recognise(self, source: Source) -> bool:
        """Tell by the first bytes."""
        head = source.head
        if head.startswith(b"SQLite format 3\0"):
            return head[68:72] in {b"GPKG", b"GP10", b"GP11"} or source.path.suffix.lower() == ".gpkg"
        if head.startswith((shapefile.MAGIC, b"fgb", parquet.MAGIC, _BINARY_DXF)) or _DXF.match(head):
            return True
        if root_of(head) is not None:
            return _xml_format(head) is not None
        text = head.lstrip(b"\xef\xbb\xbf \t\r\n\x1e")
        return text.startswith(b"{") and _JSON_TYPE.search(head) is not None

    def prepare(self, source: Source, context: ImportContext) -> PreparedVector:
        """Look at the layers, choose where they go, and check their CRS."""
        notes: list[Note] = []
        layers = []
        for reader in _readers(source, notes):
            if reader.features == 0:
                notes.append(Note("empty_layer", f"'{reader.name}' has no rows"))
            else:
                layers.append(_look_at(source, reader, context, notes))
        if not layers:
            raise InvalidFile("the file has no rows in any layer")
        return PreparedVector(layers, context, list(dict.fromkeys(notes)))


def _readers(source: Source, notes: list[Note]) -> list[LayerReader]:
    head, stem = source.head, PurePath(PurePath(source.name).name).stem
    if head.startswith(parquet.MAGIC):
        return [parquet.open_parquet(source.path, stem)]
    if head.startswith(_BINARY_DXF):
        raise InvalidFile("the drawing is a binary DXF; save it as an ASCII DXF (R2000 or later)")
    if geojson_lines.is_sequence(head, source.path):
        return [geojson_lines.open_lines(source.path, stem)]
    encoding = None
    if head.startswith(shapefile.MAGIC):
        notes += shapefile.require_companions(source.path)
        encoding, found = shapefile.detect_encoding(source.path)
        notes += found
    refuse_entities(head)
    return list(open_layers(source.path, encoding, writes_beside=_xml_format(head) == "gml"))


def _xml_format(head: bytes) -> str | None:
    """Return kml or gml for an XML file of one of them; CityGML is read elsewhere."""
    root = root_of(head)
    if root is None:
        return None
    if root.name == "kml":
        return "kml"
    return "gml" if b"opengis.net/gml" in root.tag and b"opengis.net/citygml" not in root.tag else None


def _look_at(source: Source, reader: LayerReader, context: ImportContext, notes: list[Note]) -> VectorLayer:
    file_name = PurePath(source.name).name
    # GeoJSON and DXF have no name of their own for their only layer; inside an archive the member is named after a
    # scratch folder.
    name = PurePath(file_name).stem if reader.format == "DXF" or not reader.name else reader.name
    family = reader.family
    if family == "mixed":
        # A layer whose type is not declared mostly holds one family.
        found = set(geometry.families(reader.shapes(BATCH_ROWS))) - {"none"}
        family = found.pop() if len(found) == 1 else "mixed"
    request = Request(file_name, name, list(reader.fields), family)
    options = context.options
    if options.mapping is None and is_exported(request.columns):
        exported = exported_layer(reader, standard_tables(), options.layer, name)
        request = Request(file_name, name, request.columns, exported.family)
        return _placed(exported, request, exported.target, context, notes)
    target = choose(request, standard_tables(), layer=options.layer, mapping_file=read_mapping_option(options.mapping))
    if request.family == "none" and target.table_name == "feature" and reader.format == "GeoParquet":
        raise InvalidFile("the file has no geometries and no column of a known register; say --layer or --mapping")
    return _placed(reader, request, target, context, notes)


def _placed(
    reader: LayerReader, request: Request, target: Target, context: ImportContext, notes: list[Note]
) -> VectorLayer:
    options = context.options
    if request.family == "none":
        return VectorLayer(reader, request, target, None, None)
    transform = transform_for(reader.crs, options.crs, f"'{request.layer_name}'", notes)
    return VectorLayer(reader, request, target, transform, options.crs or reader.crs)


def _field_types(layer: VectorLayer) -> dict[str, str]:
    named = layer.target.matched.columns.get("name")
    found = {name: kind for name, kind in layer.reader.fields.items() if name != named}
    return found | ({"name": "string"} if named else {})
