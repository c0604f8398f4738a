"""A value in a filter."""

from __future__ import annotations

from typing import Any, NamedTuple


class Value(NamedTuple):
    """A kind (text, number, time, duration, bool, json, geometry, id, key, result, null) and its expression.

    ``json``: of a result, what is more than a number; of a key, the rows that have it.
    """

    kind: str
    sql: Any
    json: Any = None
