"""The outbox: what is to be told is written with the change itself, so that neither comes without the other."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from layers.sql import statement


def queue_deliveries(connection: Connection, event_ids: Sequence[int]) -> None:
    """Write a delivery for each of these events and each webhook that asks for it, as the event is now."""
    if event_ids:
        connection.execute(statement("webhook_queue"), {"ids": list(event_ids)})
