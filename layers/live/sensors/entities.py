"""The entity sets of SensorThings 1.1 (18-088, 8.2): their properties and links, as columns and joins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from sqlalchemy import Double, and_, cast, exists, func, literal_column, not_, or_, select
from sqlalchemy.sql.selectable import FromClause

from cim.access import Caller
from cim.tables import (
    datastream,
    feature_of_interest,
    historical_location,
    historical_place,
    last_observation,
    layer,
    location,
    observation,
    observation_detail,
    observed_property,
    procedure,
    sensor,
    thing,
    thing_location,
)
from layers.live.sensors.observe import LAYER
from layers.queries.visible import in_area

Kind = Literal["id", "key", "text", "number", "time", "json", "geometry", "result", "interval"]
Condition = Any


@dataclass(frozen=True)
class Property:
    """One property: how it is compared, and its expression over the set's source."""

    kind: Kind
    value: Callable[[Any], Any]
    compared: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Link:
    """A way from one set to another."""

    target: str
    is_many: bool
    join: Callable[[Any, Any], Condition]


@dataclass(frozen=True)
class EntitySet:
    """One set; ``keys`` are the columns of its source that name an entity."""

    plural: str
    singular: str
    source: Callable[[], FromClause]
    properties: Mapping[str, Property]
    links: Mapping[str, Link]
    seen: Callable[[Any, Caller], Condition]
    keys: tuple[str, ...] = ("id",)


def _column(kind: Kind, name: str) -> Property:
    return Property(kind, lambda row: row.c[name])


_DESCRIBED = {
    "name": _column("text", "name"),
    "description": _column("text", "description"),
    "properties": _column("json", "properties"),
}
_ID = {"id": _column("id", "id")}


def _times(first: str, last: str) -> Property:
    return Property("interval", lambda row: func.jsonb_build_array(row.c[first], row.c[last]), lambda row: row.c[first])


def _datastream_times(row: Any) -> Any:
    first = select(func.min(observation.c.phenomenon_time)).where(observation.c.sensor_id == row.c.id)
    last = select(last_observation.c.phenomenon_time).where(last_observation.c.sensor_id == row.c.id)
    return func.jsonb_build_array(first.scalar_subquery(), last.scalar_subquery())


def _last_time(row: Any) -> Any:
    return select(last_observation.c.phenomenon_time).where(last_observation.c.sensor_id == row.c.id).scalar_subquery()


@cache
def _datastreams() -> FromClause:
    return (
        select(datastream, sensor.c.area_code, sensor.c.layer_id)
        .join(sensor, sensor.c.id == datastream.c.id)
        .subquery()
    )


@cache
def _observations() -> FromClause:
    told = observation_detail
    named = ("phenomenon_end", "result_time", "valid_from", "valid_to", "result_quality", "parameters")
    return (
        select(
            observation,
            *(told.c[name] for name in named),
            func.coalesce(told.c.feature_of_interest_id, datastream.c.feature_of_interest_id).label("feature_id"),
            sensor.c.area_code,
            sensor.c.layer_id,
        )
        .join(sensor, sensor.c.id == observation.c.sensor_id)
        .outerjoin(datastream, datastream.c.id == observation.c.sensor_id)
        .outerjoin(
            told,
            and_(
                told.c.sensor_id == observation.c.sensor_id,
                told.c.phenomenon_time == observation.c.phenomenon_time,
            ),
        )
        .subquery()
    )


def _levels(caller: Caller) -> Any:
    return select(layer.c.id).where(layer.c.visibility.in_(caller.visible_levels()))


def _seen_row(row: Any, caller: Caller) -> Condition:
    return and_(row.c.layer_id.in_(_levels(caller)), in_area(row, caller))


def _seen_place(row: Any, caller: Caller) -> Condition:
    return and_(exists(_levels(caller).where(layer.c.id == LAYER)), in_area(row, caller))


def _seen_by_datastream(column: str) -> Callable[[Any, Caller], Condition]:
    """Return who sees what describes datastreams: who sees one of them, and all who see sensors where there is none."""

    def seen(row: Any, caller: Caller) -> Condition:
        is_layer_seen = exists(_levels(caller).where(layer.c.id == LAYER))
        if caller.area_code is None:
            return is_layer_seen
        found = _datastreams().alias()
        is_used = exists(select(datastream.c.id).where(datastream.c[column] == row.c.id))
        return and_(
            is_layer_seen,
            or_(not_(is_used), exists(select(found.c.id).where(found.c[column] == row.c.id, _seen_row(found, caller)))),
        )

    return seen


def _seen_history(row: Any, caller: Caller) -> Condition:
    found = thing.alias()
    return exists(select(found.c.id).where(found.c.id == row.c.thing_id, _seen_place(found, caller)))


def _same(left: str, right: str) -> Callable[[Any, Any], Condition]:
    return lambda row, other: row.c[left] == other.c[right]


def _through(table: Any, left: str, right: str) -> Callable[[Any, Any], Condition]:
    def join(row: Any, other: Any) -> Condition:
        between = table.alias()
        chosen = select(between.c[left]).where(between.c[left] == row.c.id, between.c[right] == other.c.id)
        # Either may stand in a statement further out than the one around.
        return exists(chosen.correlate(row, other))

    return join


def observation_id(row: Any) -> Any:
    """Return the id of an observation: its datastream and the microseconds of its time."""
    us = func.trunc(func.extract("epoch", row.c.phenomenon_time) * literal_column("1000000"))
    return func.concat(row.c.sensor_id, "-", func.to_char(us, literal_column("'FM99999999999999999'")))


def _geometry(json_name: str) -> Property:
    return Property("geometry", lambda row: row.c[json_name], lambda row: row.c.geom)


SETS: dict[str, EntitySet] = {
    one.plural: one
    for one in (
        EntitySet(
            "Things",
            "Thing",
            lambda: thing,
            _ID | _DESCRIBED,
            {
                "Locations": Link("Locations", True, _through(thing_location, "thing_id", "location_id")),
                "HistoricalLocations": Link("HistoricalLocations", True, _same("id", "thing_id")),
                "Datastreams": Link("Datastreams", True, _same("id", "thing_id")),
            },
            _seen_place,
        ),
        EntitySet(
            "Locations",
            "Location",
            lambda: location,
            _ID | _DESCRIBED | {"encodingType": _column("text", "encoding_type"), "location": _geometry("location")},
            {
                "Things": Link("Things", True, _through(thing_location, "location_id", "thing_id")),
                "HistoricalLocations": Link(
                    "HistoricalLocations", True, _through(historical_place, "location_id", "historical_location_id")
                ),
            },
            _seen_place,
        ),
        EntitySet(
            "HistoricalLocations",
            "HistoricalLocation",
            lambda: historical_location,
            _ID | {"time": _column("time", "time")},
            {
                "Thing": Link("Things", False, _same("thing_id", "id")),
                "Locations": Link(
                    "Locations", True, _through(historical_place, "historical_location_id", "location_id")
                ),
            },
            _seen_history,
        ),
        EntitySet(
            "Datastreams",
            "Datastream",
            _datastreams,
            _ID
            | _DESCRIBED
            | {
                "observationType": _column("text", "observation_type"),
                "unitOfMeasurement": _column("json", "unit_of_measurement"),
                "phenomenonTime": Property("interval", _datastream_times, _last_time),
            },
            {
                "Thing": Link("Things", False, _same("thing_id", "id")),
                "Sensor": Link("Sensors", False, _same("procedure_id", "id")),
                "ObservedProperty": Link("ObservedProperties", False, _same("observed_property_id", "id")),
                "Observations": Link("Observations", True, _same("id", "sensor_id")),
            },
            _seen_row,
        ),
        EntitySet(
            "Sensors",
            "Sensor",
            lambda: procedure,
            _ID
            | _DESCRIBED
            | {"encodingType": _column("text", "encoding_type"), "metadata": _column("json", "metadata")},
            {"Datastreams": Link("Datastreams", True, _same("id", "procedure_id"))},
            _seen_by_datastream("procedure_id"),
        ),
        EntitySet(
            "ObservedProperties",
            "ObservedProperty",
            lambda: observed_property,
            _ID | _DESCRIBED | {"definition": _column("text", "definition")},
            {"Datastreams": Link("Datastreams", True, _same("id", "observed_property_id"))},
            _seen_by_datastream("observed_property_id"),
        ),
        EntitySet(
            "Observations",
            "Observation",
            _observations,
            {
                "id": Property("key", observation_id),
                "phenomenonTime": _times("phenomenon_time", "phenomenon_end"),
                "resultTime": _column("time", "result_time"),
                "result": Property("result", lambda row: func.jsonb_build_array(row.c.value, row.c.result)),
                "validTime": _times("valid_from", "valid_to"),
                "resultQuality": _column("json", "result_quality"),
                "parameters": _column("json", "parameters"),
            },
            {
                "Datastream": Link("Datastreams", False, _same("sensor_id", "id")),
                "FeatureOfInterest": Link("FeaturesOfInterest", False, _same("feature_id", "id")),
            },
            _seen_row,
            ("sensor_id", "phenomenon_time"),
        ),
        EntitySet(
            "FeaturesOfInterest",
            "FeatureOfInterest",
            lambda: feature_of_interest,
            _ID | _DESCRIBED | {"encodingType": _column("text", "encoding_type"), "feature": _geometry("feature")},
            {"Observations": Link("Observations", True, _same("id", "feature_id"))},
            _seen_place,
        ),
    )
}

#: The columns of an observation's number and JSON, for comparisons.
RESULT = (lambda row: cast(row.c.value, Double), lambda row: row.c.result)
