"""The roads as one caller may use them in one manner: without what is hidden and closed, and how fast they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection

from cim.access import Caller
from layers.networks.graph import Numbers
from layers.queries.note import Note, note
from layers.queries.receipt import make_receipt
from layers.queries.visible import VisibleLayer, visible_layers
from layers.routing.asked import Closed
from layers.routing.closures import Cut, Floods, cut_out, find_closures
from layers.routing.graph import RoadGraph, road_graph
from layers.routing.travel import WALKING_KMH, Travel, is_hidden, road_layers, travel


class RoadsOpen(NamedTuple):
    """The roads of one question.

    Attributes
    ----------
    whole
        Seconds as if nothing was closed.
    open
        Seconds with the closures cut out.
    """

    graph: RoadGraph
    layers: list[VisibleLayer]
    whole: Travel
    open: Travel
    cut: Cut

    @property
    def closed_edges(self) -> int:
        """How many edges that would be open are cut out."""
        return int((self.cut.is_closed & self.whole.is_open).sum())


def open_roads(
    connection: Connection, profile: str, closed: Closed, caller: Caller, floods: Floods | None = None
) -> RoadsOpen:
    """Return the roads that a caller sees, without those that are closed.

    Raises
    ------
    NotFound
        No roads, none that the caller sees, or no such zone.
    InvalidInput
    """
    graph = road_graph(connection)
    layers = road_layers(connection, graph, caller)
    closures = find_closures(connection, closed, caller, floods)
    whole = travel(graph, profile).without(is_hidden(graph, layers, caller))
    cut = cut_out(graph, closures)
    return RoadsOpen(graph, layers, whole, whole.without(cut.is_closed), cut)


def road_receipt(
    connection: Connection,
    roads: RoadsOpen,
    edges: Numbers,
    parameters: dict[str, Any],
    caller: Caller,
    *,
    layers: list[VisibleLayer] | None = None,
    counts: dict[str, int] | None = None,
    datasets: set[int] | None = None,
    notes: Sequence[Note] = (),
) -> dict[str, Any]:
    """Return the receipt of an answer that rests on some edges, and perhaps on objects of other layers."""
    closing = Counter(_RESTS_ON[closure.kind] for closure in roads.cut.closures if closure.kind in _RESTS_ON)
    closers = visible_layers(connection, caller, sorted(closing)) if closing else []
    used = {layer.id: layer for layer in [*roads.layers, *(layers or []), *closers]}
    graph, edges = roads.graph, np.unique(edges)
    kept = {
        layer.id: len(np.unique(graph.road_ids[edges[graph.layer[edges] == layer.id]])) for layer in roads.layers
    } | (counts or {})  # fmt: skip
    return make_receipt(
        connection, list(used.values()), kept | closing,
        (set(graph.dataset_ids[edges].tolist()) | (datasets or set())) - {-1},
        parameters | {"area": caller.area_code},
        [*_NOTES, *notes],
    )  # fmt: skip


#: Closures come from these layers.
_RESTS_ON = {"zone": "zones", "flood": "terrain"}
_NOTES = (
    note("speeds", "seconds are of speed limits, else of the speed of the road's class; on foot "
         f"{WALKING_KMH:g} km/h; without traffic, lights and turns that are forbidden", walking_kmh=WALKING_KMH),
    note("closures", "an edge that a closure touches is closed from node to node; floods leave bridges open"),
)  # fmt: skip
