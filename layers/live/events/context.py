"""All that the map knows around an event: part by part, each with the layers that it rests on and how old these are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, BindParameter, Connection, DateTime, bindparam, func, select

from cim.access import Caller
from cim.tables import (
    building,
    camera,
    event,
    event_type,
    grid_cell,
    last_observation,
    model,
    pipe,
    pipe_node,
    resource,
    river,
    sensor,
    space,
    storey,
    unit_tally,
)
from layers.live.cameras.kept import Ground
from layers.live.cameras.seeing import find_seeing
from layers.live.events.height import height_above_ground_m
from layers.live.events.nearby import Around, ages, near
from layers.live.events.read import Event, event_for
from layers.queries.small_counts import shown_fields
from layers.queries.visible import VisibleLayer, in_area, visible_layers
from layers.routing.road_times import road_times
from layers.spot import Spot


def _moment(name: str) -> BindParameter[datetime]:
    return bindparam(name, None, DateTime(timezone=True))


DAY = timedelta(days=1)
#: A sensor is stale when it has been silent for so many of its intervals.
STALE_INTERVALS = 3
CAMERAS = 20
SENSORS = Around(sensor, 200, 20, ("code", "name", "kind", "unit", "building_id", "state", "expected_interval_s"))
PIPES = Around(pipe, 60, 30, ("network", "kind", "diameter_mm", "material", "depth_m", "owner"))
#: Valves and the like; manholes and bends are too many to help.
NODES = Around(pipe_node, 150, 20, ("network", "kind", "state", "source_key"),
               (pipe_node.c.kind.in_(("valve", "hydrant", "pump", "tank", "gate", "regulator")),))  # fmt: skip
RIVERS = Around(river, 500, 3, ("name", "class", "width_m"))
EVENTS = Around(event, 500, 20, ("type", "type_code", "title", "state", "severity", "source", "occurred_at"),
                (event.c.id != bindparam("about", None, BigInteger), event.c.merged_into_id.is_(None),
                 event.c.occurred_at.between(_moment("since"), _moment("until"))))  # fmt: skip
#: What helps: kind -> how many are told. The straight distance chooses them, the road time orders them.
HELP = {"医院": 5, "消防站": 5, "避难场所": 5}
HELP_WITHIN_M = 20_000.0
HELPERS = tuple(Around(resource, HELP_WITHIN_M, most, ("name", "kind", "capacity", "contact", "address"),
                       (resource.c.kind == kind,)) for kind, most in HELP.items())  # fmt: skip
HAZARDS = Around(resource, 300, 20, ("name", "kind", "contact", "address"), (resource.c.kind == "重点单位",))


class Asked(NamedTuple):
    """What every part is made from."""

    connection: Connection
    event: Event
    spot: Spot | None
    layers: Sequence[VisibleLayer]
    caller: Caller
    ground: Ground


Part = dict[str, Any]


def event_context(connection: Connection, event_id: int, caller: Caller, ground: Ground) -> dict[str, Any]:
    """Return the parts of an event's context; raises NotFound."""
    found = event_for(connection, event_id, caller)
    spot = None if found.longitude is None else Spot(found.longitude, found.latitude)
    asked = Asked(connection, found, spot, visible_layers(connection, caller), caller, ground)
    return {"event": found.shown(), "generated_at": datetime.now(UTC)} | {
        name: part(asked) if spot is not None or name in PLACELESS else {"state": "no_place", "layers": [], "items": []}
        for name, part in PARTS.items()
    }


def _cell(asked: Asked) -> Part:
    mine = [entry for entry in asked.layers if entry.table is grid_cell]
    code = asked.event.grid_cell_code
    names = ("id", "code", "name", "manager", "grid", "area_m2")
    rows = asked.connection.execute(
        select(*(grid_cell.c[name] for name in names)).where(
            func.coalesce(grid_cell.c.code, grid_cell.c.source_key) == code,
            grid_cell.c.layer_id.in_([entry.id for entry in mine]),
        )
    ).mappings()
    items = [{str(name): value for name, value in row.items()} for row in rows]
    state = "found" if items else _nothing(asked, grid_cell, mine)
    return {"state": state, "layers": ages(mine), "items": items, "responsible": asked.event.responsible}


def _building(asked: Asked) -> Part:
    mine = [entry for entry in asked.layers if entry.table is building]
    number = asked.event.building_id
    names = ("id", "code", "name", "address", "use", "structure", "storeys_above", "storeys_below", "height_m",
             "base_height_m", "year_built", "households", "residents", "legal_entities")  # fmt: skip
    row = asked.connection.execute(
        select(*(building.c[name] for name in names)).where(
            building.c.id == number, building.c.layer_id.in_([entry.id for entry in mine]),
            in_area(building, asked.caller),
        )
    ).mappings().one_or_none()  # fmt: skip
    if row is None:
        return {"state": _nothing(asked, building, mine), "layers": ages(mine), "items": []}
    units = asked.connection.execute(
        select(func.sum(unit_tally.c.units)).where(unit_tally.c.building_id == number)
    ).scalar()
    models = asked.connection.execute(select(model.c.id).where(model.c.building_id == number)).scalars().all()
    about = shown_fields({str(name): value for name, value in row.items()}, asked.caller)
    about |= {"units": int(units or 0), "models": list(models), "href": f"/buildings/{number}/dossier"}
    return {"state": "found", "layers": ages(mine), "items": [about]}


def _room(asked: Asked) -> Part:
    mine = [entry for entry in asked.layers if entry.table in (storey, space)]
    visible = {entry.id for entry in mine}
    about: dict[str, Any] = {"storey_number": asked.event.storey_number, "room": asked.event.room}
    found = asked.connection.execute(
        select(storey.c.name, storey.c.number, storey.c.base_height_m, storey.c.layer_id)
        .where(storey.c.id == asked.event.storey_id)
    ).one_or_none()  # fmt: skip
    if found is not None and found.layer_id in visible:
        about |= {"storey_id": asked.event.storey_id, "name": found.name, "base_height_m": found.base_height_m}
    room = asked.connection.execute(
        select(space.c.name, space.c.long_name, space.c.floor_area_m2, space.c.layer_id)
        .where(space.c.id == asked.event.space_id)
    ).one_or_none()  # fmt: skip
    if room is not None and room.layer_id in visible:
        about |= {"space_id": asked.event.space_id, "room": room.long_name or room.name,
                  "floor_area_m2": room.floor_area_m2}  # fmt: skip
    is_known = any(value is not None for value in about.values())
    return {"state": "found" if is_known else "none", "layers": ages(mine), "items": [about] if is_known else [],
            "confidence": asked.event.location.get("confidence")}  # fmt: skip


def _cameras(asked: Asked) -> Part:
    """Return the cameras that see the place at the event's height, the nearest first, by exact lines of sight."""
    assert asked.spot is not None
    mine = [entry for entry in asked.layers if entry.table is camera]
    if not mine:
        return {"state": "not_visible", "layers": [], "items": []}
    spot, height_m = asked.spot, height_above_ground_m(asked.connection, asked.event)
    if height_m is not None and height_m < 0:
        return {"state": "none", "layers": ages(mine), "items": [], "count": 0, "height_m": height_m}
    sees = find_seeing(asked.connection, asked.ground, spot.longitude, spot.latitude, height_m, CAMERAS, asked.caller)
    state = "found" if sees["cameras"] else _nothing(asked, camera, mine)
    return {"state": state, "layers": ages(mine), "items": sees["cameras"], "count": sees["count"],
            "height_m": sees["height_m"], "terrain": sees["terrain"]}  # fmt: skip


def _sensors(asked: Asked) -> Part:
    part = _near(asked, SENSORS)
    ids = [item["id"] for item in part["items"]]
    rows = asked.connection.execute(
        select(last_observation.c.sensor_id, last_observation.c.value, last_observation.c.phenomenon_time)
        .where(last_observation.c.sensor_id == func.any(ids))
    ) if ids else ()  # fmt: skip
    last = {row.sensor_id: row for row in rows}
    now = datetime.now(UTC)
    for item in part["items"]:
        row, interval_s = last.get(item["id"]), item["expected_interval_s"]
        item["value"] = row.value if row else None
        item["phenomenon_time"] = row.phenomenon_time if row else None
        silent_s = (now - row.phenomenon_time).total_seconds() if row else None
        item["is_stale"] = silent_s is None or (interval_s is not None and silent_s > STALE_INTERVALS * interval_s)
    return part


def _pipes(asked: Asked) -> Part:
    return _near(asked, PIPES)


def _nodes(asked: Asked) -> Part:
    return _near(asked, NODES)


def _rivers(asked: Asked) -> Part:
    return _near(asked, RIVERS)


def _hazards(asked: Asked) -> Part:
    return _near(asked, HAZARDS)


def _help(asked: Asked) -> Part:
    """Return hospitals, fire stations and shelters, with the time by road where there is one."""
    parts = [_near(asked, what) for what in HELPERS]
    items = [item for part in parts for item in part["items"]]
    times = _road_times(asked, items)
    for item in items:
        item |= times.get(item["id"], {"road_s": None})
    items.sort(key=lambda item: (item["kind"], item["road_s"] is None, item["road_s"], item["distance_m"]))
    state = "found" if items else parts[0]["state"]
    return {"state": state, "layers": parts[0]["layers"], "radius_m": HELP_WITHIN_M, "items": items,
            "by_road": bool(times)}  # fmt: skip


def _road_times(asked: Asked, items: Sequence[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    if not items or asked.spot is None:
        return {}
    return road_times(asked.connection, (asked.spot.longitude, asked.spot.latitude), items, asked.caller)


def _events(asked: Asked) -> Part:
    about = asked.event
    # A register may know an event and not its time.
    moment = about.occurred_at or about.received_at
    values = {"about": about.id, "since": moment - DAY, "until": moment + DAY}
    part = _near(asked, replace(EVENTS, values=values))
    types = asked.connection.execute(select(event_type.c.code, event_type.c.title_zh))
    titles = {row.code: row.title_zh for row in types}
    for item in part["items"]:
        item["type_title"] = titles.get(item["type_code"])
    return part


def _near(asked: Asked, what: Around) -> Part:
    assert asked.spot is not None
    return near(asked.connection, what, asked.spot, asked.layers, asked.caller)


def _nothing(asked: Asked, table: Any, mine: Sequence[VisibleLayer]) -> str:
    if not mine:
        return "not_visible"
    names = [entry.id for entry in mine]
    is_filled = select(select(table.c.id).where(table.c.layer_id.in_(names)).exists())
    return "none" if asked.connection.execute(is_filled).scalar_one() else "no_data"


PARTS: dict[str, Callable[[Asked], Part]] = {
    "cell": _cell,
    "building": _building,
    "room": _room,
    "cameras": _cameras,
    "sensors": _sensors,
    "pipes": _pipes,
    "pipe_nodes": _nodes,
    "rivers": _rivers,
    "hazards": _hazards,
    "help": _help,
    "events": _events,
}
#: Parts that are known without a place.
PLACELESS = frozenset({"cell", "building", "room"})
