"""Deliveries: taken to be sent, and noted as delivered, to be tried again, or given up."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import Connection, case, cast, delete, func, literal, update
from sqlalchemy.dialects.postgresql import INTERVAL

from cim.tables import webhook_delivery
from layers.sql import statement

#: Of one webhook at a time.
EACH = 4
#: Longer than sending takes; who has died is taken over after this.
LEASE_S = 60
FIRST_WAIT_S = 10
LONGEST_WAIT_S = 6 * 3600
GIVEN_UP_AFTER = timedelta(days=3)
KEPT = timedelta(days=7)
_ERROR_LENGTH = 300


class Delivery(NamedTuple):
    """One delivery that is to be sent now; ``attempts`` counts this one."""

    id: int
    key: UUID
    webhook_id: int
    step: str
    event: dict[str, Any]
    created_at: datetime
    attempts: int
    url: str
    secret: str

    def body(self) -> bytes:
        """Return what is sent: the same in every attempt."""
        told = {"delivery": self.key, "webhook": self.webhook_id, "step": self.step, "told_at": self.created_at}
        return orjson.dumps(told | {"event": self.event})


class Outcome(NamedTuple):
    """What became of an attempt; ``error`` is None where the target has taken it."""

    status_code: int | None
    error: str | None


def claim(connection: Connection, most: int) -> list[Delivery]:
    """Take deliveries that are due; nobody else gets them until the lease is over."""
    rows = connection.execute(statement("webhook_claim"), {"most": most, "each": EACH, "lease_s": LEASE_S})
    return sorted((Delivery(*row) for row in rows), key=lambda one: one.id)


def wait_s(attempts: int) -> int:
    """Return how long to wait after so many attempts (seconds)."""
    return int(min(FIRST_WAIT_S * 2 ** min(attempts - 1, 30), LONGEST_WAIT_S))


def finish(connection: Connection, delivery: Delivery, outcome: Outcome) -> bool:
    """Note what became of an attempt; False where somebody else has taken it over meanwhile.

    The last attempt comes when the time is over, whatever the wait would be.
    """
    d = webhook_delivery.c
    is_over = func.now() >= d.created_at + cast(GIVEN_UP_AFTER, INTERVAL)
    values: dict[str, Any] = {
        "leased_until": None,
        "status_code": outcome.status_code,
        "error": outcome.error and outcome.error[:_ERROR_LENGTH],
    }
    if outcome.error is None:
        values |= {"state": "delivered", "finished_at": func.now()}
    else:
        again = func.now() + cast(timedelta(seconds=wait_s(delivery.attempts)), INTERVAL)
        values |= {
            "state": case((is_over, literal("given_up")), else_=literal("waiting")),
            "finished_at": case((is_over, func.now())),
            "due_at": func.least(again, func.greatest(d.created_at + cast(GIVEN_UP_AFTER, INTERVAL), func.now())),
        }
    mine = (d.id == delivery.id, d.attempts == delivery.attempts, d.state == "waiting")
    return connection.execute(update(webhook_delivery).where(*mine).values(values)).rowcount == 1


def send_again(connection: Connection, webhook_id: int, delivery_id: int | None = None) -> int:
    """Let deliveries that were given up be tried once more, all of a webhook or one; returns how many.

    What is sent is the same, under the same key. A target that does not take it now either is given up at once.
    """
    d = webhook_delivery.c
    which = [d.webhook_id == webhook_id, d.state == "given_up"]
    if delivery_id is not None:
        which.append(d.id == delivery_id)
    values = {"state": "waiting", "due_at": func.now(), "finished_at": None, "leased_until": None}
    return connection.execute(update(webhook_delivery).where(*which).values(values)).rowcount


def forget_told(connection: Connection) -> int:
    """Remove deliveries that ended long ago; returns how many."""
    d = webhook_delivery.c
    is_old = d.finished_at < func.now() - cast(KEPT, INTERVAL)
    return connection.execute(delete(webhook_delivery).where(d.state != "waiting", is_old)).rowcount
