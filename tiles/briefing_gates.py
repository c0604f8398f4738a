"""Gates of sealed and controlled zones: where roads leave them, as they were at a moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import shapely
from sqlalchemy import Connection

from cim.access import Caller
from cim.tables import road
from layers.queries.visible import visible_layers
from layers.zones.blocks import gates
from layers.zones.ground import roads_in
from layers.zones.making import GRID_DEG, settled

#: Kinds of zones that are closed off.
WITH_GATES = ("sealed", "controlled")


class Gate(NamedTuple):
    """A place where a road leaves a zone (EPSG:4490)."""

    zone_id: int
    kind: str
    longitude: float
    latitude: float


def find_gates(
    connection: Connection, zones: Sequence[tuple[int, str, shapely.Geometry]], moment: datetime, caller: Caller
) -> list[Gate]:
    """Return the gates of zones (id, kind, shape) that have such; those of a controlled zone lie around both.

    Who does not see roads learns of none.
    """
    if not any(entry.table is road for entry in visible_layers(connection, caller)):
        return []
    sealed = [shape for _, kind, shape in zones if kind == "sealed"]
    found = []
    for number, kind, shape in zones:
        if kind not in WITH_GATES:
            continue
        whole = shape if kind == "sealed" else settled(shapely.union_all([shape, *sealed], grid_size=GRID_DEG))
        ways = roads_in(connection, moment, shapely.box(*shapely.bounds(whole)))
        found += [Gate(number, kind, float(place.x), float(place.y)) for place in gates(whole, ways)]
    return found
