"""Which nodes and edges of a network are joined to a source; in sewers and drains, which still drain to an outlet."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order

from layers.networks.graph import Flags
from layers.networks.segments import Plan


class Barriers(NamedTuple):
    """What nothing passes: of each node and each edge."""

    nodes: Flags
    edges: Flags

    def __or__(self, other: object) -> Barriers:
        """Return both together."""
        assert isinstance(other, Barriers)
        return Barriers(self.nodes | other.nodes, self.edges | other.edges)


class Served(NamedTuple):
    """Nodes and edges that are supplied, or drain."""

    nodes: Flags
    edges: Flags

    def without(self, other: Served) -> Served:
        """Return what is served here and not there."""
        return Served(self.nodes & ~other.nodes, self.edges & ~other.edges)


def closed_today(plan: Plan) -> Barriers:
    """Return what is closed already."""
    return Barriers(plan.graph.is_closed, plan.graph.is_shut)


def no_barriers(plan: Plan) -> Barriers:
    """Return barriers that hold nothing."""
    return Barriers(np.zeros(len(plan.graph.node_ids), bool), np.zeros(len(plan.graph.edge_ids), bool))


def served(plan: Plan, barriers: Barriers, sources: Flags) -> Served:
    """Return what is joined to a source.

    A node that is a barrier is reached and not passed. Pressure goes both ways through a pipe, pumps and check valves
    too; water in sewers and drains goes down only.
    """
    graph = plan.graph
    size = len(graph.node_ids)
    ways, first = plan.ways, np.flatnonzero(sources)
    kept = ~barriers.edges[ways.edge] & ~barriers.nodes[ways.leaves]
    # One node more, from which every source is reached: then one walk is enough.
    reaches = np.concatenate([ways.reaches[kept], first])
    counts = np.bincount(ways.leaves[kept], minlength=size + 1)
    counts[size] = len(first)
    begins = np.concatenate([[0], np.cumsum(counts)])
    matrix = csr_array((np.ones(len(reaches)), reaches, begins), shape=(size + 1, size + 1))
    reached = np.zeros(size + 1, bool)
    reached[breadth_first_order(matrix, size, return_predecessors=False)] = True
    reached[size] = False
    passed = reached.copy()
    passed[:size] &= ~barriers.nodes
    edges = passed[graph.target]
    if not plan.devices.is_gravity:
        edges = edges | passed[graph.source]
    return Served(reached[:size], edges & ~barriers.edges)
