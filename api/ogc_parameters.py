"""Query parameters of OGC API - Features: known ones only (17-069r4, 7.6), each with a value that makes sense."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from fastapi import Request

from cim.errors import InvalidInput
from layers.queries.items import MAX_LIMIT

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
LARGEST_CURSOR = 2**63 - 1
_OPEN = {"", ".."}


def only(*names: str) -> Callable[[Request], None]:
    """Return a check that a request has no other query parameters than these, each once."""

    def check(request: Request) -> None:
        check_names(request, set(names))

    return check


def check_names(request: Request, known: set[str]) -> None:
    """Refuse unknown, repeated and wrongly spelled parameters.

    Raises
    ------
    InvalidInput
    """
    given = request.query_params.multi_items()
    unknown = sorted({name for name, _ in given} - known)
    if unknown:
        raise InvalidInput(
            f"unknown query parameter '{unknown[0][:80]}'; known are: {', '.join(sorted(known))}",
            "unknown_field", given=unknown[0][:80], known=sorted(known),
        )  # fmt: skip
    if len({name for name, _ in given}) != len(given):
        raise InvalidInput("a query parameter is given twice; give each once", "parameter_twice")
    form = request.query_params.get("f", "json")
    if form not in ("json", "geojson"):
        raise InvalidInput(
            f"f is '{form[:40]}'; only 'json' is available", "not_one_of", field="f", given=form[:40], choices=["json"]
        )


def parse_limit(text: str | None, default: int) -> int:
    """Return the page size; more than the most is not an error (17-069r4, /req/core/fc-limit-response-1).

    Raises
    ------
    InvalidInput
    """
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and int(text[:20]) >= 1):
        raise InvalidInput(
            f"limit is '{text[:40]}'; use a whole number from 1 to {MAX_LIMIT}",
            "whole_number_wrong", field="limit", given=text[:40], least=1, most=MAX_LIMIT,
        )  # fmt: skip
    return min(int(text[:20]), MAX_LIMIT)


def parse_cursor(text: str | None) -> int | None:
    """Return where the page before ended.

    Raises
    ------
    InvalidInput
    """
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= LARGEST_CURSOR):
        raise InvalidInput(
            f"cursor is '{text[:40]}'; follow the link 'next' of the page before", "cursor_wrong", given=text[:40]
        )
    return int(text)


def parse_datetime(text: str | None) -> tuple[datetime | None, datetime | None] | None:
    """Return the interval of the world's time that an instant or an interval of RFC 3339 means (7.15.4).

    An item without a time of its own is within every interval.

    Raises
    ------
    InvalidInput
    """
    if text is None:
        return None
    parts = text.split("/")
    is_interval = len(parts) == 2
    if len(parts) > 2 or not all(_is_instant(part) or (is_interval and part in _OPEN) for part in parts):
        raise InvalidInput(
            f"datetime is '{text[:80]}'; use an instant or an interval like 2025-06-01T00:00:00Z/..",
            "not_a_time", field="datetime", given=text[:80],
        )  # fmt: skip
    if is_interval and not _OPEN & set(parts) and datetime.fromisoformat(parts[0]) > datetime.fromisoformat(parts[1]):
        raise InvalidInput(f"datetime is '{text[:80]}': its end is before its beginning", "from_after_to")
    begin, end = (None if part in _OPEN else datetime.fromisoformat(part.upper()) for part in (parts[0], parts[-1]))
    return begin, end


def parse_asof(text: str | None) -> datetime | None:
    """Return the moment as of which the recorded state is asked for.

    Raises
    ------
    InvalidInput
    """
    if text is None:
        return None
    if not _is_instant(text):
        raise InvalidInput(
            f"asof is '{text[:80]}'; use an instant like 2025-06-01T08:00:00+08:00",
            "not_a_time", field="asof", given=text[:80],
        )  # fmt: skip
    return datetime.fromisoformat(text.upper())


def check_filter_language(language: str | None, crs: str | None) -> None:
    """Refuse filters in another language than CQL2 text, or with geometries in another system.

    Raises
    ------
    InvalidInput
    """
    if language not in (None, "cql2-text"):
        raise InvalidInput(
            f"filter-lang is '{language[:40]}'; only cql2-text is available",
            "not_one_of", field="filter-lang", given=language[:40], choices=["cql2-text"],
        )  # fmt: skip
    if crs not in (None, CRS84):
        raise InvalidInput(
            f"filter-crs is '{crs[:80]}'; only {CRS84} is available",
            "not_one_of", field="filter-crs", given=crs[:80], choices=[CRS84],
        )  # fmt: skip


def _is_instant(text: str) -> bool:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", text):
        return False
    try:
        datetime.fromisoformat(text.upper())
    except ValueError:
        return False
    return True
