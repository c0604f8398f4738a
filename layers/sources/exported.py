"""Files that ``cim export`` has written: their columns are the model's own, and their keys those of the first import.

Such a file is known by its columns, in whatever format it comes back. What the model makes by itself (ids, lengths,
links) is not read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from geoalchemy2 import Geometry
from sqlalchemy import Column, Table

from cim.errors import InvalidFile
from cim.tables import metadata
from cim.tables.buildings import MERGED
from layers.sources.batch import Batch, Values
from layers.sources.gdal import GdalLayer
from layers.sources.guess import Target
from layers.sources.layer_reader import LayerReader
from layers.sources.mapping import LayerMapping, Matched, shipped_mappings

#: The ``source`` of mappings for such files.
SOURCE = "export"
KEY = "source_key"
#: Columns that every row has a value in; some readers do not see the others where no row has.
_MARKS = frozenset({"id", "source_key", "layer", "recorded_at"})
_EVERY_OBJECT = ("name", "area_code", "valid_from", "valid_to")
#: Columns of every table that an import fills in its own way.
_OTHERWISE = {"id", "layer_id", "dataset_id", "source_key", "attributes", "content_hash", "recorded_at", "geom_3857"}
_REST = "attributes"
_SHOWN_AS = {"building_source": "building"}
#: Tables of what models hold: only a model fills them.
_OF_MODELS = {"model", "storey", "space", "element", "element_group", "facility", "alignment", "terrain"}


@dataclass
class ExportedLayer:
    """A layer of such a file, without the columns that are not read.

    Attributes
    ----------
    fields
        The owner's attributes and the name.
    """

    reader: LayerReader
    target: Target

    def __post_init__(self) -> None:
        table = metadata.tables[f"cim.{_SHOWN_AS.get(self.target.table_name, self.target.table_name)}"]
        self.name, self.format, self.crs = self.reader.name, self.reader.format, self.reader.crs
        self.features, self.is_order_ruled = self.reader.features, False
        self.family = self.reader.family if "geom" in table.c else "none"
        read = {*self.target.matched.columns, KEY}
        known = {*table.c.keys(), *_MARKS, "dataset", _REST}
        self._unread = {name for name in self.reader.fields if name in known and name not in read}
        self.fields = {name: kind for name, kind in self.reader.fields.items() if name not in known or name == "name"}

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield all rows; those of another layer are faulty."""
        for batch in self.reader.batches(size):
            layers, rest = batch.columns["layer"], batch.columns.get(_REST)
            batch.faults = [self._fault(name) for name in layers]
            batch.extra = None if rest is None else [_object(value) for value in rest]
            batch.columns = {name: values for name, values in batch.columns.items() if name not in self._unread}
            if self.family == "none":
                batch.geometries = None
            yield batch

    def column(self, name: str, size: int) -> Iterator[Values]:
        """Yield the values of one column."""
        return self.reader.column(name, size)

    def shapes(self, limit: int) -> Values:
        """Return the geometries of the first rows."""
        return self.reader.shapes(limit)

    def _fault(self, layer_id: Any) -> tuple[str, str] | None:
        if layer_id == self.target.layer_id:
            return None
        return "wrong_layer", f"the row is of the layer '{layer_id}'; deliver it in a file of its own"


def is_exported(columns: Collection[str]) -> bool:
    """Tell by its columns whether a layer of a file was written by ``cim export``."""
    return _MARKS.issubset(columns)


def exported_layer(
    reader: LayerReader, standard: dict[str, tuple[str, str]], asked: str | None, title: str
) -> ExportedLayer:
    """Return the layer as it is read, going where it came from; raises InvalidFile.

    Parameters
    ----------
    asked
        The layer that the operator asks for, if any.
    """
    first = next(iter(reader.column("layer", 1)), np.array([None]))
    layer_id = str(first[0])
    if asked not in {None, layer_id}:
        raise InvalidFile(f"the file was written from the layer '{layer_id}'; import it without --layer '{asked}'")
    if isinstance(reader, GdalLayer) and reader.format == "GeoJSON":
        # GDAL would take text that looks like a time for one, and cut it to milliseconds.
        reader.options = {"DATE_AS_STRING": "YES"}
    return ExportedLayer(reader, exported_target(layer_id, list(reader.fields), standard, title))


def exported_target(
    layer_id: str, columns: Collection[str], standard: dict[str, tuple[str, str]], title: str
) -> Target:
    """Return the layer and the columns that rows of an export go to; raises InvalidFile."""
    table_name = standard.get(layer_id, ("feature", ""))[0]
    if table_name in _OF_MODELS:
        raise InvalidFile(f"the layer '{layer_id}' is filled from models and rasters; import those instead")
    mapping = _mapping(layer_id, metadata.tables[f"cim.{table_name}"])
    matched = Matched(mapping, {name: name for name in mapping.columns if name in columns}, {}, KEY, None)
    return Target(layer_id, "building_source" if table_name == "building" else table_name, matched, title, False)


def exported_building(attributes: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return what a building of an exported city model says, its owner's attributes under '@attributes'."""
    row = {name: attributes[name] for name in MERGED if attributes.get(name) is not None}
    return row | {KEY: key, "@attributes": attributes.get(_REST) or {}}


def _mapping(layer_id: str, table: Table) -> LayerMapping:
    own = [entry for entry in table.c if _is_read(entry)]
    names = MERGED if table.name == "building" else ("cim_level", *_EVERY_OBJECT, *(entry.name for entry in own))
    shipped = next((mapping for mapping in shipped_mappings() if mapping.layer == layer_id), None)
    defaults = {entry.name: value for entry in own if (value := _default(entry)) is not None}
    return LayerMapping(
        layer=layer_id,
        geometry=frozenset({"none"}) | (shipped.geometry if shipped else frozenset({"polygon", "line", "point"})),
        names=(),
        signature=frozenset(),
        key=(KEY,),
        columns={name: (name,) for name in names},
        defaults={**(shipped.defaults if shipped else {}), **defaults},
        cim_level=shipped.cim_level if shipped else None,
        source=SOURCE,
    )


def _is_read(entry: Column[Any]) -> bool:
    if entry.name in {*_OTHERWISE, *_EVERY_OBJECT, "cim_level"} or isinstance(entry.type, Geometry):
        return False
    return entry.computed is None and not entry.foreign_keys


def _default(entry: Column[Any]) -> Any:
    """Return what a column without a value holds, where it must hold one."""
    if entry.nullable or entry.server_default is None:
        return None
    said = str(getattr(entry.server_default, "arg", ""))
    return said.partition("::")[0].strip("'")


def _object(value: Any) -> dict[str, Any]:
    try:
        found = orjson.loads(value) if isinstance(value, str) else value
    except orjson.JSONDecodeError:
        return {_REST: value}
    return found if isinstance(found, dict) else {}
