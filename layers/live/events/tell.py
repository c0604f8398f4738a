"""Events that are new or have changed, told to all that listen, when the transaction commits."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from cim.db import notify
from cim.tables import event
from layers.live.notices import in_notices
from layers.live.webhooks.outbox import queue_deliveries

_TITLE_LENGTH = 60


def tell(connection: Connection, event_ids: Sequence[int]) -> None:
    """Tell of events: what a map needs to draw them, and by what it is decided who may know.

    Other services are told by webhook, once the transaction has committed.
    """
    if not event_ids:
        return
    queue_deliveries(connection, event_ids)
    columns = (
        "id",
        "layer_id",
        "type_code",
        "severity",
        "state",
        "source",
        "area_code",
        "merged_into_id",
        "building_id",
    )
    rows = connection.execute(
        select(
            *(event.c[name] for name in columns),
            func.left(event.c.title, _TITLE_LENGTH).label("title"),
            func.ST_X(event.c.geom).label("lon"),
            func.ST_Y(event.c.geom).label("lat"),
            event.c.occurred_at,
            event.c.due_at,
        ).where(event.c.id == func.any(list(event_ids)))
    ).mappings()
    told = [{str(name): value for name, value in row.items() if value is not None} for row in rows]
    for some in in_notices(told):
        notify(connection, {"type": "event", "events": some})
