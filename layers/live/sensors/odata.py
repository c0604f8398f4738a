"""Filters and orders of SensorThings as conditions over an entity set; values are bound, names are looked up."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import shapely
from lark import Token
from sqlalchemy import (
    DateTime,
    Double,
    Interval,
    Numeric,
    Text,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    literal_column,
    not_,
    null,
    or_,
    select,
)

from cim.access import Caller
from cim.errors import InvalidInput
from layers.live.sensors import odata_functions
from layers.live.sensors.address import read_key
from layers.live.sensors.entities import RESULT, SETS, EntitySet
from layers.live.sensors.odata_parser import parse
from layers.live.sensors.odata_value import Value

MAX_LINKS = 4
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left.is_distinct_from(right),
    "gt": lambda left, right: left > right,
    "ge": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "le": lambda left, right: left <= right,
}
_CALCULATE: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda left, right: left + right,
    "sub": lambda left, right: left - right,
    "mul": lambda left, right: left * right,
    "div": lambda left, right: left / right,
    "mod": lambda left, right: cast(left, Numeric) % cast(right, Numeric),
}
_DURATION = re.compile(r"(-?)P(?:(\d{1,5})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})(?:\.\d{1,6})?S)?)?")
#: How a value reads as another kind.
_CASTS: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("json", "text"): lambda sql: sql.op("#>>")(literal_column("'{}'::text[]")),
    ("json", "number"): lambda sql: case((func.jsonb_typeof(sql) == "number", cast(_as_text(sql), Double))),
    ("json", "bool"): lambda sql: case((func.jsonb_typeof(sql) == "boolean", _as_text(sql) == "true")),
    ("key", "text"): lambda sql: sql,
    ("id", "number"): lambda sql: sql,
    ("id", "text"): lambda sql: cast(sql, Text),
}


class _Place(NamedTuple):
    """Where names are looked up: a set and its rows."""

    entities: EntitySet
    rows: Any


def condition(entities: EntitySet, rows: Any, text: str, caller: Caller) -> Any:
    """Return the condition that a filter means for rows of a set.

    Raises
    ------
    InvalidInput
        Naming what is wrong and what would be right.
    """
    return _Compiler(_Place(entities, rows), caller).predicate(parse(text))


def order(entities: EntitySet, rows: Any, text: str, caller: Caller) -> list[Any]:
    """Return the terms of ``$orderby``."""
    terms = []
    for term in text.split(","):
        words = term.split()
        if not words or len(words) > 2 or (len(words) == 2 and words[1].lower() not in ("asc", "desc")):
            raise InvalidInput(f"$orderby is '{text[:80]}'; write it like: phenomenonTime desc")
        value = _Compiler(_Place(entities, rows), caller).scalar(parse(words[0])).sql
        ordered = value.desc() if words[-1].lower() == "desc" else value.asc()
        # A key is never null: said of one, an index that is read from its end would not do, and all would be sorted.
        is_key = any(value is rows.c[key] for key in entities.keys)
        terms.append(ordered if is_key else ordered.nulls_last())
    return terms


class _Compiler:
    """One filter: the links that a comparison follows become an ``EXISTS`` around it."""

    def __init__(self, place: _Place, caller: Caller) -> None:
        self._place, self._caller = place, caller
        self._links: list[tuple[Any, Any]] = []
        self._known: dict[tuple[str, ...], _Place] = {}

    def predicate(self, node: Any) -> Any:
        """Return a condition."""
        node = _unwrapped(node)
        name = node.data
        if name in ("any_of", "all_of"):
            return (or_ if name == "any_of" else and_)(*(self.predicate(child) for child in node.children))
        if name == "not_":
            return not_(func.coalesce(self.predicate(node.children[0]), literal_column("false")))
        return self._linked(node)

    def _linked(self, node: Any) -> Any:
        within = _Compiler(self._place, self._caller)
        if node.data == "compare":
            found = within._comparison(*node.children)
        else:
            found = _read_as(within.value(node), "bool", "a condition").sql
        if not within._links:
            return found
        rows, conditions = zip(*within._links, strict=True)
        return exists(select(literal_column("1")).select_from(*rows).where(*conditions, found))

    def _comparison(self, left: Any, sign: Token, right: Any) -> Any:
        first, second = self.value(left), self.value(right)
        if "null" in (first.kind, second.kind):
            if sign not in ("eq", "ne"):
                raise InvalidInput("null is compared by eq or ne")
            other = (second if first.kind == "null" else first).sql
            return other.is_(None) if sign == "eq" else other.is_not(None)
        if sign == "eq" and first.kind == "key" and isinstance(getattr(second.sql, "value", None), str):
            return _is_observation(first.json, second.sql.value)
        first, second = _alike(first, second)
        return _COMPARE[str(sign)](first.sql, second.sql)

    def value(self, node: Any) -> Value:
        """Return a value and its kind."""
        node = _unwrapped(node)
        reader: Callable[..., Value] = getattr(self, f"_{node.data}", self._condition_value)
        return reader(node.children) if reader != self._condition_value else self._condition_value(node)

    def scalar(self, node: Any) -> Value:
        """Return a value of the row itself or of one that it links to."""
        found = self.value(node)
        if found.kind == "result":
            found = Value("number", found.sql)
        if self._links:
            rows, conditions = zip(*self._links, strict=True)
            return Value(found.kind, select(found.sql).select_from(*rows).where(*conditions).limit(1).scalar_subquery())
        return found

    def _condition_value(self, node: Any) -> Value:
        return Value("bool", self.predicate(node))

    def _path(self, names: list[Token]) -> Value:
        place, walked = self._place, 0
        while str(names[walked]) in place.entities.links and walked < len(names) - 1:
            if walked == MAX_LINKS:
                raise InvalidInput(f"a path follows more than {MAX_LINKS} links")
            place = self._follow(tuple(map(str, names[: walked + 1])), place)
            walked += 1
        name, rest = str(names[walked]), [str(each) for each in names[walked + 1 :]]
        found = place.entities.properties.get("id" if name == "@iot.id" else name)
        if found is None:
            known = ", ".join([*place.entities.properties, *place.entities.links])
            raise InvalidInput(f"'{name[:60]}' is no property of {place.entities.singular}; use one of {known}")
        if found.kind == "result":
            return Value("result", RESULT[0](place.rows), RESULT[1](place.rows))
        if rest:
            if found.kind not in ("json", "geometry"):
                raise InvalidInput(f"'{name}' has nothing inside; leave '/{rest[0][:60]}' out")
            return Value("json", found.value(place.rows).op("#>")(_path_of(rest)))
        if found.kind == "key":
            return Value("key", found.value(place.rows), place.rows)
        kind = "time" if found.kind == "interval" else found.kind
        return Value(kind, (found.compared or found.value)(place.rows))

    def _follow(self, names: tuple[str, ...], place: _Place) -> _Place:
        if names not in self._known:
            link = place.entities.links[names[-1]]
            target = SETS[link.target]
            rows = target.source().alias()
            seen = target.seen(rows, self._caller)
            self._links.append((rows, and_(link.join(place.rows, rows), seen)))
            self._known[names] = _Place(target, rows)
        return self._known[names]

    def _call(self, children: list[Any]) -> Value:
        name = str(children[0])[:-1].strip()
        return odata_functions.call(name, [self.value(each) for each in children[1:]], _read_as)

    def _arithmetic(self, children: list[Any]) -> Value:
        found = self.value(children[0])
        for sign, node in zip(children[1::2], children[2::2], strict=True):
            found = _calculated(found, str(sign), self.value(node))
        return found

    def _number(self, children: list[Token]) -> Value:
        text = str(children[0])
        is_whole = text.lstrip("+-").isdigit() and len(text) < 19
        return Value("number", literal(int(text)) if is_whole else literal(float(text), Double))

    def _text(self, children: list[Token]) -> Value:
        return Value("text", literal(children[0][1:-1].replace("''", "'"), Text))

    def _time(self, children: list[Token]) -> Value:
        return Value("time", _moment(str(children[0])))

    def _duration(self, children: list[Token]) -> Value:
        text = children[0][len("duration'") : -1]
        found = _DURATION.fullmatch(text)
        if found is None or not any(found.groups()[1:]):
            raise InvalidInput(f"the duration is '{text}'; write it like duration'P1DT2H'")
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
        span = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        return Value("duration", literal(-span if found[1] else span, Interval))

    def _geography(self, children: list[Token]) -> Value:
        text = children[0].partition("'")[2][:-1]
        try:
            shape = shapely.from_wkt(text)
        except shapely.errors.GEOSException:
            raise InvalidInput(f"'{text[:60]}' is no WKT; write it like geography'POINT (114.2 22.7)'") from None
        if shape.is_empty or not shape.is_valid or shapely.get_num_coordinates(shape) > 10_000:
            raise InvalidInput("the geography is empty, not valid, or has more than 10000 vertices")
        west, south, east, north = shape.bounds
        if west < -180 or east > 180 or south < -90 or north > 90:
            raise InvalidInput("the geography lies outside of the world; write longitude, then latitude, in degrees")
        placed = shapely.set_srid(shapely.force_2d(shape), 4490)
        return Value("geometry", func.ST_GeomFromEWKB(shapely.to_wkb(placed, include_srid=True)))

    def _boolean(self, children: list[Token]) -> Value:
        return Value("bool", literal(str(children[0]) == "true"))

    def _null(self, _children: list[Token]) -> Value:
        return Value("null", null())


def _unwrapped(node: Any) -> Any:
    """Return what stands alone in a chain of operators."""
    while len(node.children) == 1 and node.data in ("any_of", "all_of", "arithmetic"):
        node = node.children[0]
    return node


def _is_observation(rows: Any, said: str) -> Any:
    """Return the condition of one observation, which its index finds; an id that is none fits nothing."""
    try:
        key = read_key(SETS["Observations"], said)
    except InvalidInput:
        return false()
    return and_(*(rows.c[name] == value for name, value in zip(SETS["Observations"].keys, key, strict=True)))


def _as_text(sql: Any) -> Any:
    return sql.op("#>>")(literal_column("'{}'::text[]"))


def _path_of(names: list[str]) -> Any:
    return func.string_to_array(literal("\x1f".join(names), Text), literal("\x1f", Text))


def _moment(text: str) -> Any:
    try:
        return literal(datetime.fromisoformat(text.replace(" ", "+")), DateTime(timezone=True))
    except ValueError:
        raise InvalidInput(f"the time is '{text[:60]}'; write it like 2026-03-01T00:00:00Z") from None


def _alike(first: Value, second: Value) -> tuple[Value, Value]:
    """Return both as values of one kind."""
    if "key" in (first.kind, second.kind):
        return _read_as(first, "text", "a text"), _read_as(second, "text", "a text")
    if first.kind in ("json", "result") and second.kind in ("json", "result"):
        return _read_as(first, "text", "a text"), _read_as(second, "text", "a text")
    if first.kind in ("json", "id", "result"):
        return _read_as(first, second.kind, "the other side"), _plain(second)
    if second.kind in ("json", "id", "result"):
        return _plain(first), _read_as(second, first.kind, "the other side")
    if {first.kind, second.kind} == {"time", "text"}:
        return _read_as(first, "time", "a time"), _read_as(second, "time", "a time")
    if first.kind != second.kind:
        raise InvalidInput(f"a {first.kind} is compared with a {second.kind}; they must be of one kind")
    if first.kind == "geometry":
        raise InvalidInput("places are compared by geo.distance, geo.intersects or st_within")
    return first, second


def _plain(value: Value) -> Value:
    return _read_as(value, "number", "a number") if value.kind == "id" else value


def _read_as(value: Value, kind: str, wanted: str) -> Value:
    """Return a value as one of another kind; raises InvalidInput where it is none."""
    if value.kind == kind:
        return value
    if value.kind == "result":
        return Value("number", value.sql) if kind == "number" else _read_as(Value("json", value.json), kind, wanted)
    if (value.kind, kind) in _CASTS:
        return Value(kind, _CASTS[value.kind, kind](value.sql))
    if (value.kind, kind) == ("text", "time") and isinstance(getattr(value.sql, "value", None), str):
        return Value("time", _moment(value.sql.value))
    raise InvalidInput(f"a {value.kind} stands where {wanted} is needed ({kind})")


def _calculated(left: Value, sign: str, right: Value) -> Value:
    kinds = (left.kind, right.kind)
    if kinds in (("time", "duration"), ("duration", "duration")) and sign in ("add", "sub"):
        return Value(left.kind, _CALCULATE[sign](left.sql, right.sql))
    if kinds == ("time", "time") and sign == "sub":
        return Value("duration", left.sql - right.sql)
    first, second = (_read_as(each, "number", "a number").sql for each in (left, right))
    # Numeric: whole numbers that grow do not run over, and 7 div 2 is 3.5.
    return Value("number", _CALCULATE[sign](cast(first, Numeric), cast(second, Numeric)))
