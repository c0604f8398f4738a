"""The three zones that belong together: found again by a case that lies in them, and lifted together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import shapely
from sqlalchemy import Connection, Row, delete, func, select

from cim.access import Caller
from cim.errors import NotFound
from cim.provenance import touch_layers
from cim.tables import zone, zone_log
from layers.queries.visible import in_area, visible_layers
from layers.zones.blocks import ThreeZones
from layers.zones.case import case_of
from layers.zones.demarcate import Question
from layers.zones.log import append
from layers.zones.rules import Rules

LAYER = "zones"
#: What the log calls a decision.
ACTION = "demarcate"


class Group(NamedTuple):
    """The zones of a group, kind -> row, and what they were made from."""

    key: str
    zones: dict[str, Row[Any]]
    question: Question


def question_of(entry: Mapping[str, Any]) -> Question:
    """Return the question that the log entry of a decision holds."""
    rules = dict(entry["rules"])
    title = rules.pop("title")
    return Question(
        tuple(case_of(told) for told in entry["cases"]),
        Rules(**rules, title=(title["zh"], title["en"])),
        datetime.fromisoformat(entry["moment"]),
        entry["within"],
    )


def group_around(connection: Connection, place: shapely.Geometry, caller: Caller) -> Group | None:
    """Return the newest group in whose sealed or controlled zone a case lies; its zones are locked."""
    middle = shapely.point_on_surface(place)
    here = func.ST_Intersects(zone.c.geom, func.ST_SetSRID(func.ST_MakePoint(middle.x, middle.y), 4490))
    rows = _rows(
        connection, caller, here, zone.c.attributes.has_key("group"), zone.c.kind.in_(["sealed", "controlled"])
    )
    if not rows:
        return None
    key = rows[-1].attributes["group"]
    zones = {row.kind: row for row in _rows(connection, caller, zone.c.attributes["group"].astext == key)}
    # A key of a smaller area may see some of them: it does not change what others have decided.
    if set(zones) != set(ThreeZones._fields):
        return None
    entry = connection.execute(
        select(zone_log.c.entry)
        .where(zone_log.c.zone_id == zones["sealed"].id, zone_log.c.action == ACTION)
        .order_by(zone_log.c.id.desc())
        .limit(1)
    ).scalar_one()
    return Group(key, zones, question_of(entry))


def lift(connection: Connection, key: str, caller: Caller, *, by: str, note: str | None) -> None:
    """Drop the three zones of a group; their log stays.

    Raises
    ------
    Forbidden, NotFound
    """
    caller.require("demarcate")
    rows = _rows(connection, caller, zone.c.attributes["group"].astext == key)
    if not rows:
        raise NotFound(
            f"no zones belong to the group '{key[:40]}'; GET /zones?kind=sealed lists them",
            "no_such_group", given=key[:40],
        )  # fmt: skip
    connection.execute(delete(zone).where(zone.c.id.in_([row.id for row in rows])))
    for row in rows:
        append(connection, row.id, "lift", by, {"group": key, "note": note, "version": row.version})
    touch_layers(connection, [LAYER], None, None)


def _rows(connection: Connection, caller: Caller, *conditions: Any) -> list[Any]:
    layers = [layer.id for layer in visible_layers(connection, caller) if layer.table is zone]
    return list(
        connection.execute(
            select(zone.c.id, zone.c.kind, zone.c.name, zone.c.version, zone.c.attributes)
            .where(zone.c.layer_id.in_(layers), in_area(zone, caller), *conditions)
            .order_by(zone.c.id)
            .with_for_update()
        )
    )
