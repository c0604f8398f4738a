"""Units that have moved, told to all that listen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from cim.db import notify
from cim.tables import last_position, mobile_unit
from layers.live.notices import in_notices as _notices
from layers.live.tracks.positions import stamp


def tell_moved(connection: Connection, units: Sequence[dict[str, Any]]) -> int:
    """Tell of units, as many in a notice as go in; returns how many notices there were.

    One that has moved on since is left out: whoever took in the newer position tells it.
    """
    count = 0
    for some in _notices(_current(connection, units)):
        notify(connection, {"type": "track", "units": some})
        count += 1
    return count


def _current(connection: Connection, units: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = connection.execute(
        select(mobile_unit.c.code, last_position.c.time)
        .join(last_position, last_position.c.unit_id == mobile_unit.c.id)
        .where(mobile_unit.c.code == func.any([unit["code"] for unit in units]))
    )
    times = {row.code: stamp(row.time) for row in rows}
    return [unit for unit in units if times.get(unit["code"]) == unit["time"]]
