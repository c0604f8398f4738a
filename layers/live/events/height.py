"""How high above the ground an event is, for those who look at it from outside."""

from __future__ import annotations

from sqlalchemy import Connection, select

from cim.tables import building, storey
from layers.live.events.read import Event

#: Above the floor: the middle of a window.
ABOVE_FLOOR_M = 1.5


def height_above_ground_m(connection: Connection, found: Event) -> float | None:
    """Return what the source says, else the height of the storey; None for one that is not known.

    A storey of a model has a height of its own; of others it is reckoned from the building's height and storeys.
    Negative below the ground, whence nobody sees it.
    """
    if found.height_m is not None:
        return float(found.height_m)
    house = connection.execute(
        select(building.c.base_height_m, building.c.height_m, building.c.storeys_above)
        .where(building.c.id == found.building_id)
    ).one_or_none()  # fmt: skip
    if house is None or found.storey_number is None:
        return None
    floor_m: float | None = connection.execute(
        select(storey.c.base_height_m).where(storey.c.id == found.storey_id)
    ).scalar()
    if floor_m is not None and house.base_height_m is not None:
        return float(floor_m - house.base_height_m) + ABOVE_FLOOR_M
    if found.storey_number < 0:
        return float(3 * found.storey_number) + ABOVE_FLOOR_M
    if not house.height_m or not house.storeys_above:
        return None
    return float((found.storey_number - 1) * house.height_m / house.storeys_above) + ABOVE_FLOOR_M
