"""What shapes the tiles of a layer beside its data."""

from __future__ import annotations

import hashlib

import orjson

from layers.catalogue import LayerRow

#: Of the way in which tiles are made; raise it when that changes while neither data nor catalogue do.
FORM_VERSION = 1


def form_of(row: LayerRow) -> bytes:
    """Return the hash of all that shapes the tiles of a layer beside its data."""
    told = (FORM_VERSION, row.table_name, row.geometry_type, row.min_zoom, row.fields, row.overview)
    return hashlib.blake2s(orjson.dumps(told, option=orjson.OPT_SORT_KEYS), digest_size=8).digest()
