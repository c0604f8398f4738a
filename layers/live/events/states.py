"""The seven states of an event (GB/T 30428), which follows which, and how long each may last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select, update

from cim.access import Caller
from cim.errors import Conflict, InvalidInput
from cim.tables import event
from layers.live.events.log import write_log
from layers.live.events.read import event_for, seen
from layers.live.events.tell import tell
from layers.sql import statement

#: What an event waits for: to be filed once it is collected, and so on; after its evaluation nothing is due.
STATES = ("collect", "file", "dispatch", "handle", "feedback", "close", "evaluate")
#: State -> states that may follow. Steps back need a note: given to the wrong party, not mended, opened again.
NEXT: dict[str, tuple[str, ...]] = {
    "collect": ("file", "close"),
    "file": ("dispatch", "close"),
    "dispatch": ("handle", "file"),
    "handle": ("feedback", "dispatch"),
    "feedback": ("close", "handle"),
    "close": ("evaluate", "handle"),
    "evaluate": (),
}
OPEN_STATES = STATES[:5]


def is_explained(state: str, after: str) -> bool:
    """Tell whether a step needs a note: one back, or one that leaves states out."""
    return STATES.index(after) != STATES.index(state) + 1


def advance(
    connection: Connection,
    event_id: int,
    state: str,
    caller: Caller,
    *,
    actor: str,
    note: str | None = None,
    responsible: str | None = None,
) -> dict[str, Any]:
    """Bring an event into another state; returns the event as it is then.

    Parameters
    ----------
    responsible
        Who is to handle it, where that is not whom the list of responsibilities names.

    Raises
    ------
    Forbidden, NotFound
        For a role that may not, an event that does not exist or may not be seen.
    InvalidInput
        For a state that there is not, or a step that needs a note and has none.
    Conflict
        For a state that may not follow, or an event that is a part of another.
    """
    caller.require("handle_events")
    if state not in STATES:
        raise InvalidInput(f"state is '{state[:40]}'; use one of {', '.join(STATES)}")
    # Two who decide at once: the second sees what the first has done.
    now = event_for(connection, event_id, caller, lock=True)
    if now.merged_into_id is not None:
        raise Conflict(f"event {event_id} is a part of event {now.merged_into_id}; handle that one, or part them first")
    if state not in NEXT[now.state]:
        allowed = ", ".join(NEXT[now.state]) or "nothing"
        raise Conflict(f"event {event_id} is in the state '{now.state}'; what may follow is {allowed}, not '{state}'")
    if is_explained(now.state, state) and not note:
        raise InvalidInput(f"the step from '{now.state}' to '{state}' needs a note that says why")
    changed = {"state": state, "state_since": func.now(), "reminded_at": None, "recorded_at": func.now()}
    if responsible:
        changed["responsible"] = responsible
    connection.execute(update(event).where(event.c.id == event_id).values(changed))
    set_clocks(connection, [event_id])
    detail = {"from": now.state, "to": state, "note": note, "responsible": responsible}
    write_log(connection, [(event_id, state, actor, {name: value for name, value in detail.items() if value})])
    tell(connection, [event_id])
    return event_for(connection, event_id, caller).shown()


def set_clocks(connection: Connection, event_ids: Sequence[int]) -> None:
    """Set when events are to have left their states, by the table of clocks."""
    connection.execute(statement("event_clocks"), {"ids": list(event_ids)})


def remind(connection: Connection) -> list[int]:
    """Note and tell the events whose time has just run out, once for each state; returns their ids."""
    late = list(connection.execute(statement("event_remind")))
    write_log(connection, [(row.id, "overdue", "clock", {"state": row.state, "due_at": row.due_at}) for row in late])
    tell(connection, [row.id for row in late])
    return [row.id for row in late]


def count_by_state(connection: Connection, caller: Caller) -> dict[str, dict[str, int]]:
    """Return state -> {"events", "overdue"} of the events that a caller may see."""
    is_late = event.c.due_at < func.now()
    rows = connection.execute(
        select(event.c.state, func.count(), func.count().filter(is_late))
        .where(*seen(connection, caller), event.c.merged_into_id.is_(None))
        .group_by(event.c.state)
    )
    found = {state: (events, overdue) for state, events, overdue in rows}
    return {state: dict(zip(("events", "overdue"), found.get(state, (0, 0)), strict=True)) for state in STATES}
