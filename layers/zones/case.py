"""The case that three zones are made around: what a commander names, and the building or place that it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import shapely
from sqlalchemy import Connection, Table, func, select

from cim.access import Caller
from cim.errors import Conflict, InvalidInput, NotFound
from cim.tables import building, object_history, unit
from layers.addresses.answer import find
from layers.live.events.read import event_for
from layers.queries.asof import as_of
from layers.queries.visible import in_area, visible_layers
from layers.queries.zone import is_position

WAYS = ("position", "address", "building", "unit", "event")
_LONGEST = 300


class Case(NamedTuple):
    """What the decision's log keeps of it; ids are of the model, the place is in degrees (EPSG:4490).

    A case without a building is its place alone.
    """

    building_id: int | None
    unit_id: int | None = None
    storey_number: int | None = None
    position: tuple[float, float] | None = None
    event_id: int | None = None

    def told(self) -> dict[str, Any]:
        """Return it as the log and answers have it."""
        return {name: value for name, value in self._asdict().items() if value is not None}


def case_of(told: Mapping[str, Any]) -> Case:
    """Return the case that a log entry holds."""
    place = told.get("position")
    return Case(**dict(told) | {"building_id": told.get("building_id"),
                                "position": (place[0], place[1]) if place else None})  # fmt: skip


def parse_at(said: Any) -> tuple[str, Any]:
    """Return the way in which a case is named, and the name.

    Raises
    ------
    InvalidInput
    """
    if not isinstance(said, Mapping) or len(said) != 1 or next(iter(said)) not in WAYS:
        raise InvalidInput(
            f"'at' is an object with exactly one of {', '.join(WAYS)}", "exactly_one_of", field="at", choices=WAYS
        )
    [(way, value)] = said.items()
    if way == "position":
        if not is_position(value) or abs(value[0]) > 180 or abs(value[1]) > 90:
            raise InvalidInput(
                f"at.position is {str(value)[:60]}; [longitude, latitude] in degrees is right",
                "not_a_position", field="at.position", given=str(value)[:60],
            )  # fmt: skip
        return way, (float(value[0]), float(value[1]))
    if way == "event" and (isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**63):
        raise InvalidInput(
            f"at.event is {str(value)[:40]!r}; the id of an event is right",
            "not_an_id", field="at.event", given=str(value)[:40],
        )  # fmt: skip
    if isinstance(value, bool) or not isinstance(value, int | str) or not 0 < len(str(value)) <= _LONGEST:
        raise InvalidInput(
            f"at.{way} is {str(value)[:40]!r}; an id or a text of at most {_LONGEST} signs is right",
            "not_an_id_or_text", field=f"at.{way}", given=str(value)[:40], most=_LONGEST,
        )  # fmt: skip
    if "\0" in str(value):
        raise InvalidInput(f"at.{way} has a sign that no text has (NUL)", "nul_character", field=f"at.{way}")
    return way, value


def find_case(connection: Connection, way: str, value: Any, caller: Caller) -> Case:
    """Return the case that is named, as the model has it now.

    Raises
    ------
    NotFound, Conflict
        Where there is no such thing, or an address means several buildings.
    """
    if way == "position":
        return Case(_building_at(connection, value, caller), position=value)
    if way == "event":
        return _of_event(connection, value, caller)
    if way == "address":
        return _of_address(connection, str(value), caller)
    if way == "unit":
        row = _named(connection, unit, value, caller)
        if row.building_id is None:
            raise InvalidInput(
                f"it is not known in which building unit '{value}' is; name the building",
                "unit_without_building", given=str(value),
            )  # fmt: skip
        return Case(row.building_id, unit_id=row.id)
    return Case(_named(connection, building, value, caller).id)


def shape_of(connection: Connection, case: Case, moment: datetime) -> shapely.Geometry:
    """Return the footprint of the case's building as it was recorded at a moment, else its place (EPSG:4490).

    Raises
    ------
    InvalidInput
        The building has no footprint, or was recorded only later.
    """
    if case.building_id is None:
        assert case.position is not None
        return shapely.Point(*case.position)
    past = as_of(building, moment, object_history.c.id == case.building_id)
    wkb = connection.execute(
        select(func.ST_AsBinary(past.c.geom)).where(past.c.id == case.building_id, past.c.geom.is_not(None))
    ).scalar()
    if wkb is None:
        raise InvalidInput(
            f"building {case.building_id} has no footprint as of {moment.isoformat()}; name a position, or wait for the"
            " end of an import that is running",
            "no_footprint_at", id=case.building_id, moment=moment.isoformat(),
        )  # fmt: skip
    shape: shapely.Geometry = shapely.make_valid(shapely.force_2d(shapely.from_wkb(wkb)))
    return shape


def _of_event(connection: Connection, event_id: int, caller: Caller) -> Case:
    found = event_for(connection, event_id, caller)
    if found.building_id is None and found.longitude is None:
        raise InvalidInput(
            f"it is not known where event {event_id} is; name a position", "event_without_place", id=event_id
        )
    position = None if found.longitude is None else (found.longitude, found.latitude)
    home = found.building_id
    return Case(home, storey_number=found.storey_number, position=position, event_id=event_id)


def _of_address(connection: Connection, text: str, caller: Caller) -> Case:
    [found] = find(connection, [text], limit=5)
    if found["status"] == "ambiguous":
        some = "; ".join(f"{one['id']} {one['address'] or one['name']}" for one in found["candidates"])
        raise Conflict(
            f"'{text[:80]}' may mean several buildings; name one by its id: {some}",
            "address_ambiguous", given=text[:80], candidates=some,
        )  # fmt: skip
    if found["building"] is None:
        raise NotFound(
            f"no building is known by the address '{text[:80]}'; name a building, or a position",
            "address_unknown", given=text[:80],
        )  # fmt: skip
    home = _named(connection, building, found["building"]["id"], caller)
    return Case(home.id, unit_id=found["unit"]["id"] if found["unit"] else None)


def _named(connection: Connection, table: Table, name: Any, caller: Caller) -> Any:
    layers = [layer.id for layer in visible_layers(connection, caller) if layer.table is table]
    text = str(name)
    is_named = table.c.code == text
    if text.isascii() and text.isdigit() and len(text) < 19:
        is_named = is_named | (table.c.id == int(text))
    columns = [table.c.id] if table is building else [table.c.id, table.c.building_id]
    row = connection.execute(
        select(*columns)
        .where(is_named, table.c.layer_id.in_(layers), in_area(table, caller))
        .order_by(table.c.code != text, table.c.id)
        .limit(1)
    ).one_or_none()
    if row is None:
        raise NotFound(
            f"no {table.name} has the id or code '{text[:60]}'", "no_such_code", what=table.name, given=text[:60]
        )
    return row


def _building_at(connection: Connection, position: tuple[float, float], caller: Caller) -> int | None:
    """Return the smallest building that a place lies in."""
    layers = [layer.id for layer in visible_layers(connection, caller) if layer.table is building]
    place = func.ST_SetSRID(func.ST_MakePoint(*position), 4490)
    return connection.execute(
        select(building.c.id)
        .where(func.ST_Intersects(building.c.geom, place), building.c.layer_id.in_(layers), in_area(building, caller))
        .order_by(building.c.area_m2, building.c.id)
        .limit(1)
    ).scalar()
