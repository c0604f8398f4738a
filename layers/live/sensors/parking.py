"""Car parks: counts of free places as they come, and the nearest that has some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from cim.access import Caller
from cim.errors import InvalidInput
from cim.provenance import touch_layers
from cim.tables import layer
from layers.live.sensors.reading import latest_us, read_us, time_of
from layers.sql import statement

LAYER = "parking"
MOST_COUNTS = 5_000
MOST_FREE = 100_000


def take_counts(connection: Connection, caller: Caller, said: Sequence[Any]) -> dict[str, list[str]]:
    """Write counts like ``{"code", "free", "time"}``; which car parks have changed, and of which nothing was.

    Raises
    ------
    InvalidInput
        Naming what is wrong; nothing is changed then.
    """
    if not isinstance(said, list) or len(said) > MOST_COUNTS:
        raise InvalidInput(f"the body is not a list of at most {MOST_COUNTS} counts")
    latest = latest_us()
    rows = [_count(one, latest) for one in said]
    columns = {
        "code": [code for code, _, _ in rows],
        "free": [free for _, free, _ in rows],
        "time": [time for _, _, time in rows],
        "area": caller.area_code,
    }
    changed = sorted(set(connection.execute(statement("parking_counts"), columns).scalars()))
    if changed:
        touch_layers(connection, [LAYER], None, None, only_objects=True)
    return {"changed": changed, "unchanged": sorted({code for code, _, _ in rows} - set(changed))}


def nearest_free(
    connection: Connection,
    caller: Caller,
    longitude: float,
    latitude: float,
    *,
    places: int = 1,
    most: int = 5,
    fresh: datetime | None = None,
) -> list[Mapping[Any, Any]]:
    """Return the nearest car parks with so many free places.

    Parameters
    ----------
    longitude, latitude
        Degrees.
    fresh
        Counts that are older than this are not believed.
    """  # fmt: skip
    seen = select(layer.c.id).where(layer.c.visibility.in_(caller.visible_levels()), layer.c.table_name == LAYER)
    asked = {"lon": longitude, "lat": latitude, "places": places, "most": most, "fresh": fresh,
             "area": caller.area_code, "layers": list(connection.execute(seen).scalars())}  # fmt: skip
    rows = connection.execute(statement("parking_nearest"), asked).mappings()
    return [dict(row) for row in rows]


def _count(one: Any, latest: int) -> tuple[str, int, datetime]:
    if not isinstance(one, dict) or not isinstance(one.get("code"), str) or "\0" in one["code"]:
        raise InvalidInput('a count is like {"code": "440307TC00001", "free": 12, "time": "2026-03-01T08:00:00+08:00"}')
    free = one.get("free")
    if type(free) is not int or not 0 <= free <= MOST_FREE:
        raise InvalidInput(f"free is '{str(free)[:40]}'; use a whole number from 0 to {MOST_FREE}")
    return one["code"], free, time_of(read_us(one.get("time"), latest, "time"))
