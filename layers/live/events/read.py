"""Events as they are answered: one, or those of a state, kind and area."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from cim.access import Caller
from cim.errors import NotFound
from cim.tables import event, event_type
from layers.queries.visible import in_area, visible_layers

LAYER = "events"
MOST = 1000
#: Columns that are answered as they are.
SHOWN = (
    "id", "source", "source_key", "type_code", "type", "title", "description", "severity", "state", "occurred_at",
    "received_at", "state_since", "due_at", "address", "area_code", "grid_cell_code", "building_id", "storey_id",
    "storey_number", "space_id", "room", "height_m", "device_code", "sensor_id", "camera_id", "responsible",
    "merged_into_id", "location", "attributes",
)  # fmt: skip


@dataclass(frozen=True)
class Event:
    """One event as the database has it."""

    row: Row[Any]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.row, name)

    def shown(self) -> dict[str, Any]:
        """Return what is answered of it."""
        found = {name: getattr(self.row, name) for name in SHOWN}
        found["type_title"] = {"zh": self.row.title_zh, "en": self.row.title_en} if self.row.title_zh else None
        found["longitude"], found["latitude"] = self.row.longitude, self.row.latitude
        found["is_overdue"] = bool(self.row.is_overdue)
        return found


@dataclass(frozen=True)
class Asked:
    """Which events are asked for; None: whatever it is."""

    states: Sequence[str] | None = None
    type_code: str | None = None
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    is_overdue: bool | None = None
    bbox: tuple[float, float, float, float] | None = None
    limit: int = 100
    after: int | None = None


def event_for(connection: Connection, event_id: int, caller: Caller, *, lock: bool = False) -> Event:
    """Return an event that a caller may see; raises NotFound."""
    found = _events().where(event.c.id == event_id, *seen(connection, caller))
    row = connection.execute(found.with_for_update(of=event) if lock else found).one_or_none()
    if row is None:
        raise NotFound(f"there is no event {event_id}")
    return Event(row)


def find_events(connection: Connection, asked: Asked, caller: Caller) -> list[Event]:
    """Return events, newest first; those that are parts of others are not among them."""
    conditions = [*seen(connection, caller), event.c.merged_into_id.is_(None), *_asked_for(asked)]
    statement = _events().where(*conditions).order_by(event.c.id.desc()).limit(asked.limit)
    return [Event(row) for row in connection.execute(statement)]


def _asked_for(asked: Asked) -> list[ColumnElement[bool]]:
    box = None if asked.bbox is None else func.ST_MakeEnvelope(*asked.bbox, 4490)
    conditions: dict[str, Callable[[], ColumnElement[bool]]] = {
        "states": lambda: event.c.state.in_(asked.states or ()),
        "type_code": lambda: event.c.type_code.startswith(asked.type_code, autoescape=True),
        "source": lambda: event.c.source == asked.source,
        "since": lambda: event.c.occurred_at >= asked.since,
        "until": lambda: event.c.occurred_at < asked.until,
        "is_overdue": lambda: _is_overdue() == asked.is_overdue,
        "bbox": lambda: event.c.geom.op("&&")(box),
        "after": lambda: event.c.id < asked.after,
    }
    return [condition() for name, condition in conditions.items() if getattr(asked, name) is not None]


def parts_of(connection: Connection, event_id: int, caller: Caller) -> list[Event]:
    """Return the other reports of an event, those that a caller may see."""
    found = _events().where(event.c.merged_into_id == event_id, *seen(connection, caller))
    return [Event(row) for row in connection.execute(found)]


def _events() -> Select[Any]:
    return select(
        *(event.c[name] for name in SHOWN),
        event_type.c.title_zh,
        event_type.c.title_en,
        func.ST_X(event.c.geom).label("longitude"),
        func.ST_Y(event.c.geom).label("latitude"),
        _is_overdue().label("is_overdue"),
    ).outerjoin(event_type, event_type.c.code == event.c.type_code)


def _is_overdue() -> ColumnElement[bool]:
    return func.coalesce(event.c.due_at < func.now(), False)


def seen(connection: Connection, caller: Caller) -> list[ColumnElement[bool]]:
    """Return the conditions for events that a caller may see."""
    layers = [entry.id for entry in visible_layers(connection, caller) if entry.table is event]
    return [event.c.layer_id.in_(layers), in_area(event, caller)]
