"""What must be shut so that a place goes dry, and what loses its source by it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cim.errors import InvalidInput, NotFound
from layers.networks.graph import Flags, Numbers
from layers.networks.segments import NONE, Plan
from layers.networks.start import Start
from layers.networks.supply import Barriers, Served, closed_today, served

#: Shutters that may be named as out of order, sources as out of service.
MAX_NAMED = 200


class Isolation(NamedTuple):
    """An isolation, all as numbers and flags of the plan.

    Attributes
    ----------
    isolated
        Nodes and edges that go dry because they lie between the shutters.
    close
        Shutters that hold; those that are closed already among them.
    ideal
        Shutters that would hold if every one could be worked.
    failed
        Shutters between that cannot be worked.
    barriers
        What nothing passes when all is shut.
    shadow
        What loses every source though it lies outside; None where the network has no known source.
    sources_inside
        Nodes that feed what is isolated: they must be shut themselves.
    """

    isolated: Served
    close: Numbers
    ideal: Numbers
    failed: Numbers
    barriers: Barriers
    shadow: Served | None
    sources_inside: Numbers

    def has_nothing_to_shut(self, plan: Plan) -> bool:
        """Tell whether all that is connected is isolated: no open shutter holds."""
        return bool(plan.segments.shutters.is_closed[self.close].all())


class Broken(NamedTuple):
    """Where it begins: segments, and shutters that are broken themselves."""

    segments: Numbers
    shutters: Flags


def broken_at(plan: Plan, start: Start) -> Broken:
    """Return where an isolation begins; raises NotFound for a node at which no pipe ends.

    A pipe that is named without a place on it is broken along all of its length.
    """
    graph, segments = plan.graph, plan.segments
    if start.layer == "pipe_nodes":
        number = graph.number(start.id)
        if number is None:
            raise NotFound(
                f"no pipe ends at the node '{start.source_key}' (id {start.id}): there is nothing to isolate",
                "node_without_pipes", id=start.id, key=start.source_key,
            )  # fmt: skip
        own, places, is_pipe = segments.node[[number]], np.array([number]), False
    else:
        places = _edges_at(plan, start)
        own, is_pipe = segments.edge[places], True
    shutters = segments.shutters
    hit = (shutters.is_pipe == is_pipe) & np.isin(shutters.place, places)
    beside = segments.touch[hit[segments.touch[:, 0]], 1]
    return Broken(np.unique(np.concatenate([own[own != NONE], beside])), hit)


def _edges_at(plan: Plan, start: Start) -> Numbers:
    graph = plan.graph
    own = np.flatnonzero(graph.pipe_ids == start.id)
    if not len(own):
        raise NotFound(
            f"the pipe '{start.source_key}' (id {start.id}) is joined to nothing",
            "pipe_joined_to_nothing", id=start.id, key=start.source_key,
        )  # fmt: skip
    if start.fraction is None or graph.pipes is None:
        return own
    begins, ends = graph.pipes.start_fraction[own], graph.pipes.end_fraction[own]
    there = own[(begins <= start.fraction) & (start.fraction <= ends)]
    return there[:1] if len(there) else own


def isolate_at(plan: Plan, broken: Broken, unusable: Flags, sources: Flags) -> Isolation:
    """Return what to shut around a place.

    Parameters
    ----------
    unusable
        Shutters that are named as out of order, open or closed.
    sources
        Nodes that feed the network.
    """
    segments, shutters = plan.segments, plan.segments.shutters
    faulty = np.array([fault is not None for fault in shutters.fault], bool) & ~shutters.is_closed
    weak = unusable | faulty | broken.shutters
    inside = segments.enclosed(broken.segments, weak)
    close = segments.borders(inside, weak)
    at_best = segments.enclosed(broken.segments, broken.shutters)
    isolated = _within(plan, inside)
    barriers = closed_today(plan) | Barriers(*isolated) | shut(plan, close)
    # A shutter that ends nowhere lets nothing through, in order or not.
    has_two_sides = np.bincount(segments.touch[:, 0], minlength=len(weak)) > 1
    failed = np.flatnonzero((unusable | faulty) & ~broken.shutters & segments.touched(inside) & has_two_sides)
    return Isolation(
        isolated, close, segments.borders(at_best, broken.shutters), failed, barriers,
        _shadow(plan, isolated, barriers, sources), np.flatnonzero(sources & isolated.nodes),
    )  # fmt: skip


def _within(plan: Plan, inside: Flags) -> Served:
    """Return the nodes and edges of some segments, with the shutters between them."""
    segments, shutters = plan.segments, plan.segments.shutters
    # The last one is that of shutters, which have no segment.
    known = np.append(inside, False)
    nodes, edges = known[segments.node], known[segments.edge]
    inner = segments.inner(inside)
    nodes[shutters.place[inner & ~shutters.is_pipe]] = True
    edges[shutters.place[inner & shutters.is_pipe]] = True
    return Served(nodes, edges)


def shut(plan: Plan, close: Numbers) -> Barriers:
    """Return the barriers that some shutters are when they are shut."""
    shutters = plan.segments.shutters
    nodes, edges = np.zeros(len(plan.graph.node_ids), bool), np.zeros(len(plan.graph.edge_ids), bool)
    nodes[shutters.place[close][~shutters.is_pipe[close]]] = True
    edges[shutters.place[close][shutters.is_pipe[close]]] = True
    return Barriers(nodes, edges)


def _shadow(plan: Plan, isolated: Served, barriers: Barriers, sources: Flags) -> Served | None:
    if not sources.any():
        return None
    before = served(plan, closed_today(plan), sources)
    after = served(plan, barriers, sources & ~isolated.nodes)
    return before.without(after).without(isolated)


def named_shutters(plan: Plan, names: tuple[str, ...], keys: dict[int, str]) -> Flags:
    """Return the shutters that are named by their id or key.

    Raises
    ------
    NotFound
        No shutter has this name.
    """
    found = np.zeros(len(plan.segments.shutters.ids), bool)
    for name, ids in _resolved(names, keys, "unusable", "valve or other shutter").items():
        hit = np.isin(plan.segments.shutters.ids, ids)
        if not hit.any():
            raise NotFound(
                f"unusable: '{name[:100]}' is no valve or other shutter of the network",
                "no_such_shutter", given=name[:100],
            )  # fmt: skip
        found |= hit
    return found


def known_sources(plan: Plan, without: tuple[str, ...], keys: dict[int, str]) -> Flags:
    """Return the nodes that feed the network, but for some that are out of service.

    Raises
    ------
    NotFound
        No source has this name.
    """
    sources = plan.devices.is_source.copy()
    for name, ids in _resolved(without, keys, "without", "source").items():
        hit = np.isin(plan.graph.node_ids, ids) & plan.devices.is_source
        if not hit.any():
            raise NotFound(f"without: '{name[:100]}' is no source of the network", "no_such_source", given=name[:100])
        sources &= ~hit
    return sources


def _resolved(names: tuple[str, ...], keys: dict[int, str], parameter: str, noun: str) -> dict[str, list[int]]:
    """Return the ids that are meant by each name, where ``keys`` are the owners' keys of what may be meant."""
    if len(names) > MAX_NAMED:
        raise InvalidInput(
            f"{parameter} names {len(names)}; {MAX_NAMED} are the most",
            "too_many", field=parameter, count=len(names), most=MAX_NAMED,
        )  # fmt: skip
    resolved = {}
    for name in names:
        form, _, rest = name.partition(":")
        form, said = (form, rest) if form in {"id", "key"} and rest else ("", name)
        by_id = [int(said)] if form != "key" and said.isdecimal() and len(said) < 19 and int(said) in keys else []
        by_key = [number for number, key in keys.items() if key == said] if form != "id" else []
        if by_id and by_key and by_id != by_key:
            raise InvalidInput(f"{parameter}: '{said[:100]}' is the id of one and the key of another; say id:{said} or "
                               f"key:{said}", "id_or_key", given=said[:100])  # fmt: skip
        if not by_id and not by_key:
            raise NotFound(
                f"{parameter}: the network has no {noun} '{said[:100]}'; give ids or keys",
                "not_in_network", field=parameter, given=said[:100],
            )  # fmt: skip
        resolved[name] = by_id or by_key
    return resolved
