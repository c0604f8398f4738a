"""A row that is rejected, with all that a person needs to mend it."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
import shapely

from cim.reports import Rejected
from layers.sources.batch import Batch

#: Key of a rejected row's record for what the reader knows beside its columns (the tags of OpenStreetMap).
EXTRA = "@extra"
_WKT_LIMIT = 100_000


def rejected_row(batch: Batch, row: int, record: dict[str, Any], reason: str, detail: str, crs: str | None) -> Rejected:
    """Return one bad row of a batch."""
    shape = batch.geometries[row] if batch.geometries is not None else None
    wkt = shapely.to_wkt(shape, rounding_precision=-1) if shape is not None else None
    if batch.extra is not None and batch.extra[row]:
        record = record | {EXTRA: batch.extra[row]}
    return Rejected(
        batch.place(row),
        reason,
        detail,
        batch.layer_name,
        wkt if wkt is None or len(wkt) <= _WKT_LIMIT else None,
        record,
        crs if shape is not None else None,
        fingerprint(batch.layer_name, record, wkt),
    )


def fingerprint(layer_name: str, record: dict[str, Any], wkt: str | None) -> str:
    """Return a hash of a row as delivered, wherever in the file it stands."""
    content = orjson.dumps(
        [layer_name, record, wkt], option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=str
    )
    return hashlib.blake2b(content, digest_size=16).hexdigest()
