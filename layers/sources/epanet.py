"""EPANET models, read by WNTR, which converts every unit system of EPANET 2.2 to SI."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import shapely

from cim.errors import InvalidFile
from layers.sources.inp_sections import read_sections
from layers.sources.inp_table import InpTable, Point, line_between

FORMAT = "EPANET INP"


def read_epanet(path: Path) -> list[InpTable]:
    """Return nodes and links; raises InvalidFile."""
    # Slow to load and needed for this format only.
    from wntr.epanet.io import InpFile

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = InpFile().read(str(path))
    except Exception as error:
        raise InvalidFile(f"the file cannot be read as an EPANET model: {error}") from None
    # WNTR places nodes without coordinates at (0, 0).
    placed = {line.words[0] for line in read_sections(path, {"COORDINATES"}).get("COORDINATES", ()) if line.words}
    nodes = InpTable("pipe_nodes", "point")
    for name, node in model.nodes():
        shape = shapely.Point(node.coordinates) if name in placed else None
        nodes.add(f"node {name}", _node(name, node), shape)
    links = InpTable("pipes", "line")
    for name, link in model.links():
        start, end = (_place(end, placed) for end in (link.start_node, link.end_node))
        links.add(f"link {name}", _link(name, link), line_between(start, list(link.vertices), end))
    return [nodes, links]


def _place(node: Any, placed: set[str]) -> Point | None:
    return node.coordinates if node.name in placed else None


def _node(name: str, node: Any) -> dict[str, Any]:
    kind = node.node_type.lower()
    record: dict[str, Any] = {"id": name, "kind": kind, "tag": node.tag}
    if kind == "reservoir":
        return record | {"head_m": node.base_head}
    record["elevation_m"] = node.elevation
    if kind == "tank":
        return record | {
            "initial_level_m": node.init_level,
            "minimum_level_m": node.min_level,
            "maximum_level_m": node.max_level,
            "tank_diameter_m": node.diameter,
        }
    return record | {"base_demand_m3_s": node.base_demand}


def _link(name: str, link: Any) -> dict[str, Any]:
    kind = link.link_type.lower()
    record: dict[str, Any] = {
        "id": name,
        "from": link.start_node_name,
        "to": link.end_node_name,
        "link_type": kind,
        "status": str(link.initial_status).rsplit(".", 1)[-1].lower(),
        "tag": link.tag,
    }
    if kind == "pump":
        return record | _pump(link)
    record["diameter_mm"] = link.diameter * 1000
    if kind == "valve":
        return record | {"valve_type": link.valve_type, "setting": link.initial_setting}
    return record | {
        "stated_length_m": link.length,
        "roughness": link.roughness,
        "is_check_valve": bool(link.check_valve),
    }


def _pump(link: Any) -> dict[str, Any]:
    """Return what a pump gives: a constant power (W), or the points of its curve (m3/s, m) as JSON text."""
    record: dict[str, Any] = {"pump_type": link.pump_type.lower(), "speed": link.base_speed}
    if record["pump_type"] == "power":
        return record | {"power_w": link.power}
    curve = link.get_pump_curve()
    # An attribute of a record is one value.
    points = None if curve is None else json.dumps([[float(x), float(y)] for x, y in curve.points])
    return record | {"pump_curve": points}
