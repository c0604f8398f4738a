"""What stops next when something breaks: pumps, zones of supply, hospitals, fire cover, sewers, across networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection

from cim.access import OPEN_CALLER, Caller
from cim.errors import InvalidInput
from layers.networks.cut_off import counts_of, cut_off, is_hospital
from layers.networks.dependence import POWER, Facility, coverage, read_facilities
from layers.networks.fire_cover import COVER_M, lost_cover
from layers.networks.isolate import LIMIT, MAX_LIMIT, IsolateRequest, shutter_keys, work_out
from layers.networks.isolation import named_shutters, shut
from layers.networks.named import require_network
from layers.networks.parts import nodes_of, totals, within_area
from layers.networks.pipes import networks_of
from layers.networks.segments import Plan, network_plan
from layers.networks.spread import Spread, Stopped, Wave, hydrants, outage, standing_of
from layers.networks.supply import Served, closed_today
from layers.queries.note import Note, note
from layers.queries.receipt import make_receipt
from layers.queries.visible import visible_layers
from layers.said import require_limit

RESTS_ON = ("pipes", "pipe_nodes", "buildings", "units", "resources")


class CascadeRequest(NamedTuple):
    """What is asked: a burst at ``origin`` that is isolated, or ``valves`` that are shut (ids or keys)."""

    network: str
    origin: str | None = None
    valves: tuple[str, ...] = ()
    unusable: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    limit: int = LIMIT


def cascade(connection: Connection, request: CascadeRequest, caller: Caller) -> dict[str, Any]:
    """Return what stops, step by step, each with its reason and the layers that it rests on, and a receipt.

    Raises
    ------
    InvalidInput, NotFound
        As :func:`layers.networks.isolate.isolate`; both or neither of a place and valves.
    """
    if (request.origin is None) == (not request.valves):
        raise InvalidInput("say either from, where something breaks, or valves, what is shut", "from_or_valves")
    require_limit(request.limit, MAX_LIMIT)
    require_network(connection, request.network, caller)
    barriers, out, start, sources = _begin(connection, request, caller)
    plans = {name: network_plan(connection, name) for name in networks_of(connection)}
    plans = {name: plan for name, plan in plans.items() if len(plan.graph.edge_ids)}
    facilities = read_facilities(connection, plans)

    def unpowered(plan: Plan, part: Served) -> Mapping[int, str]:
        # Links between networks do not end at the border of the caller's area; what is told does.
        found = cut_off(connection, plan, POWER, [part], OPEN_CALLER)
        return {row.id: row.rule for row in found.buildings} if found else {}

    spread = Spread({name: standing_of(plan) for name, plan in plans.items()}, facilities, unpowered)
    waves = spread.run(request.network, barriers, sources, out)
    steps = [step for wave in waves for step in _steps(connection, spread, wave, request.limit, caller)]
    steps += _fire_cover(connection, spread, waves, request.limit, caller)
    for number, step in enumerate(steps):
        step["step"] = number
    return {
        "network": request.network,
        "from": start,
        "steps": steps,
        "out": _whole(connection, spread, caller),
        "links": coverage(facilities, sorted(plans)),
        "receipt": _receipt(connection, request, spread, waves, steps, caller),
    }


def _begin(connection: Connection, request: CascadeRequest, caller: Caller) -> Any:
    """Return what is shut at first, what that puts out, where it is, and what feeds the network."""
    if request.origin is not None:
        asked = IsolateRequest(request.network, request.origin, request.unusable, request.without)
        work = work_out(connection, asked, caller)
        isolated, shadow = work.isolation.isolated, work.isolation.shadow
        out = isolated if shadow is None else Served(isolated.nodes | shadow.nodes, isolated.edges | shadow.edges)
        return work.isolation.barriers, out, work.start._asdict(), work.sources & ~isolated.nodes
    plan = network_plan(connection, request.network)
    named = named_shutters(plan, request.valves, shutter_keys(connection, plan, request.valves))
    barriers = closed_today(plan) | shut(plan, np.flatnonzero(named))
    sources = plan.devices.is_source
    return barriers, outage(plan, barriers, sources), None, sources & ~barriers.nodes


def _steps(connection: Connection, spread: Spread, wave: Wave, limit: int, caller: Caller) -> list[dict[str, Any]]:
    """Return the steps of a wave: what stopped, what goes out by it, whom that serves, hospitals among them."""
    plan, steps = spread.standings[wave.network].plan, []
    about = {"round": wave.number, "after": wave.after, "network": wave.network}
    if wave.stopped:
        steps.append(about | _stopped(wave.stopped, limit, caller))
    seen = within_area(connection, plan, wave.out, caller)
    is_gravity = plan.devices.is_gravity
    began, reason = ("shut", "shut off") if wave.after is None else ("stopped", "its pumps or sources stopped")
    steps.append(about | {
        "what": "backs_up" if is_gravity else "zone_without_supply", "count": int(seen.nodes.sum()),
        "reason": f"{reason}: no way {'down to an outlet' if is_gravity else 'to a source that works'} is left",
        "reason_code": f"{began}_no_{'outlet' if is_gravity else 'source'}",
        "rests_on": ["pipes", "pipe_nodes"], "totals": totals(plan, seen),
        "objects": nodes_of(connection, plan.graph.node_ids[seen.nodes], limit),
    })  # fmt: skip
    return steps + _served(connection, plan, wave, about, limit, caller)


def _stopped(stopped: tuple[Stopped, ...], limit: int, caller: Caller) -> dict[str, Any]:
    shown = [entry for entry in stopped if _is_seen(entry.facility, caller)]
    links = sorted({entry.link for entry in stopped})
    rests_on = ["pipe_nodes", "pipes"] + (["buildings"] if "building" in links else [])
    return {
        "what": "facilities_stop", "count": len(shown), "reason": "what they need is out",
        "reason_code": "needs_out", "links": links, "rests_on": rests_on,
        "objects": [entry.facility.shown | {"link": entry.link, "because": entry.because} for entry in shown[:limit]],
    }  # fmt: skip


def _is_seen(facility: Facility, caller: Caller) -> bool:
    code = caller.area_code
    return code is None or facility.area_code is None or facility.area_code.startswith(code)


def _served(
    connection: Connection, plan: Plan, wave: Wave, about: dict[str, Any], limit: int, caller: Caller
) -> list[dict[str, Any]]:
    found = cut_off(connection, plan, wave.network, [wave.out], caller)
    if found is None or not found.buildings:
        return []
    counts = counts_of(found)
    steps = [about | {
        "what": "buildings", "count": counts["buildings"], "served": counts,
        "reason": f"{wave.network} serves them through what is out", "reason_code": "served_through",
        "rests_on": ["buildings", "pipes", "units"],
        "objects": [{"id": row.id, "code": row.code, "name": row.name, "link": row.rule}
                    for row in found.buildings[:limit]],
    }]  # fmt: skip
    hospitals = [entry for entry in found.critical if is_hospital(entry["kind"])]
    for what, listed in (("hospitals", hospitals), ("critical", [e for e in found.critical if e not in hospitals])):
        if listed:
            shown = [{name: entry[name] for name in ("id", "name", "kind", "building_id")} for entry in listed[:limit]]
            steps.append(about | {
                "what": what, "count": len(listed), "reason": f"their buildings have no {wave.network}",
                "reason_code": "buildings_out", "rests_on": ["resources", "buildings", "pipes"], "objects": shown,
            })  # fmt: skip
    return steps


def _fire_cover(
    connection: Connection, spread: Spread, waves: list[Wave], limit: int, caller: Caller
) -> list[dict[str, Any]]:
    """Return the hydrants that stopped, and the buildings that no hydrant covers any more."""
    steps = []
    for network in sorted({wave.network for wave in waves}):
        standing = spread.standings[network]
        working, dead = hydrants(standing)
        if not len(dead):
            continue
        last = [wave for wave in waves if wave.network == network][-1]
        about = {"round": last.number, "after": last.after, "network": network}
        seen = within_area(connection, standing.plan, standing.out, caller)
        shown = standing.plan.graph.node_ids[seen.nodes & standing.plan.devices.is_hydrant]
        steps.append(about | {
            "what": "hydrants", "count": len(shown), "reason": "they stand on what is out",
            "reason_code": "stand_on", "rests_on": ["pipe_nodes"], "objects": nodes_of(connection, shown, limit),
        })  # fmt: skip
        if visible_layers(connection, caller, ["buildings"]):
            lost = lost_cover(connection, network, working, dead, caller)
            steps.append(about | {
                "what": "fire_cover", "count": len(lost), "cover_m": COVER_M,
                "reason": f"no hydrant that works is within {COVER_M:g} m of them in a straight line any more",
                "reason_code": "no_hydrant", "rests_on": ["pipe_nodes", "buildings"],
                "objects": [{"id": row.id, "code": row.code, "name": row.name} for row in lost[:limit]],
            })  # fmt: skip
    return steps


def _whole(connection: Connection, spread: Spread, caller: Caller) -> list[dict[str, Any]]:
    """Return the totals of what is out in each network at the end."""
    return [
        {"network": name} | totals(standing.plan, within_area(connection, standing.plan, standing.out, caller))
        for name, standing in sorted(spread.standings.items())
        if standing.out.nodes.any() or standing.out.edges.any()
    ]


def _receipt(
    connection: Connection,
    request: CascadeRequest,
    spread: Spread,
    waves: list[Wave],
    steps: list[dict[str, Any]],
    caller: Caller,
) -> dict[str, Any]:
    counts = {"pipes": 0, "pipe_nodes": 0, "buildings": 0, "resources": 0}
    datasets: set[int] = set()
    for wave in waves:
        graph = spread.standings[wave.network].plan.graph
        assert graph.pipes is not None
        counts["pipes"] += len(np.unique(graph.pipe_ids[wave.out.edges]))
        counts["pipe_nodes"] += int(wave.out.nodes.sum())
        datasets |= set(np.unique(graph.pipes.dataset[wave.out.edges]).tolist())
    for step in steps:
        layer = {"buildings": "buildings", "hospitals": "resources", "critical": "resources"}.get(step["what"])
        if layer:
            counts[layer] += step["count"]
    parameters = {
        "network": request.network, "from": request.origin, "valves": list(request.valves),
        "unusable": list(request.unusable), "without": list(request.without), "limit": request.limit,
        "area": caller.area_code,
    }  # fmt: skip
    layers = visible_layers(connection, caller, list(RESTS_ON))
    return make_receipt(connection, layers, counts, datasets - {-1}, parameters, _notes(spread))


def _notes(spread: Spread) -> list[Note]:
    notes = [
        note("links", "'declared': its owner names what feeds it; 'building': it stands in a building "
                      "that loses its power, which is an assumption; what has no link is not guessed"),
        note("reserves", "batteries, generators and what tanks hold are not counted"),
        note("fire_cover", "the radius is that of GB 50974-2014, 7.2.5"),
    ]  # fmt: skip
    if POWER not in spread.standings:
        notes.append(note("no_power", "the model has no network 'power': nothing is told of its outages"))
    unfed = [name for name, standing in sorted(spread.standings.items()) if not standing.has_sources]
    if unfed:
        message = f"no source or outlet is known of: {', '.join(unfed)}"
        notes.append(note("no_sources", message, "networks", networks=unfed))
    return notes
