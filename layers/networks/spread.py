"""How an outage spreads from network to network, until nothing more stops. What is out stays out, so it ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from layers.networks.dependence import POWER, Facility
from layers.networks.graph import Flags, Numbers
from layers.networks.segments import Plan
from layers.networks.supply import Barriers, Served, closed_today, no_barriers, served


@dataclass
class Standing:
    """A network on its way down: what holds, what feeds it, what is supplied, and what is out so far."""

    plan: Plan
    barriers: Barriers
    sources: Flags
    supplied: Served
    out: Served
    has_sources: bool = True


class Stopped(NamedTuple):
    """A facility that stops; ``link``: declared | building, ``because`` what of which network it is."""

    facility: Facility
    link: str
    because: str


class Wave(NamedTuple):
    """One step: what of a network goes out, and the facilities that stopped for it; ``after`` is an earlier wave."""

    number: int
    after: int | None
    network: str
    stopped: tuple[Stopped, ...]
    out: Served


@dataclass
class Spread:
    """Networks and what may stop in them.

    Attributes
    ----------
    unpowered
        Returns the buildings that a part of the network of power serves.
    """

    standings: dict[str, Standing]
    facilities: Sequence[Facility]
    unpowered: Callable[[Plan, Served], Mapping[int, str]]
    waves: list[Wave] = field(default_factory=list)
    stopped: set[tuple[str, bool, int]] = field(default_factory=set)

    def run(self, network: str, barriers: Barriers, sources: Flags, out: Served) -> list[Wave]:
        """Take a network down and follow what comes of it."""
        standing = self.standings[network]
        standing.barriers, standing.sources = barriers, sources
        self.waves.append(Wave(0, None, network, (), out))
        self._note(standing, out)
        waiting = deque([self.waves[0]])
        while waiting:
            wave = waiting.popleft()
            for name, stopped in sorted(self._next(wave).items()):
                after = Wave(len(self.waves), wave.number, name, tuple(stopped), self._stop(name, stopped))
                self.waves.append(after)
                waiting.append(after)
        return self.waves

    def _note(self, standing: Standing, out: Served) -> None:
        standing.supplied = standing.supplied.without(out)
        standing.out = Served(standing.out.nodes | out.nodes, standing.out.edges | out.edges)

    def _next(self, wave: Wave) -> dict[str, list[Stopped]]:
        """Return the facilities that stop because of a wave, by network."""
        plan = self.standings[wave.network].plan
        dead = {"pipe_nodes": set(plan.graph.node_ids[wave.out.nodes].tolist()),
                "pipes": set(plan.graph.pipe_ids[wave.out.edges].tolist())}  # fmt: skip
        dark = self.unpowered(plan, wave.out) if wave.network == POWER else {}
        found: dict[str, list[Stopped]] = {}
        for facility in self.facilities:
            if (facility.network, facility.is_edge, facility.place) in self.stopped:
                continue
            reason = _reason(facility, wave.network, dead, dark, self.standings)
            if reason is not None:
                self.stopped.add((facility.network, facility.is_edge, facility.place))
                found.setdefault(facility.network, []).append(Stopped(facility, *reason))
        return found

    def _stop(self, network: str, stopped: Sequence[Stopped]) -> Served:
        """Stop some facilities of a network; return what goes out in it, they themselves included."""
        standing = self.standings[network]
        halted = no_barriers(standing.plan)
        for entry in stopped:
            (halted.edges if entry.facility.is_edge else halted.nodes)[entry.facility.place] = True
        standing.barriers = standing.barriers | halted
        standing.sources = standing.sources & ~halted.nodes
        now = served(standing.plan, standing.barriers, standing.sources)
        out = standing.supplied.without(now)
        out = Served((out.nodes | halted.nodes) & ~standing.out.nodes, (out.edges | halted.edges) & ~standing.out.edges)
        if not standing.has_sources:
            out = Served(halted.nodes & ~standing.out.nodes, halted.edges & ~standing.out.edges)
        self._note(standing, out)
        return out


def standing_of(plan: Plan) -> Standing:
    """Return a network as it stands today."""
    barriers, sources = closed_today(plan), plan.devices.is_source
    return Standing(plan, barriers, sources, served(plan, barriers, sources), Served(*no_barriers(plan)),
                    bool(sources.any()))  # fmt: skip


def _reason(
    facility: Facility,
    network: str,
    dead: Mapping[str, set[int]],
    dark: Mapping[int, str],
    standings: Mapping[str, Standing],
) -> tuple[str, str] | None:
    """Return why a facility stops: the kind of link and what failed; None where it goes on.

    Where its owner names several feeds of one network it stops with the last of them.
    """
    feeds = [need for need in facility.needs if need[0] == network]
    if any(number in dead[layer] for _, layer, number in feeds):
        if all(_is_out(standings[network], layer, number) for _, layer, number in feeds):
            return "declared", f"{network}: its owner names what is out, id {', '.join(str(n[2]) for n in feeds)}"
        return None
    building = facility.building_id
    if building is not None and building in dark and not any(need[0] == POWER for need in facility.needs):
        return "building", f"{network}: the building {building} in which it stands is cut off ({dark[building]})"
    return None


def _is_out(standing: Standing, layer: str, number: int) -> bool:
    graph = standing.plan.graph
    if layer == "pipe_nodes":
        at = graph.number(number)
        return at is not None and bool(standing.out.nodes[at])
    return bool(standing.out.edges[graph.pipe_ids == number].any())


def hydrants(standing: Standing) -> tuple[Numbers, Numbers]:
    """Return the ids of hydrants that work still, and of those that are out."""
    is_hydrant, ids = standing.plan.devices.is_hydrant, standing.plan.graph.node_ids
    return ids[is_hydrant & standing.supplied.nodes], ids[is_hydrant & standing.out.nodes]


def outage(plan: Plan, barriers: Barriers, sources: Flags) -> Served:
    """Return what is supplied today and is not once something is shut."""
    before = served(plan, closed_today(plan), sources)
    after = served(plan, barriers, sources & ~barriers.nodes)
    out = before.without(after)
    # A valve that is shut is no outage, though nothing passes it.
    return Served(out.nodes & np.logical_not(barriers.nodes), out.edges)
