"""Layers of vector files that GDAL reads, as a stream of Arrow batches."""

from __future__ import annotations

import re
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError

from cim.errors import InvalidFile
from layers.sources import geometry
from layers.sources.batch import Batch, Values

_ERRORS = (
    DataSourceError, DataLayerError, FeatureError, FieldError, GeometryError, RuntimeError, ValueError,
    pa.ArrowException, OSError,
)  # fmt: skip
_FORMATS = {"GPKG": "GeoPackage", "ESRI Shapefile": "Shapefile", "LIBKML": "KML"}
# GDAL 3.12's own Arrow batches of FlatGeobuf have wrong offsets after a missing geometry; the general ones are right.
# It would leave an .aux.xml beside each GeoPackage with metadata that it only reads.
pyogrio.set_gdal_config_options({"OGR_FLATGEOBUF_STREAM_BASE_IMPL": "YES", "GDAL_PAM_ENABLED": "NO"})
_KINDS = {"i": "integer", "u": "integer", "f": "number", "b": "boolean", "M": "datetime"}


@dataclass
class GdalLayer:
    """One layer of a file.

    Attributes
    ----------
    fields
        Name of a column -> string | integer | number | boolean | datetime.
    features
        How many rows the file says that it has.
    is_order_ruled
        The format wants outer rings counter-clockwise.
    options
        Of GDAL's driver, for opening.
    """

    path: Path
    name: str
    encoding: str | None
    info: dict[str, Any] = field(repr=False)
    scratch: _Scratch | None = None
    options: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        driver = str(self.info.get("driver", "vector"))
        self.format = _FORMATS.get(driver, driver)
        self.is_order_ruled = driver == "GeoJSON"
        self.crs: str | None = self.info["crs"]
        self.family = geometry.family_of(self.info["geometry_type"])
        self.features: int = self.info["features"]
        self.fields = {
            str(name): _KINDS.get(np.dtype(kind).kind, "string") if not str(kind).startswith("list") else "string"
            for name, kind in zip(self.info["fields"], self.info["dtypes"], strict=True)
        }

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield all rows; raises InvalidFile where there are fewer than the file says."""
        done = 0
        for found in self._tables(size, None, has_geometry=True):
            batch = self._batch(found, done)
            done += len(batch)
            yield batch
        if done < self.features:
            raise InvalidFile(f"the file says that it has {self.features} rows in '{self.name}' and ends after {done}")

    def column(self, name: str, size: int) -> Iterator[Values]:
        """Yield the values of one column."""
        for found in self._tables(size, [name], has_geometry=False):
            yield _objects(found.column(0))

    def shapes(self, limit: int) -> Values:
        """Return the geometries of the first rows."""
        found = next(self._tables(limit, [], has_geometry=True), None)
        return np.empty(0, object) if found is None else geometry.from_wkb(_objects(found.column(0))).geometries

    def _tables(self, size: int, columns: list[str] | None, *, has_geometry: bool) -> Iterator[Any]:
        with gdal_errors():
            stream = pyogrio.open_arrow(
                self.path,
                layer=self.name,
                encoding=self.encoding,
                columns=columns,
                read_geometry=has_geometry,
                batch_size=size,
                datetime_as_string=True,
                use_pyarrow=True,
                **self.options,
            )
            _, reader = stream.__enter__()
        try:
            while True:
                with gdal_errors():
                    try:
                        found = reader.read_next_batch()
                    except StopIteration:
                        return
                yield found
        finally:
            stream.__exit__(None, None, None)

    def _batch(self, found: Any, done: int) -> Batch:
        columns = {str(name): _objects(found.column(n)) for n, name in enumerate(found.schema.names)}
        # The column of geometries is the last one.
        wkb = columns.pop(found.schema.names[-1]) if self.family != "none" else None
        rows = np.arange(done + 1, done + found.num_rows + 1)
        if wkb is None:
            return Batch(self.name, columns, None, np.zeros(len(rows), bool), rows)
        shapes, unreadable, closed = geometry.from_wkb(wkb)
        return Batch(self.name, columns, shapes, unreadable, rows, closed=closed)


def open_layers(path: Path, encoding: str | None, *, writes_beside: bool = False) -> list[GdalLayer]:
    """Return the layers of a file; raises InvalidFile.

    Parameters
    ----------
    writes_beside
        GDAL leaves a file of its own beside this one (GML); it is opened by a link in a scratch folder.
    """
    scratch = _Scratch(path) if writes_beside else None
    opened = scratch.link if scratch else path
    with gdal_errors():
        names = [str(name) for name, _ in pyogrio.list_layers(opened)]
        infos = [pyogrio.read_info(opened, layer=name, encoding=encoding, force_feature_count=True) for name in names]
    return [GdalLayer(opened, name, encoding, info, scratch) for name, info in zip(names, infos, strict=True)]


class _Scratch:
    """A folder with a link to a file, which goes when no layer of the file is left."""

    def __init__(self, path: Path) -> None:
        folder = Path(tempfile.mkdtemp(prefix="cim-gml-"))
        self.link = folder / path.name
        self.link.symlink_to(path.resolve())
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)


@contextmanager
def gdal_errors() -> Iterator[None]:
    """Turn GDAL's errors into InvalidFile; its warnings are about files and stay silent."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            yield
    except _ERRORS as error:
        # GDAL names the file by its full path, which is nobody's business.
        text = re.sub(r"(/[^/\s'\"]+)+/", "", str(error)).strip()
        raise InvalidFile(f"the file cannot be read: {text}; deliver it again") from None


def _objects(column: Any) -> Values:
    values: Values = np.empty(len(column), object)
    values[:] = column.to_pylist()
    return values
