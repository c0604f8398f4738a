"""What the nodes and pipes of a network are: shutters, sources, pumps, hydrants, customers, and in what state."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Float, Row, case, cast, func, select

from cim.tables import pipe, pipe_node
from layers.networks.direction import GRAVITY
from layers.networks.flow_graph import FlowGraph
from layers.networks.graph import Flags, Metres, Numbers

Words = NDArray[np.object_]

#: Kinds that shut what passes them; a network of power has switches.
_SHUTTERS = ("valve", "gate_valve", "butterfly_valve", "ball_valve", "plug_valve", "stop_valve", "shutoff_valve",
             "shut_off_valve", "isolation_valve", "section_valve", "line_valve", "shtff_valve", "sluice_valve", "gate",
             "penstock", "switch", "breaker", "circuit_breaker", "disconnector", "load_switch", "fuse")  # fmt: skip
#: A sewer without gates is plugged at its manholes.
_PLUGGED = ("manhole", "circ_manhole", "rect_manhole", "out_manhole", "chamber", "inspection_chamber")
_SOURCES = ("plant", "reservoir", "tank", "source", "well", "waterwell", "waterworks", "etap", "treatment_plant",
            "gate_station", "city_gate", "storage", "generator", "substation", "transformer_station", "boiler_house",
            "heat_plant")  # fmt: skip
#: Sources where nothing flows into them: a station at the border of a network feeds it, one inside passes on.
_FIRST = ("station", "pump")
_OUTLETS = ("outfall", "outlet", "plant", "wwtp", "treatment_plant")
_PUMPS = ("pump", "booster", "pumping_station", "pump_station", "lift_station")
#: What stands still without power, if its owner says nothing.
_POWERED = (*_PUMPS, "plant", "waterworks", "treatment_plant", "etap", "wwtp", "waterwell", "well", "boiler_house",
            "heat_plant")  # fmt: skip
_HYDRANTS = ("hydrant", "fire_hydrant")
_CUSTOMERS = ("connection", "meter", "service", "house_connection", "water_connection")
#: EPANET's valves that regulate; they are no shutters.
_REGULATING = ("PRV", "PSV", "PBV", "FCV", "GPV")
#: States of a device that cannot be worked.
_BROKEN = ("broken", "stuck", "seized", "failed", "faulty", "defective", "out_of_order", "inoperable", "故障", "损坏",
           "失灵", "卡死", "锈死", "坏")  # fmt: skip
#: Where a register says whether one can get at a device, and how it says no.
_ACCESS = ("access", "accessible", "可操作", "是否可操作", "可达", "是否可达", "可达性")
_NO_ACCESS = ("no", "false", "0", "inaccessible", "blocked", "buried", "paved_over", "flooded", "否", "不可", "不可达",
              "不可操作", "掩埋", "埋没", "压占")  # fmt: skip
#: Where a register names what feeds a device with power: a key of the network of power.
_POWER = ("powered_by", "power_source", "供电", "供电来源", "供电编码", "供电节点")
#: Where a register names what else a device needs: 'network/key'.
_NEED = ("depends_on", "依赖", "依赖设施")
_KIND = ("nodecat_id",)
_BETWEEN = re.compile(r"[^0-9a-z\u4e00-\u9fff]+")


class Devices(NamedTuple):
    """What is known of each node and edge of a graph.

    Attributes
    ----------
    is_shutter, is_source, is_pump, is_hydrant, is_customer
        Of each node. In sewers and drains a source is an outlet: what water must get to.
    is_edge_shutter
        Of each edge: valves that are links, and pipes that are closed.
    is_edge_pump
        Of each edge.
    is_powered
        Nodes, that stop without power.
    node_fault, edge_fault
        None, 'broken' or 'inaccessible'.
    power_key, need_key, edge_power_key, edge_need_key
        What feeds it with power, and what else it needs ('network/key'), as its owner says.
    demand_m3_s
        Of each node; NaN where nobody says.
    diameter_mm
        Of each edge; NaN where unknown.
    """

    is_gravity: bool
    is_shutter: Flags
    is_source: Flags
    is_pump: Flags
    is_hydrant: Flags
    is_customer: Flags
    is_edge_shutter: Flags
    is_edge_pump: Flags
    is_powered: Flags
    node_fault: Words
    edge_fault: Words
    power_key: Words
    need_key: Words
    edge_power_key: Words
    edge_need_key: Words
    demand_m3_s: Metres
    diameter_mm: Metres


def read_devices(connection: Connection, network: str, graph: FlowGraph) -> Devices:
    """Read what the nodes and pipes of a network are."""
    nodes = connection.execute(
        select(pipe_node.c.id, func.coalesce(pipe_node.c.kind, *_attributes(pipe_node, _KIND)).label("kind"),
               pipe_node.c.state, *_facts(pipe_node), _number(pipe_node, "base_demand_m3_s").label("demand"))
        .where(pipe_node.c.network == network)
        .order_by(pipe_node.c.id)
    ).all()  # fmt: skip
    pipes = connection.execute(
        select(pipe.c.id, pipe.c.kind, pipe.c.state, *_facts(pipe), pipe.c.diameter_mm,
               pipe.c.attributes["valve_type"].astext.label("valve_type"))
        .where(pipe.c.network == network)
        .order_by(pipe.c.id)
    ).all()  # fmt: skip
    here = _rows_of(list(nodes), graph.node_ids)
    ways = _rows_of(list(pipes), graph.pipe_ids)
    return _devices(network in GRAVITY, graph, here, ways)


def _devices(is_gravity: bool, graph: FlowGraph, nodes: list[Row[Any]], pipes: list[Row[Any]]) -> Devices:
    kinds = [plain(row.kind) for row in nodes]
    shutters = _SHUTTERS + _PLUGGED if is_gravity else _SHUTTERS
    is_first = ~np.isin(np.arange(len(nodes)), graph.target)
    sources = _of(kinds, _OUTLETS) if is_gravity else _of(kinds, _SOURCES) | (_of(kinds, _FIRST) & is_first)
    demand = np.array([row.demand for row in nodes], float)
    return Devices(
        is_gravity,
        _of(kinds, shutters) | graph.is_closed,
        sources,
        _of(kinds, _PUMPS),
        _of(kinds, _HYDRANTS),
        _of(kinds, _CUSTOMERS) | (demand > 0),
        np.array([_is_valve(row) for row in pipes], bool) | graph.is_shut,
        _of([plain(row.kind) for row in pipes], _PUMPS),
        _of(kinds, _POWERED),
        _faults(nodes),
        _faults(pipes),
        _column([row.power for row in nodes]),
        _column([row.need for row in nodes]),
        _column([row.power for row in pipes]),
        _column([row.need for row in pipes]),
        demand,
        np.array([row.diameter_mm for row in pipes], float),
    )


def plain(kind: str | None) -> str:
    """Return a word in small letters, with one underscore for whatever stands between."""
    return _BETWEEN.sub("_", (kind or "").lower()).strip("_")


def is_plugged(kind: str | None) -> bool:
    """Tell whether a node of a sewer is a place for a plug, and no gate."""
    return bool(_of([plain(kind)], _PLUGGED)[0])


def _of(kinds: list[str], words: tuple[str, ...]) -> Flags:
    """Tell which kinds are one of some words, or such a word with a size behind it."""
    pattern = re.compile(f"(?:{'|'.join(words)})(?:_?[0-9].*)?")
    found = {kind: pattern.fullmatch(kind) is not None for kind in set(kinds)}
    return np.array([found[kind] for kind in kinds], bool)


def _is_valve(row: Row[Any]) -> bool:
    return plain(row.kind) == "valve" and (row.valve_type or "").upper() not in _REGULATING


def _faults(rows: list[Row[Any]]) -> Words:
    return _column([_fault(row) for row in rows])


def _fault(row: Row[Any]) -> str | None:
    if plain(row.state) in _BROKEN:
        return "broken"
    return "inaccessible" if plain(row.access) in _NO_ACCESS else None


def _rows_of(rows: list[Any], ids: Numbers) -> list[Row[Any]]:
    """Return the row of each id; all of them are there."""
    at = np.searchsorted(np.array([row.id for row in rows], np.int64), ids)
    return [rows[number] for number in at.tolist()]


def _facts(table: Any) -> list[Any]:
    return [func.coalesce(*_attributes(table, _ACCESS)).label("access"),
            func.coalesce(*_attributes(table, _POWER)).label("power"),
            func.coalesce(*_attributes(table, _NEED)).label("need")]  # fmt: skip


def _attributes(table: Any, names: tuple[str, ...]) -> list[Any]:
    return [table.c.attributes[name].astext for name in names]


def _number(table: Any, name: str) -> Any:
    """Return an attribute where it is a number of JSON."""
    value = table.c.attributes[name]
    return case((func.jsonb_typeof(value) == "number", cast(value.astext, Float)))


def _column(values: list[str | None]) -> Words:
    column: Words = np.empty(len(values), object)
    column[:] = values
    return column
