"""What is wrong or doubtful in a network: found with its topology, told in the import's report, and listed later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import shapely
from sqlalchemy import ColumnElement, Connection, Select, delete, false, func, or_, select

from cim.access import Caller
from cim.db import copy_rows
from cim.importing import AfterImport
from cim.reports import Note
from cim.tables import GEOGRAPHIC_SRID, metadata, network_finding
from layers.queries.visible import visible_layers
from layers.sources.batch import as_json

#: kind -> what it means, in the order of a report
KINDS = {
    "dangling_pipe": "ends at a node that is not there",
    "dangling_road": "ends at a node that is not there",
    "loose_end": "ends where there is neither a node nor another line",
    "end_off_node": "is drawn away from the node that it names",
    "crossing": "crosses another at the same height without a node",
    "duplicate_pipe": "lies where another lies",
    "duplicate_road": "lies where another lies",
    "duplicate_node": "stands where another stands",
    "orphan_node": "no line ends at it and it lies on none",
    "zero_length": "has no length",
    "against_fall": "is drawn up its fall: water flows the other way",
}
_EXAMPLES = 10


@dataclass(frozen=True)
class Finding:
    """One finding about one object; ``place`` is longitude and latitude, ``facts`` are for machines."""

    kind: str
    layer_id: str
    object_id: int
    source_key: str
    dataset_id: int | None
    detail: str
    place: tuple[float, float] | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def replace_findings(connection: Connection, network: str, findings: Iterable[Finding]) -> None:
    """Make the findings of a network those of its newest topology."""
    connection.execute(delete(network_finding).where(network_finding.c.network == network))
    columns = ("network", "kind", "layer_id", "object_id", "source_key", "dataset_id", "detail", "facts", "geom")
    copy_rows(connection, "network_finding", columns, (_row(network, finding) for finding in findings))


def _row(network: str, finding: Finding) -> tuple[Any, ...]:
    point = None
    if finding.place is not None:
        point = shapely.to_wkb(
            shapely.set_srid(shapely.Point(finding.place), GEOGRAPHIC_SRID), hex=True, include_srid=True
        )
    return (network, finding.kind, finding.layer_id, finding.object_id, finding.source_key, finding.dataset_id,
            finding.detail, as_json(finding.facts), point)  # fmt: skip


def note_findings(after: AfterImport, network: str, findings: Sequence[Finding]) -> None:
    """Tell the report of an import what was found about its own objects, one note a kind."""
    own = [finding for finding in findings if finding.dataset_id == after.dataset_id]
    for kind in KINDS:
        found = [finding for finding in own if finding.kind == kind]
        if found:
            shown = ", ".join(f"{finding.source_key} ({finding.detail})" for finding in found[:_EXAMPLES])
            more = " ..." if len(found) > _EXAMPLES else ""
            after.result.notes.append(Note(kind, f"{network}: {len(found)} x {KINDS[kind]}: {shown}{more}"))


def summarise(connection: Connection, caller: Caller, network: str | None = None) -> list[dict[str, Any]]:
    """Return how many findings of each kind every network has."""
    statement = (
        select(network_finding.c.network, network_finding.c.kind, func.count().label("count"))
        .where(*_conditions(connection, caller, network, None))
        .group_by(network_finding.c.network, network_finding.c.kind)
        .order_by(network_finding.c.network, network_finding.c.kind)
    )
    return [
        {"network": row.network, "kind": row.kind, "means": KINDS.get(row.kind, ""), "count": row._mapping["count"]}
        for row in connection.execute(statement)
    ]


def find_findings(
    connection: Connection, caller: Caller, network: str | None = None, kind: str | None = None, limit: int = 10_000
) -> list[dict[str, Any]]:
    """Return the findings themselves, by network, kind and key."""
    columns = [column for column in network_finding.c if column.name not in {"id", "geom", "facts"}]
    place = [func.ST_X(network_finding.c.geom).label("longitude"), func.ST_Y(network_finding.c.geom).label("latitude")]
    statement: Select[Any] = (
        select(*columns, *place, network_finding.c.facts)
        .where(*_conditions(connection, caller, network, kind))
        .order_by(network_finding.c.network, network_finding.c.kind, network_finding.c.source_key)
        .limit(limit)
    )
    return [dict(row) for row in connection.execute(statement).mappings()]


def _conditions(
    connection: Connection, caller: Caller, network: str | None, kind: str | None
) -> list[ColumnElement[bool]]:
    """Return the conditions that keep a caller to the layers and the area that it may see."""
    table = network_finding.c
    layers = visible_layers(connection, caller)
    conditions: list[ColumnElement[bool]] = [table.layer_id.in_([entry.id for entry in layers])]
    if network is not None:
        conditions.append(table.network == network)
    if kind is not None:
        conditions.append(table.kind == kind)
    if caller.area_code is not None:
        conditions.append(or_(false(), *(_in_area_of(name, caller.area_code) for name in _TABLES)))
    return conditions


_TABLES = ("pipe", "pipe_node", "road", "road_node")


def _in_area_of(name: str, area_code: str) -> ColumnElement[bool]:
    table = metadata.tables[f"cim.{name}"]
    return (
        select(table.c.id)
        .where(
            table.c.id == network_finding.c.object_id,
            or_(table.c.area_code.is_(None), func.starts_with(table.c.area_code, area_code)),
        )
        .exists()
    )
