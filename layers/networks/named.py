"""What callers name: a network, and a place on it."""

from __future__ import annotations

import math

from sqlalchemy import Connection, select

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from cim.tables import pipe_edge
from layers.queries.visible import VisibleLayer, visible_layers


def require_network(connection: Connection, network: str, caller: Caller) -> list[VisibleLayer]:
    """Return the layers of pipes; raises NotFound where there is no such network, or the caller may not see pipes."""
    layers = visible_layers(connection, caller, ["pipes", "pipe_nodes"])
    if len(layers) < 2:
        raise NotFound(f"there is no network '{network[:60]}' that you may see", "no_such_network", given=network[:60])
    is_there = select(select(pipe_edge.c.id).where(pipe_edge.c.network == network).exists())
    if not connection.execute(is_there).scalar_one():
        known = connection.execute(select(pipe_edge.c.network).distinct().order_by(pipe_edge.c.network)).scalars().all()
        raise NotFound(
            f"there is no network '{network[:60]}'; there are: {', '.join(known) or 'none yet'}",
            "no_such_network", given=network[:60], known=[*known],
        )  # fmt: skip
    return layers


def parse_place(text: str) -> tuple[float, float] | None:
    """Return the longitude and latitude that a text says; None where it says something else, raises InvalidInput."""
    parts = text.split(",")
    if len(parts) != 2:
        return None
    try:
        longitude, latitude = float(parts[0]), float(parts[1])
    except ValueError:
        return None
    if not (math.isfinite(longitude) and math.isfinite(latitude) and abs(longitude) <= 180 and abs(latitude) <= 90):
        raise InvalidInput(
            f"from is '{text[:80]}'; longitude,latitude in degrees is right, longitude first",
            "not_a_position", field="from", given=text[:80],
        )  # fmt: skip
    return longitude, latitude
