"""Isolations at one time: what only all of them together cut off, and valves that one shuts and another wants open."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection

from cim.access import Caller
from cim.errors import InvalidInput
from layers.networks.cut_off import counts_of, cut_off
from layers.networks.graph import Flags, Numbers
from layers.networks.isolate import LIMIT, RESTS_ON, IsolateRequest, Worked, parts_of, work_out
from layers.networks.isolation import shut
from layers.networks.parts import pipes_of, shutters_of, totals, within_area
from layers.networks.segments import Plan
from layers.networks.supply import Barriers, Served, closed_today, served
from layers.queries.note import note
from layers.queries.receipt import make_receipt
from layers.queries.visible import visible_layers

MOST = 10
#: Valves that are tried one by one, of all pairs of isolations together.
MOST_TRIED = 200


class Starts(NamedTuple):
    """Isolations that are asked for together."""

    network: str
    requests: tuple[IsolateRequest, ...]
    limit: int = LIMIT


def parse_starts(network: str, document: Any) -> Starts:
    """Return the isolations of a document {"starts": [{"from", "unusable", "without"}, ...], "limit"}.

    Raises
    ------
    InvalidInput
    """
    starts = document.get("starts") if isinstance(document, dict) else None
    if not isinstance(starts, list) or not 2 <= len(starts) <= MOST:
        raise InvalidInput(f"starts: give a list of 2 to {MOST} objects with 'from', and perhaps 'unusable', 'without'")
    limit = document.get("limit", LIMIT)
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise InvalidInput("limit: a whole number is right")
    return Starts(network, tuple(_request(network, number, entry, limit) for number, entry in enumerate(starts)), limit)


def _request(network: str, number: int, entry: Any, limit: int) -> IsolateRequest:
    if not isinstance(entry, dict) or not isinstance(entry.get("from"), str) or len(entry["from"]) > 200:
        raise InvalidInput(f"starts.{number}: an object with 'from' is right, an id or key or 'longitude,latitude'")
    named = {name: _names(entry.get(name, []), f"starts.{number}.{name}") for name in ("unusable", "without")}
    return IsolateRequest(network, entry["from"], named["unusable"], named["without"], limit)


def _names(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str | int) for name in value):
        raise InvalidInput(f"{where}: a list of ids or keys is right")
    return tuple(str(name) for name in value)


def conflicts(connection: Connection, starts: Starts, caller: Caller) -> dict[str, Any]:
    """Return each isolation in short, what they cut off only together, valves that conflict, and a receipt.

    Raises
    ------
    InvalidInput, NotFound
        As :func:`layers.networks.isolate.isolate`.
    """
    works = [work_out(connection, request, caller) for request in starts.requests]
    plan, sources = works[0].plan, np.logical_and.reduce([work.sources for work in works])
    together = only_together(plan, works, sources)
    seen = None if together is None else within_area(connection, plan, together, caller)
    found = None if seen is None else cut_off(connection, plan, starts.network, [seen], caller)
    answer = {
        "network": starts.network,
        "isolations": [_short(connection, work, caller) for work in works],
        "only_together": None if seen is None else {
            "totals": totals(plan, seen),
            "served": counts_of(found) if found else None,
            "buildings": [{"id": row.id, "code": row.code, "name": row.name} for row in found.buildings[:starts.limit]]
            if found else None,
            "pipes": pipes_of(connection, plan, seen, starts.limit),
        },
        "valves": _clashes(connection, plan, works, sources, caller),
    }  # fmt: skip
    answer["receipt"] = _receipt(connection, starts, works, seen, found, caller)
    return answer


def only_together(plan: Plan, works: Sequence[Worked], sources: Flags) -> Served | None:
    """Return what keeps a source under each isolation alone and loses it under all; None without a known source."""
    if not sources.any():
        return None
    before = served(plan, closed_today(plan), sources)
    all_isolated = np.logical_or.reduce([work.isolation.isolated.nodes for work in works])
    barriers = works[0].isolation.barriers
    for work in works[1:]:
        barriers = barriers | work.isolation.barriers
    lost = before.without(served(plan, barriers, sources & ~all_isolated))
    for work in works:
        for part in _alone(plan, work, before, sources):
            lost = lost.without(part)
    # A valve is shut, not cut off.
    return Served(lost.nodes & ~barriers.nodes, lost.edges)


def _alone(plan: Plan, work: Worked, before: Served, sources: Flags) -> tuple[Served, Served]:
    """Return what an isolation cuts off alone: what it isolates and its shadow."""
    after = served(plan, work.isolation.barriers, sources & ~work.isolation.isolated.nodes)
    return work.isolation.isolated, before.without(after)


def _short(connection: Connection, work: Worked, caller: Caller) -> dict[str, Any]:
    valves = shutters_of(connection, work.plan, work.isolation.close, caller, work.start)
    names = ("id", "layer", "source_key", "kind", "state", "longitude", "latitude", "distance_m")
    parts = parts_of(work.isolation)
    return {
        "from": work.start._asdict(),
        "valves": [{name: entry[name] for name in names} for entry in valves],
        "isolated": totals(work.plan, within_area(connection, work.plan, parts[0], caller)),
        "shadow": totals(work.plan, within_area(connection, work.plan, parts[1], caller)) if len(parts) > 1 else None,
    }


def _clashes(
    connection: Connection, plan: Plan, works: Sequence[Worked], sources: Flags, caller: Caller
) -> list[dict[str, Any]]:
    """Return valves that one isolation shuts and another wants open, with what shutting them adds to the other."""
    listed, left = [], MOST_TRIED
    for (one, shuts), (other, wants) in permutations(list(enumerate(works)), 2):
        tried = np.setdiff1d(shuts.isolation.close, wants.isolation.close)[:left]
        left -= len(tried)
        wanted = {
            number: lost for number in tried.tolist() if (lost := wanted_open(plan, number, shuts, wants, sources))
        }
        for entry in shutters_of(connection, plan, np.array(list(wanted), np.int64), caller):
            number = entry.pop("number")
            names = ("id", "layer", "source_key", "kind", "state", "longitude", "latitude")
            listed.append({name: entry[name] for name in names}
                          | {"shut_by": one, "wanted_open_by": other, "edges_lost": wanted[number]})  # fmt: skip
    return listed


def wanted_open(plan: Plan, number: int, shuts: Worked, wants: Worked, sources: Flags) -> int:
    """Return how many edges lose their source when a valve is shut beside an isolation, but for what shuts it."""
    if not sources.any() or plan.segments.shutters.is_closed[number]:
        return 0
    own = sources & ~wants.isolation.isolated.nodes
    barriers = wants.isolation.barriers
    alone = served(plan, barriers, own)
    also: Barriers = barriers | shut(plan, np.array([number], np.int64))
    lost = alone.without(served(plan, also, own))
    aside = shuts.isolation.isolated.edges
    if shuts.isolation.shadow is not None:
        aside = aside | shuts.isolation.shadow.edges
    return int((lost.edges & ~aside).sum())


def _receipt(
    connection: Connection, starts: Starts, works: Sequence[Worked], seen: Served | None, found: Any, caller: Caller
) -> dict[str, Any]:
    graph = works[0].plan.graph
    assert graph.pipes is not None
    edges = np.logical_or.reduce([work.isolation.isolated.edges for work in works])
    counts = {"pipes": _count(graph.pipe_ids[edges if seen is None else edges | seen.edges]),
              "pipe_nodes": 0 if seen is None else int(seen.nodes.sum()),
              "buildings": len(found.buildings) if found else 0}  # fmt: skip
    datasets = set(np.unique(graph.pipes.dataset[edges]).tolist()) - {-1}
    parameters = {
        "network": starts.network,
        "starts": [{"from": r.origin, "unusable": list(r.unusable), "without": list(r.without)}
                   for r in starts.requests],
        "limit": starts.limit, "area": caller.area_code,
    }  # fmt: skip
    notes = [note("together", "cut off only together: keeps a source under each isolation alone")]
    layers = visible_layers(connection, caller, list(RESTS_ON))
    return make_receipt(connection, layers, counts, datasets, parameters, notes)


def _count(ids: Numbers) -> int:
    return len(np.unique(ids))
