"""Entities changed and removed by clients (18-088, 10.3 and 10.4)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from cim.access import Caller
from cim.errors import Conflict, InvalidInput
from cim.provenance import touch_layers
from cim.tables import datastream, last_observation, observation, observation_detail, sensor, thing_location
from layers.live.sensors.address import Key, Step
from layers.live.sensors.create import TABLES, find_ties, move_thing, place_sensors, require_seen
from layers.live.sensors.data_array import read_reference
from layers.live.sensors.described import read_fields
from layers.live.sensors.entities import SETS
from layers.live.sensors.observe import LAYER, observe
from layers.live.sensors.own import require_own
from layers.live.sensors.reading import Readings
from layers.live.sensors.shown import us_of

#: Column of a datastream -> the set that it refers to.
OWNERS = {"Things": "thing_id", "Sensors": "procedure_id", "ObservedProperties": "observed_property_id"}
_LINKS = {"Thing": "Things", "Sensor": "Sensors", "ObservedProperty": "ObservedProperties"}


def change(connection: Connection, caller: Caller, step: Step, said: Any, *, is_whole: bool = False) -> None:
    """Change the fields of an entity that the body names.

    Parameters
    ----------
    is_whole
        Whether the body is the whole entity (PUT).

    Raises
    ------
    InvalidInput, NotFound, Conflict, Forbidden
    """
    if not isinstance(said, dict):
        raise InvalidInput("the body is not a JSON object; send the fields to change")
    plural, key = step.entities.plural, _key(step)
    require_own(connection, caller, plural, key)
    if plural == "Observations":
        _change_observation(connection, caller, key, said)
        return
    if plural not in TABLES or plural == "HistoricalLocations":
        raise InvalidInput("what was is not changed; entities of HistoricalLocations can be removed")
    fields = read_fields(plural, said, SETS[plural].links, is_whole=is_whole)
    fields |= _derived(connection, caller, plural, fields, said)
    if fields:
        table = TABLES[plural]
        connection.execute(update(table).where(table.c.id == key[0]).values(**fields, recorded_at=func.now()))
    if plural == "Things" and said.get("Locations"):
        _move(connection, caller, key[0], said["Locations"])
    if plural == "Locations" and "geom" in fields:
        here = select(thing_location.c.thing_id).where(thing_location.c.location_id == key[0])
        for number in connection.execute(here).scalars().all():
            place_sensors(connection, number)


def _derived(
    connection: Connection, caller: Caller, plural: str, fields: dict[str, Any], said: dict[str, Any]
) -> dict[str, Any]:
    """Return what follows from fields: ties, areas and references."""
    if plural == "Things" and "properties" in fields:
        ties = find_ties(connection, caller, fields["properties"], None)
        return {name: value for name, value in ties.items() if name != "area_code"}
    if "geom" in fields:
        return {"area_code": find_ties(connection, caller, {}, fields["geom"])["area_code"]}
    return _references(connection, caller, said) if plural == "Datastreams" else {}


def remove(connection: Connection, caller: Caller, step: Step) -> None:
    """Remove an entity and what cannot be without it; raises NotFound, Conflict, Forbidden."""
    plural, key = step.entities.plural, _key(step)
    require_own(connection, caller, plural, key)
    if plural == "Observations":
        _remove_observation(connection, key)
        return
    if plural in OWNERS or plural == "Datastreams":
        column = datastream.c[OWNERS.get(plural, "id")]
        owned = select(datastream.c.id).where(column == key[0])
        connection.execute(delete(sensor).where(sensor.c.id.in_(owned)))
        touch_layers(connection, [LAYER], None, None)
    if plural != "Datastreams":
        table = TABLES[plural]
        connection.execute(delete(table).where(table.c.id == key[0]))


def _key(step: Step) -> Key:
    if step.key is None:
        raise InvalidInput(f"say which of {step.entities.plural} is meant, like {step.entities.plural}(1)")
    return step.key


def _references(connection: Connection, caller: Caller, said: dict[str, Any]) -> dict[str, int]:
    found = {}
    for name, plural in _LINKS.items():
        if said.get(name) is not None:
            number = read_reference(said[name], name)
            require_seen(connection, caller, plural, number)
            found[OWNERS[plural]] = number
    return found


def _move(connection: Connection, caller: Caller, number: int, said: Any) -> None:
    if not isinstance(said, list):
        raise InvalidInput('Locations must be a list like [{"@iot.id": 1}]')
    places = [read_reference(each, "Locations") for each in said]
    for place in places:
        require_seen(connection, caller, "Locations", place)
    move_thing(connection, number, places)


def _change_observation(connection: Connection, caller: Caller, key: Key, said: dict[str, Any]) -> None:
    if set(said) - {"result"} - {name for name in said if "@iot." in name or said[name] is None}:
        raise Conflict("of an observation only the result is changed; its datastream and time name it")
    if "result" in said:
        readings = Readings()
        readings.add(key[0], us_of(key[1]), said["result"])  # type: ignore[misc]
        observe(connection, readings, caller)


def _remove_observation(connection: Connection, key: Key) -> None:
    """Remove one observation; where it was the last of its sensor, the one before is."""
    number, time = key  # type: ignore[misc]
    for table in (observation_detail, observation):
        connection.execute(delete(table).where(table.c.sensor_id == number, table.c.phenomenon_time == time))
    last = last_observation
    gone = delete(last).where(last.c.sensor_id == number, last.c.phenomenon_time == time)
    if connection.execute(gone).rowcount:
        columns = ("sensor_id", "phenomenon_time", "value", "result")
        before = (
            select(*(observation.c[name] for name in columns))
            .where(observation.c.sensor_id == number)
            .order_by(observation.c.phenomenon_time.desc())
            .limit(1)
        )
        connection.execute(insert(last).from_select(columns, before).on_conflict_do_nothing())
