"""GeoJSON text sequences (RFC 8142) and newline-delimited GeoJSON: a feature a line, bad lines rejected one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import shapely

from cim.errors import InvalidFile
from layers.sources import geometry
from layers.sources.batch import Batch, Values

_SEPARATOR = b"\x1e"
_BLANKS = b" \t\r\n\xef\xbb\xbf"
#: RFC 7946, section 4
_CRS = "OGC:CRS84"
_TEXT_SHOWN = 500
_KINDS: dict[type, str] = {bool: "boolean", int: "integer", float: "number"}


def is_sequence(head: bytes, path: Path) -> bool:
    """Tell whether a file is a sequence of features, one a line."""
    text = head.lstrip(_BLANKS)
    if text.startswith(_SEPARATOR):
        return True
    if not text.startswith(b"{"):
        return False
    line, found, _ = text.partition(b"\n")
    if not found and len(head) < path.stat().st_size:
        if b'"FeatureCollection"' in line:
            return False
        with path.open("rb") as handle:
            line = handle.readline(2**26)
    feature = _feature(line)
    return feature is not None


@dataclass
class GeoJsonLines:
    """The one layer of a file; attributes as those of ``GdalLayer``."""

    path: Path
    name: str

    format = "GeoJSONSeq"
    crs: str | None = _CRS
    is_order_ruled = True

    def __post_init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.features = 0
        families = set()
        for line in self._lines():
            self.features += 1
            feature = _feature(line)
            if feature is None:
                continue
            families.add(_family(feature.get("geometry")))
            for name, value in _values(feature).items():
                kind = _KINDS.get(type(value), "string")
                if value is not None and self.fields.setdefault(name, kind) != kind:
                    self.fields[name] = "string"
        families.discard("none")
        self.family = families.pop() if len(families) == 1 else "mixed" if families else "none"

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield all rows; a line that is no feature is one that is faulty."""
        lines = self._lines()
        done = 0
        while found := list(islice(lines, size)):
            yield self._batch(found, done)
            done += len(found)

    def column(self, name: str, size: int) -> Iterator[Values]:
        """Yield the values of one column."""
        for batch in self.batches(size):
            yield batch.columns[name]

    def shapes(self, limit: int) -> Values:
        """Return the geometries of the first rows."""
        batch = next(self.batches(limit), None)
        return np.empty(0, object) if batch is None or batch.geometries is None else batch.geometries

    def _lines(self) -> Iterator[bytes]:
        with self.path.open("rb") as handle:
            for line in handle:
                text = line.strip(_BLANKS + _SEPARATOR)
                if text:
                    yield text

    def _batch(self, lines: list[bytes], done: int) -> Batch:
        features = [_feature(line) for line in lines]
        records = [_values(feature) if feature is not None else {} for feature in features]
        columns = {name: _column([record.get(name) for record in records]) for name in self.fields}
        shapes = _column([_shape(feature) for feature in features])
        wanted = np.array([feature is not None and feature.get("geometry") is not None for feature in features], bool)
        faults = [None if feature is not None else ("unreadable_row", _fault(line))
                  for feature, line in zip(features, lines, strict=True)]  # fmt: skip
        return Batch(
            self.name,
            columns,
            shapes,
            wanted & shapely.is_missing(shapes),
            np.arange(done + 1, done + len(lines) + 1),
            faults=faults,
        )


def _feature(line: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(line.strip(_BLANKS + _SEPARATOR))
    except orjson.JSONDecodeError:
        return None
    is_feature = isinstance(found, dict) and found.get("type") == "Feature"
    return found if is_feature and isinstance(found.get("properties") or {}, dict) else None


def _fault(line: bytes) -> str:
    text = line[:_TEXT_SHOWN].decode("utf-8", "replace")
    return f"the line is no GeoJSON feature: {text}"


def _values(feature: dict[str, Any]) -> dict[str, Any]:
    found = {
        name: orjson.dumps(value).decode() if isinstance(value, dict | list) else value
        for name, value in (feature.get("properties") or {}).items()
    }
    return {"id": feature["id"]} | found if isinstance(feature.get("id"), str | int) else found


def _family(shape: Any) -> str:
    return geometry.family_of(shape.get("type")) if isinstance(shape, dict) else "none"


def _shape(feature: dict[str, Any] | None) -> shapely.Geometry | None:
    if feature is None or feature.get("geometry") is None:
        return None
    found: shapely.Geometry | None = shapely.from_geojson(orjson.dumps(feature["geometry"]), on_invalid="ignore")
    return found


def _column(values: list[Any]) -> Values:
    column: Values = np.empty(len(values), object)
    column[:] = values
    return column


def open_lines(path: Path, name: str) -> GeoJsonLines:
    """Open a file; raises InvalidFile where no line is a feature."""
    found = GeoJsonLines(path, name)
    if not found.fields and found.family == "none":
        raise InvalidFile("no line of the file is a GeoJSON feature")
    return found
