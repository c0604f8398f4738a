"""Where a unit has been: one line with its times, thinned to what a map can use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from cim.access import Caller
from cim.errors import InvalidInput
from layers.live.tracks.days import KEPT
from layers.live.tracks.read import about, unit_for
from layers.sql import statement

MOST_POINTS = 2_000
#: What is shown where nothing is asked for.
WINDOW = timedelta(hours=1)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


def trail(
    connection: Connection,
    code: str,
    caller: Caller,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    most: int = MOST_POINTS,
) -> dict[str, Any]:
    """Return the trail of a unit as a feature: a LineString (a Point of one position), with a time for each vertex.

    Of more than ``most`` positions every n-th is taken, the first and the last always; ``positions`` says how many
    there are. A caller of one area sees, of a unit that belongs to none, the positions there.

    Raises
    ------
    Forbidden, NotFound, InvalidInput
    """
    unit = unit_for(connection, code, caller)
    now = datetime.now(UTC)
    ends = until or max(now, unit.time)
    if since is None and ends - EARLIEST < WINDOW:
        raise InvalidInput(
            f"until is '{ends.isoformat()}'; positions are kept for {KEPT.days} days", "positions_gone", days=KEPT.days
        )
    begins = since or ends - WINDOW
    if begins > ends or ends - begins > KEPT + timedelta(days=1):
        raise InvalidInput(f"since must come before until, within {KEPT.days} days", "trail_span_wrong", days=KEPT.days)
    rows = connection.execute(
        statement("track_trail"),
        {"unit_id": unit.id, "since": begins, "until": ends, "area": caller.area_code or "", "most": most},
    ).all()
    properties = about(unit, now) | {
        "since": begins,
        "until": ends,
        "positions": rows[0].positions if rows else 0,
        "times": [row.time for row in rows],
        "heights_m": [row.height_m for row in rows],
        "ellipsoid_heights_m": [row.ellipsoid_height_m for row in rows],
        "speeds_m_s": [row.speed_m_s for row in rows],
    }
    return {"type": "Feature", "id": code, "geometry": _line(rows), "properties": properties}


def _line(rows: Sequence[Row[Any]]) -> dict[str, Any] | None:
    places = [[row.longitude, row.latitude] for row in rows]
    if len(places) < 2:
        return {"type": "Point", "coordinates": places[0]} if places else None
    return {"type": "LineString", "coordinates": places}
