"""Who is nearest to an event or a place: straight, and by road where the roads are connected."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, select

from cim.access import Caller
from cim.tables import last_position, mobile_unit
from layers.live.events.read import event_for
from layers.live.tracks.read import about, seen_units
from layers.live.tracks.sight import require_sight
from layers.routing.road_times import road_times
from layers.spot import Spot

WITHIN_M = 20_000.0
MOST = 100
#: A unit that is farther may be quicker by road: so many times more are compared than are told.
COMPARED = 3
#: They do not keep to roads.
OFF_ROAD = frozenset({"drone", "vessel"})


def units_near_event(
    connection: Connection,
    event_id: int,
    caller: Caller,
    *,
    kinds: Sequence[str] | None = None,
    limit: int = 10,
    with_stale: bool = False,
) -> dict[str, Any]:
    """Return the units nearest to an event; raises Forbidden, NotFound.

    ``state``: found, none, or no_place for an event of which the place is not known.
    """
    require_sight(caller)
    found = event_for(connection, event_id, caller)
    if found.longitude is None:
        return {"event_id": event_id, "state": "no_place", "by_road": False, "units": []}
    spot = Spot(found.longitude, found.latitude)
    near = units_near(connection, spot, caller, kinds=kinds, limit=limit, with_stale=with_stale)
    return {"event_id": event_id, "longitude": spot.longitude, "latitude": spot.latitude} | near


def units_near(
    connection: Connection,
    spot: Spot,
    caller: Caller,
    *,
    kinds: Sequence[str] | None = None,
    limit: int = 10,
    with_stale: bool = False,
) -> dict[str, Any]:
    """Return the units nearest to a place, those with a time by road first, by it, then the others by distance.

    ``road_s`` is the time between the crossings nearest to the unit and to the place; ``beside_road_m`` is what is left
    of the way at both ends. Raises Forbidden.
    """
    require_sight(caller)
    items = _straight(connection, spot, caller, kinds, limit * COMPARED, with_stale)
    driven = [item for item in items if item["kind"] not in OFF_ROAD]
    times = road_times(connection, (spot.longitude, spot.latitude), driven, caller) if driven else {}
    for item in items:
        item |= times.get(item.pop("id"), {"road_s": None})
    items.sort(key=lambda item: (item["road_s"] is None, item["road_s"] or 0, item["distance_m"], item["code"]))
    state = "found" if items else "none"
    return {"state": state, "radius_m": WITHIN_M, "by_road": bool(times), "units": items[:limit]}


def _straight(
    connection: Connection, spot: Spot, caller: Caller, kinds: Sequence[str] | None, most: int, with_stale: bool
) -> list[dict[str, Any]]:
    distance = func.ST_Distance(func.geography(last_position.c.geom), func.geography(spot.point))
    found = seen_units(caller).where(last_position.c.geom.op("&&")(spot.box(WITHIN_M)))
    if kinds is not None:
        found = found.where(mobile_unit.c.kind.in_(kinds))
    if not with_stale:
        found = found.where(last_position.c.stale_at >= func.now())
    candidates = found.add_columns(distance.label("distance_m")).subquery("candidates")
    rows = connection.execute(
        select(candidates)
        .where(candidates.c.distance_m <= WITHIN_M)
        .order_by(candidates.c.distance_m, candidates.c.code)
        .limit(most)
    )
    now = datetime.now(UTC)
    return [
        about(row, now) | {"id": row.id, "longitude": row.longitude, "latitude": row.latitude,
                           "distance_m": round(row.distance_m, 1)}
        for row in rows
    ]  # fmt: skip
