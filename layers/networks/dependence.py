"""What a pump, station or plant of one network needs of another: as its owner says, else by its building."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection

from layers.networks.segments import Plan
from layers.sql import statement

POWER = "power"


class Facility(NamedTuple):
    """Something that may stop.

    Attributes
    ----------
    place
        Number of its node, or of its edge where ``is_edge``.
    needs
        (network, 'pipe_nodes' or 'pipes', id) of what its owner names; all that share a key.
    unknown
        Keys that its owner names and that are nowhere.
    building_id
        In which it stands.
    """

    network: str
    is_edge: bool
    place: int
    id: int
    shown: dict[str, Any]
    area_code: str | None
    needs: tuple[tuple[str, str, int], ...]
    unknown: tuple[str, ...]
    building_id: int | None


def read_facilities(connection: Connection, plans: Mapping[str, Plan]) -> list[Facility]:
    """Return the pumps, stations and plants of some networks, and whatever names what it needs."""
    found = [entry for name, plan in plans.items() for entry in _candidates(name, plan)]
    keys = _known_keys(connection, [need for entry in found for need in entry.needs])
    values = {"node_ids": [entry.id for entry in found if not entry.is_edge],
              "pipe_ids": [entry.id for entry in found if entry.is_edge]}  # fmt: skip
    rows = {row.id: row for row in connection.execute(statement("cascade_facilities"), values)}
    names = ("id", "source_key", "name", "kind", "longitude", "latitude")
    facilities = []
    for entry in found:
        row = rows[entry.id]
        shown = {"layer": "pipes" if entry.is_edge else "pipe_nodes"} | {name: row._mapping[name] for name in names}
        needs = tuple(place for need in entry.needs for place in keys.get(need, ()))
        unknown = tuple("/".join(need) for need in entry.needs if need not in keys)
        building_id = row.building_id if entry.is_powered else None
        facilities.append(Facility(entry.network, entry.is_edge, entry.place, entry.id, shown, row.area_code, needs,
                                   unknown, building_id))  # fmt: skip
    return facilities


class _Candidate(NamedTuple):
    network: str
    is_edge: bool
    place: int
    id: int
    needs: tuple[tuple[str, str], ...]
    is_powered: bool


def _candidates(network: str, plan: Plan) -> list[_Candidate]:
    graph, devices = plan.graph, plan.devices
    sides = (
        (False, graph.node_ids, devices.is_powered & (network != POWER), devices.power_key, devices.need_key),
        (
            True,
            graph.pipe_ids,
            devices.is_edge_pump & (network != POWER),
            devices.edge_power_key,
            devices.edge_need_key,
        ),
    )
    found = []
    for is_edge, ids, is_powered, power, need in sides:
        says = np.array([a is not None or b is not None for a, b in zip(power, need, strict=True)], bool)
        for number in np.flatnonzero(is_powered | says).tolist():
            needs = _needs(power[number], need[number])
            found.append(_Candidate(network, is_edge, number, int(ids[number]), needs, bool(is_powered[number])))
    return found


def _needs(power: str | None, need: str | None) -> tuple[tuple[str, str], ...]:
    """Return network and key of what is needed; several are separated by commas."""
    found = [(POWER, key.strip()) for key in (power or "").split(",") if key.strip()]
    for text in (need or "").split(","):
        network, _, key = text.strip().partition("/")
        if network and key:
            found.append((network, key))
    return tuple(found)


def _known_keys(
    connection: Connection, needs: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], list[tuple[str, str, int]]]:
    known: dict[tuple[str, str], list[tuple[str, str, int]]] = {}
    for network in sorted({name for name, _ in needs}):
        keys = sorted({key for name, key in needs if name == network})
        for row in connection.execute(statement("cascade_keys"), {"network": network, "keys": keys}):
            known.setdefault((network, row.source_key), []).append((network, row.layer, row.id))
    return known


def coverage(facilities: Sequence[Facility], networks: Sequence[str]) -> list[dict[str, Any]]:
    """Return, for each network, how many of its facilities are linked with power, and how."""
    has_power = POWER in networks
    told = []
    for network in networks:
        own = [entry for entry in facilities if entry.network == network]
        declared = sum(bool(entry.needs) for entry in own)
        by_building = sum(not entry.needs and entry.building_id is not None for entry in own) if has_power else 0
        told.append({
            "network": network,
            "facilities": len(own),
            "declared": declared,
            "by_building": by_building,
            "unlinked": len(own) - declared - by_building,
            "unknown_keys": sum(len(entry.unknown) for entry in own),
            "state": "data" if declared or by_building else "no_data",
        })  # fmt: skip
    return told
