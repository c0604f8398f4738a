"""Events taken in: each once, with its type, its place, who answers for it and until when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
import shapely
from sqlalchemy import Connection, Select, func, select, update

from cim.importing import AfterImport
from cim.provenance import touch_layers
from cim.tables import event
from layers.live.area import lies_within
from layers.live.events.duplicates import join_duplicates
from layers.live.events.incoming import Incoming
from layers.live.events.locate import Place, locate
from layers.live.events.log import write_log
from layers.live.events.read import LAYER
from layers.live.events.states import STATES, set_clocks
from layers.live.events.tell import tell
from layers.live.events.types import EventType, by_word, read_types, type_of
from layers.live.sources import source_datasets
from layers.sql import statement

#: Events that are taken in together at most; more come one after the other.
AT_ONCE = 500
#: What an imported event gets besides its place.
COMPLETED = ("type_code", "severity", "responsible", "responsibility_id", "geom")


class Taken(NamedTuple):
    """What became of one event: ``created``, ``known`` (it was taken in before) or ``merged`` into another.

    One that lies outside of the area that it has to be ``within`` is ``refused``: it has no id; ``detail`` says why.
    """

    source: str
    source_key: str
    id: int | None
    status: str
    merged_into_id: int | None = None
    detail: str | None = None


class Duty(NamedTuple):
    """Who answers for an event (None: nobody on the list), and until when it may stay in its first state."""

    responsibility_id: int | None
    party: str | None
    due_at: datetime | None


class Known(NamedTuple):
    """An event that was taken in before."""

    id: int
    area_code: str | None


def take_in(connection: Connection, incoming: Sequence[Incoming], *, actor: str) -> list[Taken]:
    """Take in events, in the caller's transaction; what became of each, in their order.

    Raises
    ------
    InvalidInput
        From the addresses; nothing is changed then, as the caller's transaction ends.
    """
    taken: dict[int, Taken] = {}
    # Keys of several areas may tell the same event; what one of them may not is not held against the others.
    for area in dict.fromkeys(one.within for one in incoming):
        places = [place for place, one in enumerate(incoming) if one.within == area]
        for start in range(0, len(places), AT_ONCE):
            some = places[start : start + AT_ONCE]
            taken |= zip(some, _take(connection, [incoming[place] for place in some], actor, area), strict=True)
    if any(one.status in ("created", "merged") for one in taken.values()):
        touch_layers(connection, [LAYER], None, None, only_objects=True)
    return [taken[place] for place in range(len(incoming))]


def _take(connection: Connection, incoming: Sequence[Incoming], actor: str, area: str | None) -> list[Taken]:
    named: dict[tuple[str, str], Incoming] = {}
    for one in incoming:
        named.setdefault((one.source, one.source_key), one)
    known = _known(connection, list(named))
    fresh = [one for name, one in named.items() if name not in known]
    ids = _insert(connection, fresh, area)
    # Between looking and inserting another may have taken it in; what is neither now lies outside.
    known |= _known(connection, [name for name in named if name not in known and name not in ids])
    write_log(connection, [
        (ids[one.source, one.source_key], "collect", actor, {"source": one.source, "source_key": one.source_key})
        for one in fresh if (one.source, one.source_key) in ids
    ])  # fmt: skip
    merged = join_duplicates(connection, list(ids.values()), area)
    tell(connection, list(ids.values()))
    found = []
    for name in ((one.source, one.source_key) for one in incoming):
        new = _taken(name, ids, merged)
        found.append(new or _known_before(name, known.get(name), area))
        if new is not None:
            # Told twice at once it is new the first time only.
            known[name] = Known(ids.pop(name), area)
    return found


def _taken(name: tuple[str, str], ids: dict[tuple[str, str], int], merged: dict[int, int]) -> Taken | None:
    if name not in ids:
        return None
    into = merged.get(ids[name])
    return Taken(*name, ids[name], "created" if into is None else "merged", into)


def _known_before(name: tuple[str, str], known: Known | None, area: str | None) -> Taken:
    if known is not None and lies_within(known.area_code, area):
        return Taken(*name, known.id, "known")
    return Taken(*name, None, "refused", detail=f"this event does not lie in {area}, the area of the key that tells it")


def _known(connection: Connection, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Known]:
    if not names:
        return {}
    sources, keys = zip(*names, strict=True)
    rows = connection.execute(statement("event_known"), {"sources": list(sources), "keys": list(keys)})
    return {(source, key): Known(number, area) for source, key, number, area in rows}


def _insert(connection: Connection, fresh: Sequence[Incoming], area: str | None) -> dict[tuple[str, str], int]:
    """Insert events with all that is known of them; name -> id of those that were not there and may be."""
    if not fresh:
        return {}
    words = by_word(read_types(connection))
    fresh, places = _inside(fresh, locate(connection, fresh), area)
    if not fresh:
        return {}
    types = [type_of(words, one.type, one.title) for one in fresh]
    duties = find_duties(connection, fresh, types, places)
    datasets = source_datasets(connection, {one.source for one in fresh})
    rows = [
        _row(one, kind, place, duty) | {"number": number, "dataset_id": datasets[one.source], "due_at": duty.due_at}
        for number, (one, kind, place, duty) in enumerate(zip(fresh, types, places, duties, strict=True))
    ]
    done = connection.execute(statement("event_insert"), {"said": orjson.dumps(rows).decode()})
    return {(source, key): number for source, key, number in done}


def _inside(fresh: Sequence[Incoming], places: Sequence[Place], area: str | None) -> tuple[list[Incoming], list[Place]]:
    """Leave out what lies outside of an area; what lies nowhere belongs to it."""
    kept = [
        (one, place._replace(area_code=place.area_code or area))
        for one, place in zip(fresh, places, strict=True)
        if lies_within(place.area_code, area)
    ]
    return [one for one, _ in kept], [place for _, place in kept]


def find_duties(
    connection: Connection, said: Sequence[Incoming], types: Sequence[EventType], places: Sequence[Place]
) -> list[Duty]:
    """Return who answers for events, and how long they may stay in their first state; all in the same order."""
    columns = {
        "number": list(range(len(said))),
        "area": [place.area_code for place in places],
        "type": [kind.code for kind in types],
        "severity": [_severity(one, kind) for one, kind in zip(said, types, strict=True)],
    }
    rows = connection.execute(statement("event_duties"), columns | {"state": STATES[0]})
    return [Duty(row.id, row.party, row.due_at) for row in rows]


def _severity(one: Incoming, kind: EventType) -> int:
    return one.severity or kind.severity


def _row(one: Incoming, kind: EventType, place: Place, duty: Duty) -> dict[str, Any]:
    return {
        "layer_id": LAYER,
        "source_key": one.source_key,
        "source": one.source,
        "name": one.title,
        "type": one.type or kind.title_zh,
        "type_code": kind.code,
        "title": one.title or kind.title_zh,
        "description": one.description,
        "severity": _severity(one, kind),
        "occurred_at": one.occurred_at,
        "address": one.address,
        "attributes": dict(one.attributes),
        "device_code": one.device,
        "area": None if one.area is None else f"SRID=4490;{shapely.to_wkt(one.area, rounding_precision=-1)}",
        "geom": _point(place, one),
        **_located(place),
        # Nobody on the list: the one who looks after the cell.
        "responsible": place.manager if duty.responsibility_id is None else duty.party,
        "responsibility_id": duty.responsibility_id,
    }


def _located(place: Place) -> dict[str, Any]:
    names = ("area_code", "grid_cell_code", "building_id", "storey_id", "storey_number", "space_id", "room", "height_m",
             "sensor_id", "camera_id", "location")  # fmt: skip
    return {name: getattr(place, name) for name in names}


def _point(place: Place, one: Incoming) -> str | None:
    if place.longitude is None and one.area is not None:
        inside = one.area.representative_point()
        return f"SRID=4490;POINT ({inside.x!r} {inside.y!r})"
    return None if place.longitude is None else f"SRID=4490;POINT ({place.longitude!r} {place.latitude!r})"


def complete_after_import(connection: Connection, after: AfterImport) -> None:
    """Complete the events that an import brought; the same import again changes nothing."""
    if LAYER in after.result.layers:
        complete_imported(connection, after.dataset_id)


def complete_imported(connection: Connection, dataset_id: int) -> int:
    """Give events that an import wrote their types, places, parties and clocks; returns how many there were."""
    total = 0
    while rows := connection.execute(_incomplete(dataset_id)).all():
        words = by_word(read_types(connection))
        said = [
            Incoming(row.source, row.source_key, row.type, row.title, row.description, row.severity, row.occurred_at,
                     row.longitude, row.latitude, None, row.address, row.height_m, row.storey_number, row.room,
                     row.device_code)
            for row in rows
        ]  # fmt: skip
        types = [type_of(words, one.type, one.title) for one in said]
        places = locate(connection, said)
        duties = find_duties(connection, said, types, places)
        for row, one, kind, place, duty in zip(rows, said, types, places, duties, strict=True):
            values = _row(one, kind, place, duty)
            kept = {name: values[name] for name in COMPLETED}
            connection.execute(update(event).where(event.c.id == row.id).values(kept | _located(place)))
        ids = [row.id for row in rows]
        write_log(connection, [(row.id, "collect", "import", {"source": row.source}) for row in rows])
        set_clocks(connection, ids)
        join_duplicates(connection, ids)
        total += len(rows)
    return total


def _incomplete(dataset_id: int) -> Select[Any]:
    columns = ("id", "source", "source_key", "type", "title", "description", "severity", "occurred_at", "address",
               "height_m", "storey_number", "room", "device_code")  # fmt: skip
    place = (func.ST_X(event.c.geom).label("longitude"), func.ST_Y(event.c.geom).label("latitude"))
    return (
        select(*(event.c[name] for name in columns), *place)
        .where(event.c.dataset_id == dataset_id, event.c.type_code.is_(None))
        .order_by(event.c.occurred_at, event.c.id)
        .limit(AT_ONCE)
    )
