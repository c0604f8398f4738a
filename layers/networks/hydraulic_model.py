"""A hydraulic model of EPANET made again from a network that came from one, for WNTR to compute."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, Row, select

from cim.tables import pipe, pipe_node
from layers.networks.not_available import NotAvailable
from layers.networks.segments import Plan
from layers.networks.supply import Barriers, Served, no_barriers, served

#: Nodes of the largest network that is computed while somebody waits.
MAX_NODES = 10_000
#: Roughness below this is no coefficient of Hazen and Williams.
_LEAST_COEFFICIENT = 20.0
_MM = 1000.0
_VALVES = ("PRV", "PSV", "PBV", "FCV", "TCV")
_FIXED = ("reservoir", "tank")


class Parts(NamedTuple):
    """What the model is made of; nodes and links in the order of the graph's nodes and edges.

    Attributes
    ----------
    near
        What is connected with the place, whatever is closed: only that is looked at.
    """

    nodes: list[Row[Any]]
    links: list[Row[Any]]
    near: Served


def read_parts(connection: Connection, network: str, plan: Plan, isolated: Served) -> Parts:
    """Read what the model around an isolated part is made of.

    Raises
    ------
    NotAvailable
        Something that a computation needs is not known.
    """
    near = _near(plan, isolated)
    if near.nodes.sum() > MAX_NODES:
        raise NotAvailable(f"the network has more than {MAX_NODES} connected nodes", "compute it with its own model")
    node, link = pipe_node.c, pipe.c
    nodes = connection.execute(
        select(node.id, node.kind, node.ground_height_m, node.attributes)
        .where(node.network == network)
        .order_by(node.id)
    ).all()
    links = connection.execute(
        select(link.id, link.kind, link.state, link.diameter_mm, link.length_m, link.from_node_id, link.to_node_id,
               link.attributes).where(link.network == network).order_by(link.id)
    ).all()  # fmt: skip
    known = np.array([row.id for row in nodes], np.int64)
    ways = np.array([row.id for row in links], np.int64)
    parts = Parts(
        [nodes[at] for at in np.searchsorted(known, plan.graph.node_ids).tolist()],
        [links[at] for at in np.searchsorted(ways, plan.graph.pipe_ids).tolist()],
        near,
    )
    _check(parts)
    return parts


def _near(plan: Plan, isolated: Served) -> Served:
    ends = isolated.nodes.copy()
    for side in (plan.graph.source[isolated.edges], plan.graph.target[isolated.edges]):
        ends[side[side < len(ends)]] = True
    return served(plan, no_barriers(plan), ends)


def _check(parts: Parts) -> None:
    nodes = [parts.nodes[number] for number in np.flatnonzero(parts.near.nodes).tolist()]
    if not any((row.attributes or {}).get("base_demand_m3_s") for row in nodes):
        raise NotAvailable("no node of the network has a demand", "import the EPANET model of the network (INP)")
    if not any(row.kind in _FIXED for row in nodes):
        raise NotAvailable("the network has neither a reservoir nor a tank", "import the EPANET model of the network")
    for number in np.flatnonzero(parts.near.edges).tolist():
        _check_link(parts.links[number], parts.links[number].attributes or {})


def _check_link(row: Row[Any], said: dict[str, Any]) -> None:
    if row.kind == "pump":
        if row.state != "closed" and not (said.get("pump_curve") or said.get("power_w")):
            raise NotAvailable(f"nothing says how the pump with the id {row.id} lifts",
                               "import the EPANET model with the curves or the power of its pumps")  # fmt: skip
    elif row.kind == "valve":
        if said.get("valve_type") not in _VALVES or row.diameter_mm is None:
            raise NotAvailable(
                f"nothing says how the valve with the id {row.id} works", "compute it with its own model"
            )
    elif row.diameter_mm is None or (said.get("roughness") or 0) < _LEAST_COEFFICIENT:
        raise NotAvailable(f"the pipe with the id {row.id} has no diameter, or no roughness of Hazen and Williams",
                           "import the EPANET model of the network, with Hazen-Williams")  # fmt: skip


def supplied(plan: Plan, parts: Parts, barriers: Barriers) -> Served:
    """Return what a reservoir or tank supplies, without nodes that are shut; pumps that are off let nothing through."""
    fixed = np.array([row.kind in _FIXED for row in parts.nodes], bool)
    off = np.array([row.kind == "pump" and row.state == "closed" for row in parts.links], bool)
    blocked = Barriers(barriers.nodes, barriers.edges | off)
    found = served(plan, blocked, fixed & parts.near.nodes & ~barriers.nodes)
    return Served(found.nodes & ~barriers.nodes, found.edges)


def model_of(parts: Parts, part: Served) -> Any:
    """Return the model of a part of the network; names are ids. A pipe to a node that is not in it ends there.

    Raises
    ------
    NotAvailable
        WNTR is not there.
    """
    try:
        # Slow to load and needed here only.
        from wntr.network import WaterNetworkModel
    except ImportError:
        raise NotAvailable("WNTR is not installed", "install the package 'wntr'") from None
    model = WaterNetworkModel()
    model.options.time.duration = 0
    model.options.hydraulic.headloss = "H-W"
    for number in np.flatnonzero(part.nodes).tolist():
        _add_node(model, parts.nodes[number])
    at = {row.id: number for number, row in enumerate(parts.nodes)}
    for number in np.flatnonzero(part.edges).tolist():
        row = parts.links[number]
        if row.kind == "pump" and row.state == "closed":
            continue
        ends = [_end(model, parts.nodes[at[end]], row, part.nodes[at[end]])
                for end in (row.from_node_id, row.to_node_id)]  # fmt: skip
        _add_link(model, row, *ends)
    return model


def _end(model: Any, node: Row[Any], link: Row[Any], is_there: bool) -> str:
    if is_there:
        return str(node.id)
    name = f"{node.id}_{link.id}"
    model.add_junction(name, base_demand=0.0, elevation=node.ground_height_m or 0.0)
    return name


def _add_node(model: Any, row: Row[Any]) -> None:
    said, name = row.attributes or {}, str(row.id)
    if row.kind == "reservoir":
        model.add_reservoir(name, base_head=said["head_m"])
    elif row.kind == "tank":
        model.add_tank(
            name, elevation=row.ground_height_m or 0.0, init_level=said["initial_level_m"],
            min_level=said.get("minimum_level_m", 0.0), max_level=said.get("maximum_level_m", said["initial_level_m"]),
            diameter=said.get("tank_diameter_m", 1.0),
        )  # fmt: skip
    else:
        model.add_junction(name, base_demand=said.get("base_demand_m3_s") or 0.0, elevation=row.ground_height_m or 0.0)


def _add_link(model: Any, row: Row[Any], start: str, end: str) -> None:
    said, name = row.attributes or {}, str(row.id)
    if row.kind == "pump":
        _add_pump(model, name, start, end, said)
    elif row.kind == "valve":
        kind = said["valve_type"]
        model.add_valve(name, start, end, diameter=row.diameter_mm / _MM, valve_type=kind,
                        initial_setting=said.get("setting") or 0.0, initial_status="ACTIVE")  # fmt: skip
    else:
        length = said.get("stated_length_m") or row.length_m
        model.add_pipe(name, start, end, length=length, diameter=row.diameter_mm / _MM, roughness=said["roughness"],
                       check_valve=bool(said.get("is_check_valve")))  # fmt: skip


def _add_pump(model: Any, name: str, start: str, end: str, said: dict[str, Any]) -> None:
    speed = said.get("speed") or 1.0
    if said.get("pump_curve"):
        model.add_curve(name, "HEAD", [tuple(point) for point in json.loads(said["pump_curve"])])
        model.add_pump(name, start, end, "HEAD", name, speed=speed)
    else:
        model.add_pump(name, start, end, "POWER", said["power_w"], speed=speed)
