"""How fast edges are passed: by car or on foot, there or back, and only where the way is open and may be seen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection

from cim.access import Caller
from cim.errors import NotFound
from layers.networks.graph import Flags, Metres
from layers.queries.visible import VisibleLayer, visible_layers
from layers.routing.graph import RoadGraph

PROFILES = ("car", "foot")
#: 1.33 m/s, at which people of all ages cross a road (CJJ 37 reckons with 1.0 to 1.5).
WALKING_KMH = 4.8


class Travel(NamedTuple):
    """Seconds along and against each edge as drawn, infinite where it is not open."""

    along_s: Metres
    against_s: Metres

    @property
    def is_open(self) -> Flags:
        """Which edges are open at least one way."""
        return np.isfinite(self.along_s) | np.isfinite(self.against_s)

    def without(self, closed: Flags) -> Travel:
        """Return it with some edges closed."""
        return Travel(np.where(closed, np.inf, self.along_s), np.where(closed, np.inf, self.against_s))

    def back(self) -> Travel:
        """Return it as seen from the aim: every edge the other way."""
        return Travel(self.against_s, self.along_s)


def travel(graph: RoadGraph, profile: str) -> Travel:
    """Return the seconds by car, or on foot: both ways at one speed, but not on motorways."""
    if profile == "car":
        return Travel(graph.along_s, graph.against_s)
    walked = np.where(graph.is_walked, graph.length_m * 3.6 / WALKING_KMH, np.inf)
    return Travel(walked, walked)


def road_layers(connection: Connection, graph: RoadGraph, caller: Caller) -> list[VisibleLayer]:
    """Return the layers of a graph's roads that a caller sees; raises NotFound where there is none."""
    layers = visible_layers(connection, caller, np.unique(graph.layer).tolist())
    if not layers:
        raise NotFound("there is no layer of roads that you may see", "no_roads_visible")
    return layers


def is_hidden(graph: RoadGraph, layers: list[VisibleLayer], caller: Caller) -> Flags:
    """Tell of which edges the caller may not see the road."""
    hidden = ~np.isin(graph.layer, [layer.id for layer in layers])
    if caller.area_code is not None:
        hidden |= (graph.area_code != "") & ~np.strings.startswith(graph.area_code, caller.area_code)
    return hidden
