"""The parts into which its shutters divide a network: what is between valves goes dry together.

A segment is a connected set of nodes and edges; shutters belong to none. It is what Walski (1993) calls a segment and
what WNTR finds with ``valve_segments``, for shutters that stand on nodes or are links.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sqlalchemy import Connection

from layers.kept_graphs import KeptGraphs
from layers.networks.devices import Devices, Words, read_devices
from layers.networks.flow_graph import FlowGraph, flow_graph
from layers.networks.graph import Flags, Numbers

#: No segment: a shutter.
NONE = -1


class Shutters(NamedTuple):
    """What can be shut, nodes first.

    Attributes
    ----------
    ids
        Of the node or pipe.
    place
        Number of the node or edge in the graph.
    is_pipe, is_closed
        Whether it is a link; whether it is shut already.
    fault
        None, 'broken' or 'inaccessible'.
    """

    ids: Numbers
    place: Numbers
    is_pipe: Flags
    is_closed: Flags
    fault: Words


@dataclass(frozen=True)
class Segments:
    """Segments and how shutters join them.

    Attributes
    ----------
    node, edge
        The segment of each node and edge; NONE for shutters.
    touch
        (n, 2) pairs of a shutter and a segment that it borders, each once.
    """

    count: int
    node: Numbers
    edge: Numbers
    shutters: Shutters
    touch: Numbers

    def enclosed(self, first: Numbers, passing: Flags) -> Flags:
        """Return the segments that are one when some shutters cannot hold, beginning at some segments."""
        inside = np.zeros(self.count, bool)
        inside[first] = True
        # Shutters that cannot be worked are few: only what they touch is walked.
        weak = self.touch[passing[self.touch[:, 0]]]
        while True:
            opened = np.zeros(len(passing), bool)
            opened[weak[inside[weak[:, 1]], 0]] = True
            more = weak[opened[weak[:, 0]], 1]
            if inside[more].all():
                return inside
            inside[more] = True

    def borders(self, inside: Flags, passing: Flags) -> Numbers:
        """Return the shutters that hold between what is inside and what is not."""
        within, without = self._touching(inside), self._touching(~inside)
        return np.flatnonzero(within & without & ~passing)

    def touched(self, inside: Flags) -> Flags:
        """Return the shutters that touch some segments."""
        return self._touching(inside)

    def inner(self, inside: Flags) -> Flags:
        """Return the shutters that touch no other segments than some."""
        return self._touching(inside) & ~self._touching(~inside)

    def _touching(self, segments: Flags) -> Flags:
        found = np.zeros(len(self.shutters.ids), bool)
        found[self.touch[segments[self.touch[:, 1]], 0]] = True
        return found


class Ways(NamedTuple):
    """Every way from a node to the next, sorted by the node it leaves; both ways through a pipe under pressure.

    In sewers and drains they lead up, from where the water goes to where it comes from.
    """

    leaves: Numbers
    reaches: Numbers
    edge: Numbers


@dataclass(frozen=True)
class Plan:
    """A network's graph, what its parts are, its segments and its ways."""

    graph: FlowGraph
    devices: Devices
    segments: Segments
    ways: Ways


_PLANS: KeptGraphs[Plan] = KeptGraphs(12)


def network_plan(connection: Connection, network: str) -> Plan:
    """Return the plan of a network, from memory where the graph is still the same."""
    graph = flow_graph(connection, network)
    return _PLANS.get(graph, None, lambda: _read_plan(connection, network, graph))


def _read_plan(connection: Connection, network: str, graph: FlowGraph) -> Plan:
    devices = read_devices(connection, network, graph)
    return Plan(graph, devices, divide(graph, devices), ways_of(graph, is_gravity=devices.is_gravity))


def ways_of(graph: FlowGraph, *, is_gravity: bool) -> Ways:
    """Return the ways through a network, whatever is closed."""
    size = len(graph.node_ids)
    edge = np.flatnonzero((graph.source < size) & (graph.target < size))
    leaves, reaches = graph.target[edge], graph.source[edge]
    if not is_gravity:
        leaves, reaches, edge = np.concatenate([leaves, reaches]), np.concatenate([reaches, leaves]), np.tile(edge, 2)
    order = np.argsort(leaves, kind="stable")
    return Ways(leaves[order], reaches[order], edge[order])


def divide(graph: FlowGraph, devices: Devices) -> Segments:
    """Divide a network into its segments."""
    nodes, edges = len(graph.node_ids), len(graph.edge_ids)
    numbers = np.arange(edges)
    edge = np.concatenate([numbers, numbers])
    end = np.concatenate([graph.source, graph.target])
    edge, end = edge[end < nodes], end[end < nodes]
    joined = ~devices.is_edge_shutter[edge] & ~devices.is_shutter[end]
    matrix = coo_array(
        (np.ones(int(joined.sum()), np.int8), (end[joined], nodes + edge[joined])), shape=(nodes + edges, nodes + edges)
    )
    _, label = connected_components(matrix, directed=False)
    is_shutter = np.concatenate([devices.is_shutter, devices.is_edge_shutter])
    used, number = np.unique(label[~is_shutter], return_inverse=True)
    segment = np.full(nodes + edges, NONE)
    segment[~is_shutter] = number
    shutters = _shutters(graph, devices)
    touch, count = _touch(segment, end, nodes + edge, len(used), shutters)
    return Segments(count, segment[:nodes], segment[nodes:], shutters, touch)


def _shutters(graph: FlowGraph, devices: Devices) -> Shutters:
    at_nodes, on_edges = np.flatnonzero(devices.is_shutter), np.flatnonzero(devices.is_edge_shutter)
    return Shutters(
        np.concatenate([graph.node_ids[at_nodes], graph.pipe_ids[on_edges]]),
        np.concatenate([at_nodes, on_edges]),
        np.repeat([False, True], [len(at_nodes), len(on_edges)]),
        np.concatenate([graph.is_closed[at_nodes], graph.is_shut[on_edges]]),
        np.concatenate([devices.node_fault[at_nodes], devices.edge_fault[on_edges]]),
    )


def _touch(segment: Numbers, end: Numbers, edge: Numbers, count: int, shutters: Shutters) -> tuple[Numbers, int]:
    """Return which segments each shutter borders, and how many segments there are with those that hold nothing.

    Where a shutter meets a shutter there is an empty segment between them, so that each has two sides.

    Parameters
    ----------
    segment
        Of all nodes and, behind them, all edges.
    end, edge
        Nodes and the edges that end there, numbered as in ``segment``.
    """
    number = np.full(len(segment), NONE)
    number[np.flatnonzero(segment == NONE)] = np.arange(len(shutters.ids))
    both = (segment[end] == NONE) & (segment[edge] == NONE)
    between = count + np.arange(int(both.sum()))
    pairs = np.concatenate([
        np.column_stack([number[end], segment[edge]]),
        np.column_stack([number[edge], segment[end]]),
        np.column_stack([number[end[both]], between]),
        np.column_stack([number[edge[both]], between]),
    ])  # fmt: skip
    return np.unique(pairs[(pairs >= 0).all(axis=1)], axis=0), count + len(between)
