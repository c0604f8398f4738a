"""GeoPackage, Shapefile, GeoJSON and FlatGeobuf through GDAL, in batches of bounded size."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pandas as pd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError
from sqlalchemy import Connection

from cim.crs import CrsTransform, name_of, vertical_name
from cim.errors import InvalidFile
from cim.importing import ImportContext
from cim.reports import DatasetDescription, Note, WriteResult
from cim.sources import Source
from layers.catalogue import standard_tables
from layers.sources import geometry, shapefile
from layers.sources.batch import Batch
from layers.sources.filling import Filling
from layers.sources.guess import Request, Target, choose, read_mapping_option
from layers.sources.transform import transform_for

BATCH_ROWS = 20_000
_JSON_TYPE = re.compile(
    rb'"type"\s*:\s*"(Feature|FeatureCollection|GeometryCollection|(Multi)?(Point|LineString|Polygon))"'
)
_GDAL_ERRORS = (DataSourceError, DataLayerError, FeatureError, FieldError, GeometryError, RuntimeError, ValueError)
_FORMATS = {"GPKG": "GeoPackage", "ESRI Shapefile": "Shapefile", "FlatGeobuf": "FlatGeobuf", "GeoJSON": "GeoJSON"}


@dataclass
class VectorLayer:
    """One layer of a file, and where it goes."""

    name: str
    info: dict[str, Any]
    request: Request
    target: Target
    transform: CrsTransform | None


@dataclass
class PreparedVector:
    """A vector file whose layers have been looked at."""

    path: Path
    layers: list[VectorLayer]
    format: str
    encoding: str | None
    context: ImportContext
    notes: list[Note] = field(default_factory=list)

    @property
    def description(self) -> DatasetDescription:
        """What the file says of itself."""
        placed = [layer for layer in self.layers if layer.transform is not None]
        if not placed:
            return DatasetDescription(self.format)
        transform = placed[0].transform
        assert transform is not None
        accuracies = [layer.transform.accuracy_m for layer in placed if layer.transform]
        known = [accuracy for accuracy in accuracies if accuracy is not None]
        return DatasetDescription(
            self.format,
            crs=", ".join(dict.fromkeys(name_of(layer.transform.source) for layer in placed if layer.transform)),
            vertical_crs=vertical_name(transform.source),
            transform=transform.description,
            accuracy_m=max(known) if len(known) == len(accuracies) else None,
            is_ballpark=any(layer.transform.is_ballpark for layer in placed if layer.transform),
        )

    def write(self, connection: Connection, dataset_id: int) -> WriteResult:
        """Read the file batch by batch into the model."""
        filling = Filling(connection, dataset_id, notes=list(self.notes))
        total = sum(layer.info["features"] for layer in self.layers)
        done = 0
        for layer in self.layers:
            types = _field_types(layer)
            intake = filling.open(
                layer.target, layer.request, layer.transform, types, use_weak_key=self._is_weak_key_unique(layer)
            )
            for batch in self._batches(layer):
                intake.take(batch)
                done += len(batch)
                self.context.progress("reading", done, total)
        self.context.progress("writing", done, total)
        return filling.finish()

    def _batches(self, layer: VectorLayer) -> Iterator[Batch]:
        expected = layer.info["features"]
        start = 0
        while start < expected:
            with gdal_errors():
                meta, _, wkb, columns = pyogrio.raw.read(
                    self.path,
                    layer=layer.name,
                    encoding=self.encoding,
                    skip_features=start,
                    max_features=BATCH_ROWS,
                    datetime_as_string=True,
                )
            size = len(wkb) if wkb is not None else len(columns[0]) if columns else 0
            if size == 0:
                raise InvalidFile(f"the file says that it has {expected} rows in '{layer.name}' and ends after {start}")
            shapes, unreadable = (None, np.zeros(size, bool)) if wkb is None else geometry.from_wkb(wkb)
            values = {str(name): column.astype(object) for name, column in zip(meta["fields"], columns, strict=True)}
            yield Batch(layer.name, values, shapes, unreadable, np.arange(start + 1, start + size + 1))
            start += size

    def _is_weak_key_unique(self, layer: VectorLayer) -> bool:
        """Tell whether a column that might be a key ('name', 'id') is one: never missing, never twice."""
        matched = layer.target.matched
        if matched.key or not matched.weak_key:
            return False
        with gdal_errors():
            _, _, _, columns = pyogrio.raw.read(
                self.path, layer=layer.name, encoding=self.encoding, columns=[matched.weak_key], read_geometry=False
            )
        values = pd.Series(columns[0])
        return bool(values.is_unique and not values.isna().any())


class VectorImporter:
    """Takes every layer of a vector file."""

    name = "vector"

    def recognise(self, source: Source) -> bool:
        """Tell by the first bytes."""
        head = source.head
        if head.startswith(b"SQLite format 3\0"):
            return head[68:72] in {b"GPKG", b"GP10", b"GP11"} or source.path.suffix.lower() == ".gpkg"
        if head.startswith((shapefile.MAGIC, b"fgb")):
            return True
        text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
        return text.startswith(b"{") and b"CityJSON" not in head[:1000] and _JSON_TYPE.search(head) is not None

    def prepare(self, source: Source, context: ImportContext) -> PreparedVector:
        """Look at the layers, choose where they go, and check their CRS."""
        notes: list[Note] = []
        encoding = None
        with gdal_errors():
            if source.head.startswith(shapefile.MAGIC):
                notes += shapefile.require_companions(source.path)
                encoding, found = shapefile.detect_encoding(source.path)
                notes += found
            names = [str(name) for name, _ in pyogrio.list_layers(source.path)]
            infos = [
                pyogrio.read_info(source.path, layer=name, encoding=encoding, force_feature_count=True)
                for name in names
            ]
        layers = []
        for name, info in zip(names, infos, strict=True):
            if info["features"] == 0:
                notes.append(Note("empty_layer", f"'{name}' has no rows"))
            else:
                layers.append(_look_at(source, name, info, context, notes))
        if not layers:
            raise InvalidFile("the file has no rows in any layer")
        driver = str(infos[0].get("driver", "vector"))
        return PreparedVector(source.path, layers, _FORMATS.get(driver, driver), encoding, context, _unique(notes))


@contextmanager
def gdal_errors() -> Iterator[None]:
    """Turn GDAL's errors into InvalidFile; its warnings are about files and stay silent."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            yield
    except _GDAL_ERRORS as error:
        # GDAL names the file by its full path, which is nobody's business.
        text = re.sub(r"(/[^/\s'\"]+)+/", "", str(error)).strip()
        raise InvalidFile(f"the file cannot be read: {text}; deliver it again") from None


def _look_at(source: Source, name: str, info: dict[str, Any], context: ImportContext, notes: list[Note]) -> VectorLayer:
    family = geometry.family_of(info["geometry_type"])
    file_name = PurePath(source.name).name
    stem = PurePath(file_name).stem
    # GeoJSON has no name of its own for its only layer; inside an archive the member is named after a scratch folder.
    request = Request(file_name, name if name else stem, [str(column) for column in info["fields"]], family)
    if family == "mixed":
        request = _narrow(source, name, request)
    options = context.options
    target = choose(request, standard_tables(), layer=options.layer, mapping_file=read_mapping_option(options.mapping))
    if request.family == "none":
        return VectorLayer(name, info, request, target, None)
    transform = transform_for(info["crs"], options.crs, f"'{name}'", notes)
    return VectorLayer(name, info, request, target, transform)


def _narrow(source: Source, name: str, request: Request) -> Request:
    """Look at the geometries of a layer whose type is not declared: mostly they are of one family."""
    with gdal_errors():
        _, _, wkb, _ = pyogrio.raw.read(source.path, layer=name, columns=[], max_features=BATCH_ROWS)
    found = set(geometry.families(geometry.from_wkb(wkb)[0])) - {"none"}
    family = found.pop() if len(found) == 1 else "mixed"
    return Request(request.file_name, request.layer_name, request.columns, family)


def _field_types(layer: VectorLayer) -> dict[str, str]:
    kinds = {"i": "integer", "u": "integer", "f": "number", "b": "boolean", "M": "datetime"}
    named = layer.target.matched.columns.get("name")
    return {
        str(name): kinds.get(np.dtype(kind).kind, "string") if not str(kind).startswith("list") else "string"
        for name, kind in zip(layer.info["fields"], layer.info["dtypes"], strict=True)
        if str(name) != named
    } | ({"name": "string"} if named else {})


def _unique(notes: list[Note]) -> list[Note]:
    return list(dict.fromkeys(notes))
