"""Functions that a filter may call (18-088, table 23)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import DateTime, Integer, Numeric, Text, cast, func, literal, literal_column

from cim.errors import InvalidInput
from layers.live.sensors.odata_value import Value

ReadAs = Callable[[Value, str, str], Value]


class _Function(NamedTuple):
    """Kinds of what it takes and gives; ``make`` builds the expression."""

    takes: tuple[str, ...]
    gives: str
    make: Callable[..., Any]


def _part(name: str) -> _Function:
    return _Function(
        ("time",), "number", lambda time: func.date_part(name, time.op("AT TIME ZONE")(literal_column("'UTC'")))
    )


def _geo(name: str) -> _Function:
    return _Function(("geometry", "geometry"), "bool", lambda left, right: getattr(func, name)(left, right))


def _metres(left: Any, right: Any) -> Any:
    return func.ST_Distance(func.geography(left), func.geography(right))


def _within(text: Any, part: Any) -> Any:
    return func.strpos(text, part) > 0


def _substring(text: Any, start: Any, *length: Any) -> Any:
    # No later start and no longer part than any text is: larger numbers fit no integer.
    bounds = [cast(func.least(func.greatest(cast(each, Numeric), 0), 1_000_000), Integer) for each in (start, *length)]
    return func.substr(text, bounds[0] + 1, *bounds[1:])


FUNCTIONS: dict[str, Sequence[_Function]] = {
    "substringof": [_Function(("text", "text"), "bool", lambda part, text: _within(text, part))],
    "contains": [_Function(("text", "text"), "bool", _within)],
    "startswith": [_Function(("text", "text"), "bool", func.starts_with)],
    "endswith": [_Function(("text", "text"), "bool", lambda text, end: func.right(text, func.length(end)) == end)],
    "length": [_Function(("text",), "number", func.length)],
    "indexof": [_Function(("text", "text"), "number", lambda text, part: func.strpos(text, part) - 1)],
    "substring": [
        _Function(("text", "number"), "text", _substring),
        _Function(("text", "number", "number"), "text", _substring),
    ],
    "tolower": [_Function(("text",), "text", func.lower)],
    "toupper": [_Function(("text",), "text", func.upper)],
    "trim": [_Function(("text",), "text", func.btrim)],
    "concat": [_Function(("text", "text"), "text", lambda left, right: cast(left, Text).concat(right))],
    "year": [_part("year")],
    "month": [_part("month")],
    "day": [_part("day")],
    "hour": [_part("hour")],
    "minute": [_part("minute")],
    "second": [_Function(("time",), "number", lambda time: func.floor(func.date_part("second", time)))],
    "fractionalseconds": [
        _Function(("time",), "number", lambda time: cast(func.date_part("second", time), Numeric) % 1)
    ],
    "totaloffsetminutes": [_Function(("time",), "number", lambda _time: literal(0))],
    "now": [_Function((), "time", func.now)],
    "mindatetime": [_Function((), "time", lambda: literal(datetime(1, 1, 1, tzinfo=UTC), DateTime(timezone=True)))],
    "maxdatetime": [
        _Function((), "time", lambda: literal(datetime(9999, 12, 31, tzinfo=UTC), DateTime(timezone=True)))
    ],
    "round": [_Function(("number",), "number", lambda number: func.round(cast(number, Numeric)))],
    "floor": [_Function(("number",), "number", func.floor)],
    "ceiling": [_Function(("number",), "number", func.ceil)],
    "geo.distance": [_Function(("geometry", "geometry"), "number", _metres)],
    "geo.length": [_Function(("geometry",), "number", lambda line: func.ST_Length(func.geography(line)))],
    "geo.intersects": [_geo("ST_Intersects")],
    "st_equals": [_geo("ST_Equals")],
    "st_disjoint": [_geo("ST_Disjoint")],
    "st_touches": [_geo("ST_Touches")],
    "st_within": [_geo("ST_Within")],
    "st_overlaps": [_geo("ST_Overlaps")],
    "st_crosses": [_geo("ST_Crosses")],
    "st_intersects": [_geo("ST_Intersects")],
    "st_contains": [_geo("ST_Contains")],
}


def call(name: str, values: Sequence[Value], read_as: ReadAs) -> Value:
    """Return what a function gives; distances and lengths are metres.

    Raises
    ------
    InvalidInput
        For a function that there is not, and for values that it does not take.
    """
    if name not in FUNCTIONS:
        raise InvalidInput(f"there is no function '{name[:60]}'; use one of {', '.join(FUNCTIONS)}")
    for function in FUNCTIONS[name]:
        if len(function.takes) == len(values):
            read = [
                read_as(value, kind, f"a value of {name}") for value, kind in zip(values, function.takes, strict=True)
            ]
            return Value(function.gives, function.make(*(each.sql for each in read)))
    takes = " or ".join(f"({', '.join(function.takes)})" for function in FUNCTIONS[name])
    raise InvalidInput(f"{name} takes {takes}, not {len(values)} values")
