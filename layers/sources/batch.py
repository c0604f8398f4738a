"""Some rows of a file, as they were read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

Values = NDArray[np.object_]


@dataclass
class Batch:
    """Rows of one layer of a file.

    Attributes
    ----------
    layer_name
        The file's own name for the layer.
    columns
        Name -> values; missing ones are None or NaN.
    geometries
        In the file's CRS, x east and y north; None for a register without coordinates.
    unreadable
        Where there was a geometry that could not be read.
    rows
        Number of each row in the file, from 1 (for a CSV file the line, the header being line 1).
    """

    layer_name: str
    columns: dict[str, Values]
    geometries: Values | None
    unreadable: NDArray[np.bool_]
    rows: NDArray[np.int64]
    #: what else is known of each row, for its attributes
    extra: list[dict[str, Any]] | None = None
    #: where each row stands in a file that has no row numbers
    places: list[str] | None = None
    #: reason and detail of each row that the reader knows to be bad, else None
    faults: list[tuple[str, str] | None] | None = None
    #: rows whose rings were not closed and have been
    closed: NDArray[np.bool_] | None = None
    #: lines may have no length: a pump whose two nodes are drawn at one place still connects them
    may_collapse: bool = False
    #: boundary surfaces of buildings (MultiPolygon Z in the file's CRS) and a letter for the kind of each
    solids: Values | None = None
    surfaces: list[str | None] | None = None

    def place(self, row: int) -> str:
        """Return where a row stands in the file."""
        return self.places[row] if self.places else f"row {self.rows[row]}"

    def __len__(self) -> int:
        return len(self.rows)


def is_none(values: Values) -> NDArray[np.bool_]:
    """Tell which values are None."""
    return np.fromiter((value is None for value in values), bool, len(values))


def records(columns: Mapping[str, Values], which: NDArray[np.int64] | slice) -> list[dict[str, Any]]:
    """Return rows as dictionaries of plain values, without the missing ones."""
    names = list(columns)
    parts = [plain_values(columns[name][which]) for name in names]
    if not parts:
        size = len(np.empty(0)[which]) if isinstance(which, slice) else len(which)
        return [{} for _ in range(size)]
    return [
        {name: value for name, value in zip(names, values, strict=True) if value is not None}
        for values in zip(*parts, strict=True)
    ]


def plain_values(values: Values) -> list[Any]:
    """Return values that JSON has: numbers, text, booleans; None for missing ones and blank text."""
    return [_plain(value) for value in values.tolist()]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, str):
        return value.replace("\0", "").strip() or None
    if isinstance(value, bytes):
        return None
    return str(value)


def as_json(record: Mapping[str, Any]) -> str:
    """Return compact JSON with sorted keys, equal for equal content."""
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY).decode()
