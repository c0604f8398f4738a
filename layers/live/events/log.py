"""Every step of an event, in the table ``event_log``: only ever added to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from sqlalchemy import Connection, select

from cim.tables import event_log
from layers.sql import statement

#: event, action, who did it, what of it is worth knowing
Step = tuple[int, str, str | None, Mapping[str, Any]]


def write_log(connection: Connection, steps: Iterable[Step]) -> None:
    """Add steps."""
    rows = [
        {"number": number, "event_id": event_id, "action": action, "actor": actor, "detail": detail}
        for number, (event_id, action, actor, detail) in enumerate(steps)
    ]
    if rows:
        connection.execute(statement("event_log_add"), {"steps": orjson.dumps(rows).decode()})


def read_log(connection: Connection, event_id: int) -> list[dict[str, Any]]:
    """Return the steps of an event, oldest first."""
    columns = (event_log.c.action, event_log.c.actor, event_log.c.detail, event_log.c.recorded_at)
    rows = connection.execute(select(*columns).where(event_log.c.event_id == event_id).order_by(event_log.c.id))
    return [{"action": action, "actor": actor, "detail": detail, "at": at} for action, actor, detail, at in rows]
