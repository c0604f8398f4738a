"""Webhooks: added, listed, removed, and what each was told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, select, true

from cim.access import Caller
from cim.errors import CimError, Conflict, Forbidden, InvalidInput, NotFound
from cim.tables import DELIVERY_STATES, event_type, webhook, webhook_delivery
from layers.live.events.states import STATES
from layers.live.webhooks.deliveries import send_again
from layers.live.webhooks.signature import new_secret

#: What may happen to an event, as its log has it: its states, joined, parted, late.
STEPS = (*STATES, "merge", "part", "overdue")
_SHOWN = ("id", "name", "url", "types", "steps", "severity", "area_code", "created_at")
_SHOWN_DELIVERY = ("id", "key", "event_id", "step", "state", "created_at", "due_at", "attempts", "status_code", "error",
                   "finished_at")  # fmt: skip
MOST = 1000


@dataclass(frozen=True)
class Wish:
    """Whom to tell, and of what; empty or None: of all.

    Attributes
    ----------
    types
        Beginnings of codes of types.
    severity
        The least grave one (1 is the gravest).
    bbox
        West, south, east, north (degrees).
    """

    url: str
    name: str | None = None
    types: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    severity: int | None = None
    area_code: str | None = None
    bbox: tuple[float, float, float, float] | None = None


def add_webhook(connection: Connection, wish: Wish, caller: Caller) -> dict[str, Any]:
    """Write a webhook and return it with its secret, this once; its target is to be checked before.

    Raises
    ------
    Forbidden
        For a role that may not, or an area that is not the caller's.
    InvalidInput
        For a step that there is not, or types of which there are none.
    """
    caller.require("administer")
    _check(connection, wish)
    area = wish.area_code or caller.area_code
    if caller.area_code is not None and not (area or "").startswith(caller.area_code):
        raise Forbidden(f"area_code is '{area}'; this key may ask for {caller.area_code} and what begins with it")
    secret = new_secret()
    box = None if wish.bbox is None else func.ST_MakeEnvelope(*wish.bbox, 4490)
    number = connection.execute(
        insert(webhook)
        .values(
            name=wish.name, url=wish.url, secret=secret, types=list(wish.types), steps=list(wish.steps),
            severity=wish.severity, area_code=area, box=box,
        )
        .returning(webhook.c.id)
    ).scalar_one()  # fmt: skip
    return webhook_for(connection, number, caller) | {"secret": secret}


def list_webhooks(connection: Connection, caller: Caller) -> list[dict[str, Any]]:
    """Return all webhooks without their secrets, with how many deliveries of each wait, were made and given up."""
    caller.require("administer")
    return [_shown(row) for row in connection.execute(_webhooks(caller).order_by(webhook.c.id)).mappings()]


def webhook_for(connection: Connection, number: int, caller: Caller) -> dict[str, Any]:
    """Return a webhook that a caller may see; raises Forbidden, NotFound."""
    caller.require("administer")
    row = connection.execute(_webhooks(caller).where(webhook.c.id == number)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"there is no webhook {number}")
    return _shown(row)


def remove_webhook(connection: Connection, number: int, caller: Caller) -> None:
    """Remove a webhook with what it has not been told yet; raises Forbidden, NotFound."""
    webhook_for(connection, number, caller)
    connection.execute(delete(webhook).where(webhook.c.id == number))


def list_deliveries(
    connection: Connection,
    number: int,
    caller: Caller,
    *,
    state: str | None = None,
    limit: int = 100,
    after: int | None = None,
) -> list[dict[str, Any]]:
    """Return deliveries of a webhook, newest first; raises Forbidden, NotFound, InvalidInput."""
    webhook_for(connection, number, caller)
    if state is not None and state not in DELIVERY_STATES:
        raise InvalidInput(f"state is '{state[:40]}'; use one of {', '.join(DELIVERY_STATES)}")
    d = webhook_delivery.c
    found = select(*(d[name] for name in _SHOWN_DELIVERY)).where(d.webhook_id == number)
    if state is not None:
        found = found.where(d.state == state)
    if after is not None:
        found = found.where(d.id < after)
    rows = connection.execute(found.order_by(d.id.desc()).limit(limit)).mappings()
    return [{str(name): value for name, value in row.items()} for row in rows]


def resend(connection: Connection, number: int, caller: Caller, delivery: int | None = None) -> int:
    """Let a webhook be told again what was given up, all of it or one delivery; returns how many deliveries wait then.

    Raises
    ------
    Forbidden, NotFound
    Conflict
        For a delivery that was not given up.
    """
    webhook_for(connection, number, caller)
    count = send_again(connection, number, delivery)
    if delivery is not None and not count:
        raise _not_given_up(connection, number, delivery)
    return count


def _not_given_up(connection: Connection, number: int, delivery: int) -> CimError:
    d = webhook_delivery.c
    state = connection.execute(select(d.state).where(d.webhook_id == number, d.id == delivery)).scalar()
    if state is None:
        return NotFound(f"webhook {number} has no delivery {delivery}")
    return Conflict(f"delivery {delivery} is '{state}'; only one that was given up is sent again")


def _webhooks(caller: Caller) -> Select[Any]:
    counts = [
        func.count(webhook_delivery.c.id).filter(webhook_delivery.c.state == state).label(state)
        for state in DELIVERY_STATES
    ]
    sides = {"west": func.ST_XMin, "south": func.ST_YMin, "east": func.ST_XMax, "north": func.ST_YMax}
    bounds = [side(webhook.c.box).label(name) for name, side in sides.items()]
    return (
        select(*(webhook.c[name] for name in _SHOWN), *bounds, *counts)
        .outerjoin(webhook_delivery, webhook_delivery.c.webhook_id == webhook.c.id)
        .where(_in_area(caller))
        .group_by(webhook.c.id)
    )


def _in_area(caller: Caller) -> ColumnElement[bool]:
    """Return the condition for webhooks that tell of nothing outside of a caller's area."""
    return true() if caller.area_code is None else func.starts_with(webhook.c.area_code, caller.area_code)


def _shown(row: Mapping[Any, Any]) -> dict[str, Any]:
    found = {name: row[name] for name in _SHOWN}
    box = [row[name] for name in ("west", "south", "east", "north")]
    found["bbox"] = None if box[0] is None else box
    return found | {"deliveries": {state: row[state] for state in DELIVERY_STATES}}


def _check(connection: Connection, wish: Wish) -> None:
    if unknown := [step for step in wish.steps if step not in STEPS]:
        raise InvalidInput(f"step is '{unknown[0][:40]}'; use some of {', '.join(STEPS)}")
    for code in wish.types:
        is_known = select(select(event_type.c.code).where(func.starts_with(event_type.c.code, code)).exists())
        if not connection.execute(is_known).scalar_one():
            raise InvalidInput(f"no type of events begins with '{code[:40]}'; /events/types lists them")
    if wish.severity is not None and wish.severity not in (1, 2, 3, 4):
        raise InvalidInput(f"severity is {wish.severity}; use 1 (the gravest) to 4")
    if wish.bbox is not None:
        west, south, east, north = wish.bbox
        if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
            raise InvalidInput("bbox is no box; write west, south, east, north in degrees, west before east")
