"""Looking a network over: what is wrong or doubtful in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Row

from layers.networks import checks
from layers.networks.findings import Finding
from layers.networks.graph import MISSING, UNKNOWN, Edges, Metres, Numbers
from layers.networks.network import Network

#: An end may be drawn so far from the node that it names.
OFF_NODE_M = 1.0
#: A loose end is told what lies within.
_NEAR_M = 5.0
_ZERO_M = 0.01
#: Devices, not pipes: they may have no length.
_DEVICES = frozenset({"pump", "valve", "orifice", "weir", "outlet"})


def look_over(network: Network, edges: Edges, tolerance_m: float, what: str = "pipe") -> list[Finding]:
    """Return the findings of a network.

    Parameters
    ----------
    what
        pipe | road; the dead end of a road is told only where something is near that it may have been meant to reach.
    """
    if not network.lines:
        return list(_orphans(network, edges))
    level = np.array([row.layer_number or 0 for row in network.lines], np.int64) if what == "road" else None
    return [
        *_dangling(network, f"dangling_{what}"),
        *(finding for finding in _loose(network, edges) if what == "pipe" or finding.facts["near"]),
        *_off_node(network, max(OFF_NODE_M, tolerance_m)),
        *_crossings(network, level),
        *_duplicates(network, f"duplicate_{what}"),
        *_same_nodes(network, tolerance_m),
        *_orphans(network, edges),
        *_without_length(network),
        *_against_fall(network),
    ]


def _about(network: Network, row: Row[Any], kind: str, detail: str, xy: Metres | None, **facts: Any) -> Finding:
    place = network.degrees(np.atleast_2d(xy))[0] if xy is not None else None
    return Finding(kind, row.layer_id, row.id, row.source_key, row.dataset_id, detail, place, facts)


def _ends(network: Network) -> tuple[Metres, Metres]:
    """Return the places of the first and last points of all pipes."""
    shapes = network.shapes
    last = shapely.get_geometry(shapes, shapely.get_num_geometries(shapes) - 1)
    return (
        shapely.get_coordinates(shapely.get_point(shapely.get_geometry(shapes, 0), 0)),
        shapely.get_coordinates(shapely.get_point(last, -1)),
    )


def _sides(network: Network) -> Iterator[tuple[str, str, Numbers, Numbers, Metres]]:
    """Yield (side, column of its key, node by key, node, place) for both sides."""
    starts, ends = _ends(network)
    yield "start", "from_key", network.keyed[0], network.graph.start, starts
    yield "end", "to_key", network.keyed[1], network.graph.end, ends


def _dangling(network: Network, kind: str) -> Iterator[Finding]:
    for side, column, _, node, xy in _sides(network):
        for number in np.flatnonzero(node == MISSING):
            row = network.lines[number]
            key = getattr(row, column)
            yield _about(network, row, kind, key, xy[number], side=side, key=key)


def _loose(network: Network, edges: Edges) -> Iterator[Finding]:
    """Yield ends at a made node where no other line is, with what lies near: it may have been meant."""
    degree = np.bincount(
        np.concatenate([edges.source, edges.target]).clip(min=-1) + 1, minlength=len(network.all_xy) + 1
    )[1:]
    is_made = np.array([row.origin == "topology" for row in network.nodes] + [True] * len(network.graph.new_xy), bool)
    owned = np.flatnonzero(~is_made)
    tree = shapely.STRtree(np.asarray(shapely.points(network.all_xy[owned]), object)) if len(owned) else None
    lines = shapely.STRtree(network.shapes)
    for side, _, keyed, node, xy in _sides(network):
        for number in np.flatnonzero((keyed == UNKNOWN) & (node >= 0)):
            if not is_made[node[number]] or degree[node[number]] != 1:
                continue
            row, point = network.lines[number], shapely.Point(xy[number])
            near = (
                [f"node {network.nodes[owned[k]].source_key}" for k in tree.query(point, "dwithin", _NEAR_M)]
                if tree
                else []
            )
            near += [
                f"line {network.lines[k].source_key}"
                for k in sorted(lines.query(point, "dwithin", _NEAR_M).tolist())
                if k != number
            ]
            detail = f"{side}; within {_NEAR_M:g} m: {', '.join(near[:3]) or 'nothing'}"
            yield _about(network, row, "loose_end", detail, xy[number], side=side, near=near[:10])


def _off_node(network: Network, tolerance_m: float) -> Iterator[Finding]:
    for side, column, keyed, _, xy in _sides(network):
        lines, distance = checks.off_node(xy, keyed, network.node_xy, keyed >= 0, tolerance_m)
        for number, metres in zip(lines.tolist(), distance.tolist(), strict=True):
            row = network.lines[number]
            detail = f"{side} is {metres:.1f} m from {getattr(row, column)}"
            yield _about(network, row, "end_off_node", detail, xy[number], side=side, distance_m=round(metres, 3))


def _crossings(network: Network, level: Numbers | None) -> Iterator[Finding]:
    graph = network.graph
    nodes = _nodes_of_lines(network)
    found = checks.crossings(network.shapes, np.column_stack([graph.start, graph.end]), nodes, level)
    for line, other, xy, clearance in zip(*found, strict=True):
        row, with_row = network.lines[line], network.lines[other]
        apart = "heights unknown" if np.isnan(clearance) else f"{clearance:.2f} m apart in height"
        yield _about(
            network, row, "crossing", f"{with_row.source_key}, {apart}", xy, other_id=with_row.id,
            clearance_m=None if np.isnan(clearance) else round(float(clearance), 3),
        )  # fmt: skip


def _nodes_of_lines(network: Network) -> dict[int, set[int]]:
    """Return the nodes at which each line is cut."""
    found: dict[int, set[int]] = {}
    for line, node in zip(network.graph.cut_line.tolist(), network.graph.cut_node.tolist(), strict=True):
        found.setdefault(line, set()).add(node)
    return found


def _duplicates(network: Network, kind: str) -> Iterator[Finding]:
    first = checks.same_lines(network.shapes)
    for number in np.flatnonzero(first >= 0):
        row, same = network.lines[number], network.lines[first[number]]
        place = shapely.get_coordinates(network.shapes[number])[0]
        yield _about(network, row, kind, f"as {same.source_key}", place, other_id=same.id)


def _same_nodes(network: Network, tolerance_m: float) -> Iterator[Finding]:
    owned = np.array([n for n, row in enumerate(network.nodes) if row.origin == "source"], np.int64)
    first = checks.same_places(network.node_xy[owned], tolerance_m)
    for number in np.flatnonzero(first >= 0):
        row, same = network.nodes[owned[number]], network.nodes[owned[first[number]]]
        place = network.node_xy[owned[number]]
        yield _about(network, row, "duplicate_node", f"as {same.source_key}", place, other_id=same.id)


def _orphans(network: Network, edges: Edges) -> Iterator[Finding]:
    used = set(edges.source.tolist()) | set(edges.target.tolist())
    for number, row in enumerate(network.nodes):
        if row.origin == "source" and number not in used:
            yield _about(network, row, "orphan_node", row.kind or "node", network.node_xy[number])


def _without_length(network: Network) -> Iterator[Finding]:
    for row, shape in zip(network.lines, network.shapes, strict=True):
        if (row.length_m or 0.0) < _ZERO_M and getattr(row, "kind", None) not in _DEVICES:
            detail = f"{row.length_m or 0:.3f} m"
            yield _about(network, row, "zero_length", detail, shapely.get_coordinates(shape)[0])


def _against_fall(network: Network) -> Iterator[Finding]:
    direction = network.direction
    if direction is None:
        return
    for number in np.flatnonzero(direction.is_reversed & (direction.source == "invert_levels")):
        row = network.lines[number]
        start, end = row.start_invert_level_m, row.end_invert_level_m
        detail = "levels of its nodes" if start is None or end is None else f"{start:.2f} m to {end:.2f} m"
        yield _about(network, row, "against_fall", detail, shapely.get_coordinates(network.shapes[number])[0])
