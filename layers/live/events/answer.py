"""One event as it is answered: with its steps and other reports, or as an alert."""

from __future__ import annotations

from typing import Any

import shapely
from sqlalchemy import Connection, func, select

from cim.access import Caller
from cim.tables import event
from layers.live.events.cap import write_cap
from layers.live.events.log import read_log
from layers.live.events.read import event_for, parts_of
from layers.live.events.states import NEXT, is_explained


def describe(connection: Connection, event_id: int, caller: Caller) -> dict[str, Any]:
    """Return an event, its log, the reports that are parts of it, and the states that may follow; raises NotFound."""
    found = event_for(connection, event_id, caller)
    return found.shown() | {
        "log": read_log(connection, event_id),
        "parts": [one.shown() for one in parts_of(connection, event_id, caller)],
        "next": [
            {"state": state, "needs_note": is_explained(found.state, state)}
            for state in NEXT[found.state]
            if found.merged_into_id is None
        ],
    }


def event_as_cap(connection: Connection, event_id: int, caller: Caller, *, sender: str) -> bytes:
    """Return an event as an alert; raises NotFound."""
    found = event_for(connection, event_id, caller)
    wkb = connection.execute(select(func.ST_AsBinary(event.c.area)).where(event.c.id == event_id)).scalar()
    return write_cap(found.shown(), None if wkb is None else shapely.from_wkb(bytes(wkb)), sender=sender)
