"""Isolating a burst: which valves to shut, what goes dry between them, and what loses its source beyond them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, select

from cim.access import Caller
from cim.tables import pipe, pipe_node
from layers.networks.consequences import Hydraulics, hydraulic_consequences
from layers.networks.cut_off import CutOff, counts_of, cut_off
from layers.networks.devices import is_plugged
from layers.networks.graph import Flags, Numbers
from layers.networks.isolation import Isolation, broken_at, isolate_at, known_sources, named_shutters
from layers.networks.named import require_network
from layers.networks.parts import among, nodes_of, pipes_of, shutters_of, totals, within_area
from layers.networks.segments import Plan, network_plan
from layers.networks.start import Start, find_start
from layers.networks.supply import Served
from layers.queries.note import Note, note
from layers.queries.receipt import make_receipt
from layers.queries.small_counts import sees_all, small_counts_note
from layers.queries.visible import visible_layers
from layers.said import require_limit

LIMIT = 1000
MAX_LIMIT = 20_000
#: Layers that an answer rests on.
RESTS_ON = ("pipes", "pipe_nodes", "buildings", "units", "resources")
#: The parts in the order in which a building is counted.
PARTS = ("isolated", "shadow")


class IsolateRequest(NamedTuple):
    """What is asked.

    Attributes
    ----------
    origin
        Id or key of a node or pipe, or 'lon,lat'.
    unusable
        Ids or keys of valves that cannot be worked.
    without
        Ids or keys of sources that are out of service.
    limit
        Bounds lists, never totals.
    """

    network: str
    origin: str
    unusable: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    limit: int = LIMIT
    with_geometry: bool = False
    hydraulics: Hydraulics | None = None


class Worked(NamedTuple):
    """An isolation that was worked out, with what it was asked by."""

    request: IsolateRequest
    plan: Plan
    start: Start
    sources: Flags
    unusable: Flags
    isolation: Isolation


def isolate(connection: Connection, request: IsolateRequest, caller: Caller) -> dict[str, Any]:
    """Return the valves to shut around a place, what is isolated, who is cut off, and a receipt.

    Raises
    ------
    InvalidInput
        A limit that is out of range, a place that is none, or a name of several objects.
    NotFound
        No such network, object, valve or source, or a place off the network.
    """
    work = work_out(connection, request, caller)
    served = cut_off(connection, work.plan, request.network, parts_of(work.isolation), caller)
    answer = {
        "network": request.network,
        "from": work.start._asdict(),
        "valves": _valves(connection, work, caller),
        "failed": _failed(connection, work, caller),
        "is_whole_part": work.isolation.has_nothing_to_shut(work.plan),
        "sources": _sources(connection, work, caller),
        "isolated": _part(connection, work, work.isolation.isolated, served, caller, 0),
        "shadow": None,
        "cut_off": counts_of(served) if served else None,
        "buildings": _buildings(served, request.limit),
        "critical": _critical(served, request.limit),
    }
    if work.isolation.shadow is not None:
        answer["shadow"] = _part(connection, work, work.isolation.shadow, served, caller, 1)
    if request.hydraulics is not None:
        answer["hydraulics"] = hydraulic_consequences(connection, work.plan, work.isolation, request.hydraulics,
                                                      request.network)  # fmt: skip
    answer["receipt"] = _receipt(connection, work, answer, served, caller)
    return answer


def work_out(connection: Connection, request: IsolateRequest, caller: Caller) -> Worked:
    """Return the isolation of one place; raises as :func:`isolate`."""
    require_limit(request.limit, MAX_LIMIT)
    require_network(connection, request.network, caller)
    start = find_start(connection, request.network, request.origin, caller)
    plan = network_plan(connection, request.network)
    sources = known_sources(plan, request.without, _source_keys(connection, plan, request.without))
    unusable = named_shutters(plan, request.unusable, shutter_keys(connection, plan, request.unusable))
    found = isolate_at(plan, broken_at(plan, start), unusable, sources)
    return Worked(request, plan, start, sources, unusable, found)


def parts_of(isolation: Isolation) -> list[Served]:
    """Return the parts that are cut off, what is isolated first."""
    return [isolation.isolated] if isolation.shadow is None else [isolation.isolated, isolation.shadow]


def shutter_keys(connection: Connection, plan: Plan, asked: Sequence[str]) -> dict[int, str]:
    """Return the keys of all shutters by id, where any is asked for."""
    if not asked:
        return {}
    shutters = plan.segments.shutters
    ids = np.unique(shutters.ids[~shutters.is_pipe]), np.unique(shutters.ids[shutters.is_pipe])
    return _keys(connection, pipe_node, ids[0]) | _keys(connection, pipe, ids[1])


def _source_keys(connection: Connection, plan: Plan, asked: Sequence[str]) -> dict[int, str]:
    return _keys(connection, pipe_node, plan.graph.node_ids[plan.devices.is_source]) if asked else {}


def _keys(connection: Connection, table: Any, ids: Numbers) -> dict[int, str]:
    rows = connection.execute(select(table.c.id, table.c.source_key).where(among(table.c.id, ids)))
    return {row.id: row.source_key for row in rows}


def _valves(connection: Connection, work: Worked, caller: Caller) -> list[dict[str, Any]]:
    """Return what is to be shut, the nearest first; of each whether it stands in for one that failed."""
    shutters, ideal = work.plan.segments.shutters, set(work.isolation.ideal.tolist())
    listed = shutters_of(connection, work.plan, work.isolation.close, caller, work.start)
    for entry in listed:
        number = entry.pop("number")
        is_plug = work.plan.devices.is_gravity and is_plugged(entry["kind"])
        entry["action"] = "keep_closed" if shutters.is_closed[number] else "plug" if is_plug else "close"
        entry["is_next_out"] = number not in ideal
    return listed


def _failed(connection: Connection, work: Worked, caller: Caller) -> list[dict[str, Any]]:
    """Return the shutters that should hold and do not, with the reason."""
    listed = shutters_of(connection, work.plan, work.isolation.failed, caller, work.start)
    for entry in listed:
        number = entry.pop("number")
        entry["reason"] = "named" if work.unusable[number] else entry["fault"]
    return listed


def _sources(connection: Connection, work: Worked, caller: Caller) -> dict[str, Any]:
    """Return how many sources are known, and those that must be shut because they lie inside."""
    inside = work.isolation.sources_inside
    flags = np.zeros(len(work.plan.graph.node_ids), bool)
    flags[inside] = True
    seen = within_area(connection, work.plan, Served(flags, np.zeros(len(work.plan.graph.edge_ids), bool)), caller)
    ids = work.plan.graph.node_ids[seen.nodes]
    return {
        "known": int(work.sources.sum()),
        "inside": len(inside),
        "to_shut": nodes_of(connection, ids, work.request.limit),
    }


def _part(
    connection: Connection, work: Worked, part: Served, served: CutOff | None, caller: Caller, number: int
) -> dict[str, Any]:
    """Return one part: totals, pipes, nodes, hydrants, and counts of whom it serves."""
    request, plan = work.request, work.plan
    seen = within_area(connection, plan, part, caller)
    sums = totals(plan, seen)
    hydrants = plan.graph.node_ids[seen.nodes & plan.devices.is_hydrant]
    return {
        "totals": sums,
        "served": counts_of(served, number) if served else None,
        "pipes": pipes_of(connection, plan, seen, request.limit, with_geometry=request.with_geometry),
        "nodes": nodes_of(connection, plan.graph.node_ids[seen.nodes], request.limit),
        "hydrants": nodes_of(connection, hydrants, request.limit),
        "truncated": max(sums["pipes"], sums["nodes"]) > request.limit,
    }


def _buildings(served: CutOff | None, limit: int) -> list[dict[str, Any]] | None:
    if served is None:
        return None
    names = ("id", "code", "name", "use", "storeys_above", "units", "rule")
    return [
        {name: row._mapping[name] for name in names if name != "units" or served.sees_units}
        | {"part": PARTS[row.part]}
        for row in served.buildings[:limit]
    ]  # fmt: skip


def _critical(served: CutOff | None, limit: int) -> list[dict[str, Any]] | None:
    if served is None:
        return None
    hidden = {"dataset_id", "part"}
    return [
        {name: value for name, value in entry.items() if name not in hidden} | {"part": PARTS[entry["part"]]}
        for entry in served.critical[:limit]
    ]


def _receipt(
    connection: Connection, work: Worked, answer: dict[str, Any], served: CutOff | None, caller: Caller
) -> dict[str, Any]:
    request, isolation = work.request, work.isolation
    layers = visible_layers(connection, caller, list(RESTS_ON))
    parts = parts_of(isolation)
    edges = np.logical_or.reduce([part.edges for part in parts])
    assert work.plan.graph.pipes is not None
    datasets = set(np.unique(work.plan.graph.pipes.dataset[edges]).tolist()) - {-1}
    counts = {"pipes": len(np.unique(work.plan.graph.pipe_ids[edges])),
              "pipe_nodes": int(np.logical_or.reduce([part.nodes for part in parts]).sum())}  # fmt: skip
    if served is not None:
        datasets |= {row.dataset_id for row in served.buildings} | {entry["dataset_id"] for entry in served.critical}
        all_counts = counts_of(served)
        counts |= {"buildings": all_counts["buildings"], "units": all_counts["units"] or 0,
                   "resources": len(served.critical)}  # fmt: skip
    parameters = {
        "network": request.network, "from": request.origin, "object": work.start.id, "layer": work.start.layer,
        "unusable": list(request.unusable), "without": list(request.without), "limit": request.limit,
        "area": caller.area_code,
    }  # fmt: skip
    return make_receipt(connection, layers, counts, datasets - {None}, parameters, notes(work, answer, caller))


def notes(work: Worked, answer: dict[str, Any], caller: Caller) -> list[Note]:
    """Return what one must know to read the answer."""
    told = _manner(work.plan.devices.is_gravity)
    if not work.sources.any():
        message = "the network has no known source: what loses its supply beyond the valves cannot be told"
        told.append(note("no_sources", message, "supply"))
    if answer["is_whole_part"]:
        inside = answer["sources"]["inside"]
        message = "no open valve lies around the place: all that is connected with it is isolated, and its sources"
        told.append(note("no_valves", f"{message} ({inside}) must be shut", sources=inside))
    if work.start.layer == "pipes" and work.start.fraction is None:
        told.append(note("whole_pipe", "nobody says where on the pipe it is broken: all of it is taken for broken"))
    hidden = len(work.isolation.close) - len(answer["valves"])
    if hidden:
        message = f"{hidden} of the valves to shut lie outside of your area: ask for the whole district"
        told.append(note("area", message, "valves", valves=hidden))
    return told if sees_all(caller) else [*told, small_counts_note()]


def _manner(is_gravity: bool) -> list[Note]:
    """Return how it was worked out."""
    told = [
        note("lengths", "lengths are geodesic, of pipes as drawn, in metres; volumes from diameters, cubic metres",
             "volumes"),
        note("closed", "valves that are closed already hold, and are to be kept closed", "kept"),
        note("supply", "sewers and drains are served as long as water finds its way down to an outlet", "gravity")
        if is_gravity else
        note("supply", "what is joined to a source by any open way is supplied; tanks count as sources as long as they "
             "hold water", "pressure"),
        note("nearest", "buildings whose rule is 'nearest' are taken for served by their nearest pipe"),
    ]  # fmt: skip
    if is_gravity:
        told.append(note("plugs", "sewers and drains without gates are plugged at manholes"))
    return told
