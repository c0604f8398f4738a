"""A network of pipes in memory: what a trace walks on. Made once a version of the data, a few megabytes a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order
from sqlalchemy import Connection, func, select

from cim.tables import building_service, layer, pipe, pipe_edge, pipe_node
from layers.kept_graphs import KeptGraphs
from layers.networks.graph import Flags, Metres, Numbers

Direction = Literal["up", "down", "connected"]

#: Layers whose change makes a graph stale.
_LAYERS = ("buildings", "pipe_nodes", "pipes")
#: Devices whose state is a matter of the hour: they do not stop a trace.
_SWITCHED = ("pump",)


class PipeFacts(NamedTuple):
    """What is known of the pipe of each edge.

    Attributes
    ----------
    dataset
        -1 for none.
    is_drawn
        Whether only its drawing says which way it flows.
    served
        Buildings that it serves.
    box
        West, south, east, north in degrees, (n, 4).
    start_fraction, end_fraction
        The part of the pipe that the edge is.
    """

    dataset: Numbers
    is_drawn: Flags
    served: Numbers
    box: Metres
    start_fraction: Metres
    end_fraction: Metres


@dataclass(frozen=True, eq=False)
class FlowGraph:
    """Edges in the direction of flow; equal to itself only.

    Attributes
    ----------
    node_ids
        Sorted ids of the nodes that edges end at.
    edge_ids, pipe_ids, length_m
        Of each edge.
    source, target
        Numbers of the nodes of each edge; ``len(node_ids)`` where there is none.
    is_closed
        Of each node; ``is_shut`` of each edge: nothing passes there.
    pipes
        What is asked of the pipes themselves, of each edge; None in a graph that is only walked.
    """

    node_ids: Numbers
    edge_ids: Numbers
    pipe_ids: Numbers
    source: Numbers
    target: Numbers
    length_m: Metres
    is_closed: Flags
    is_shut: Flags
    pipes: PipeFacts | None = None
    matrices: dict[str, csr_array] = field(default_factory=dict)

    def number(self, node_id: int) -> int | None:
        """Return the number of a node, None where no edge ends at it."""
        at = int(np.searchsorted(self.node_ids, node_id))
        return at if at < len(self.node_ids) and self.node_ids[at] == node_id else None

    def reach(self, start: int, direction: Direction) -> tuple[Flags, Flags]:
        """Return which nodes and edges a trace reaches; closed nodes are reached and not passed, but for the first.

        Edges that are shut are not reached; edges without a node at their other end are.
        """
        reached = np.zeros(len(self.node_ids) + 1, bool)
        reached[start] = True
        passable = self._matrix(direction, passing=True)
        firsts = [start]
        if self.is_closed[start]:
            whole = self._matrix(direction, passing=False)
            firsts = whole.indices[whole.indptr[start] : whole.indptr[start + 1]].tolist()
        for first in firsts:
            if first == start or not reached[first]:
                reached[breadth_first_order(passable, first, return_predecessors=False)] = True
        reached[start] = True
        reached[-1] = False
        passes = reached.copy()
        passes[:-1] &= ~self.is_closed
        passes[start] = True
        if direction == "down":
            edges = passes[self.source]
        elif direction == "up":
            edges = passes[self.target]
        else:
            edges = passes[self.source] | passes[self.target]
        return reached[:-1], edges & ~self.is_shut

    def _matrix(self, direction: Direction, *, passing: bool) -> csr_array:
        key = f"{direction} {passing}"
        if key not in self.matrices:
            self.matrices[key] = self._make(direction, passing)
        return self.matrices[key]

    def _make(self, direction: Direction, passing: bool) -> csr_array:
        size = len(self.node_ids)
        kept = (self.source < size) & (self.target < size) & ~self.is_shut
        rows, columns = self.source[kept], self.target[kept]
        if direction == "up":
            rows, columns = columns, rows
        elif direction == "connected":
            rows, columns = np.concatenate([rows, columns]), np.concatenate([columns, rows])
        if passing:
            open_rows = ~self.is_closed[rows]
            rows, columns = rows[open_rows], columns[open_rows]
        return csr_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(size, size))


_GRAPHS: KeptGraphs[FlowGraph] = KeptGraphs(12)


def flow_graph(connection: Connection, network: str) -> FlowGraph:
    """Return the graph of a network, from memory where its data is of the same version still."""
    rows = connection.execute(
        select(func.current_database(), layer.c.version).where(layer.c.id.in_(_LAYERS)).order_by(layer.c.id)
    ).all()
    key, versions = (str(rows[0][0]) if rows else "", network), tuple(row.version for row in rows)
    return _GRAPHS.get(key, versions, lambda: read_graph(connection, network))


def read_graph(connection: Connection, network: str) -> FlowGraph:
    """Read a network's edges, and what is closed in it."""
    is_shut = (pipe.c.state == "closed") & func.coalesce(pipe.c.kind, "").not_in(_SWITCHED)
    edge = [pipe_edge.c[name] for name in ("id", "pipe_id", "source_id", "target_id", "length_m", "start_fraction",
                                           "end_fraction")]  # fmt: skip
    box = [part(pipe.c.geom) for part in (func.ST_XMin, func.ST_YMin, func.ST_XMax, func.ST_YMax)]
    is_drawn = func.coalesce(pipe.c.direction_source, "drawn") == "drawn"
    rows = connection.execute(
        select(*edge, func.coalesce(is_shut, False), func.coalesce(pipe.c.dataset_id, -1), is_drawn, *box)
        .join(pipe, pipe.c.id == pipe_edge.c.pipe_id)
        .where(pipe_edge.c.network == network)
        .order_by(pipe_edge.c.id)
    ).all()
    columns: list[Any] = list(zip(*rows, strict=True)) or [()] * (len(edge) + 3 + len(box))
    ids, pipes, sources, targets, lengths, starts, ends, shut, datasets, drawn, *boxes = columns
    source, target = _numbers(sources), _numbers(targets)
    facts = PipeFacts(
        np.array(datasets, np.int64),
        np.array(drawn, bool),
        _served(connection, network, np.array(pipes, np.int64)),
        np.array(boxes, float).T,
        np.array(starts, float),
        np.array(ends, float),
    )
    known = np.unique(np.concatenate([source, target]))
    known = known[known >= 0]
    closed = connection.execute(
        select(pipe_node.c.id).where(pipe_node.c.network == network, pipe_node.c.state == "closed")
    ).scalars()
    return FlowGraph(
        known,
        np.array(ids, np.int64),
        np.array(pipes, np.int64),
        np.where(source < 0, len(known), np.searchsorted(known, source)),
        np.where(target < 0, len(known), np.searchsorted(known, target)),
        np.array(lengths, float),
        np.isin(known, np.array(closed.all(), np.int64)),
        np.array(shut, bool),
        facts,
    )


def _numbers(values: tuple[int | None, ...]) -> Numbers:
    return np.array([-1 if value is None else value for value in values], np.int64)


def _served(connection: Connection, network: str, pipe_ids: Numbers) -> Numbers:
    """Return how many buildings each of some pipes serves."""
    service = building_service.c
    rows = connection.execute(
        select(service.pipe_id, func.count())
        .where(service.network == network, service.pipe_id.is_not(None))
        .group_by(service.pipe_id)
    )
    counts = {row[0]: row[1] for row in rows}
    return np.array([counts.get(number, 0) for number in pipe_ids.tolist()], np.int64)
