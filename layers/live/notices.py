"""Notices of many things: as many in one as the database carries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

#: PostgreSQL takes 8,000 bytes; the rest is the frame.
MOST_BYTES = 7_900


def in_notices(things: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield what is to be told, as many things together as one notice holds."""
    some: list[dict[str, Any]] = []
    size = 0
    for thing in things:
        more = len(orjson.dumps(thing)) + 1
        if some and size + more > MOST_BYTES - 40:
            yield some
            some, size = [], 0
        some.append(thing)
        size += more
    if some:
        yield some
