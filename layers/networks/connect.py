"""After an import: edges of networks find the nodes at their ends, by the owner's keys or else by place."""

from __future__ import annotations

from typing import Any, NamedTuple

from psycopg import sql
from sqlalchemy import Connection

from cim.db import driver
from cim.importing import AfterImport
from cim.reports import Note

#: Degrees, about 0.1 m: ends and nodes that are closer are one.
SNAP_DEG = 1e-6
_EXAMPLES = 10


class Network(NamedTuple):
    """A table of edges, the table of their nodes, and whether rows belong to one of several networks."""

    edge: str
    node: str
    layers: frozenset[str]
    has_networks: bool


_NETWORKS = (
    Network("pipe", "pipe_node", frozenset({"pipes", "pipe_nodes"}), has_networks=True),
    Network("road", "road_node", frozenset({"roads", "road_nodes"}), has_networks=False),
)

#: An owner's key counts within the same dataset, else within the same network.
_BY_KEY = """
WITH found AS (
    SELECT DISTINCT ON (e.id) e.id, n.id AS node_id
    FROM {edge} e JOIN {node} n ON {same_key} {same_network}
    WHERE e.{key} IS NOT NULL
    ORDER BY e.id, (n.dataset_id IS NOT DISTINCT FROM e.dataset_id) DESC, n.id)
UPDATE {edge} e SET {end} = found.node_id FROM found
WHERE e.id = found.id AND e.{end} IS DISTINCT FROM found.node_id
"""
_BY_PLACE = """
WITH ends AS (
    SELECT e.id, e.dataset_id {network_column}, {point}(ST_GeometryN(e.geom, {part})) AS place
    FROM {edge} e WHERE e.{end} IS NULL AND e.{key} IS NULL),
found AS (
    SELECT ends.id, near.id AS node_id FROM ends CROSS JOIN LATERAL (
        SELECT n.id FROM {node} n
        WHERE n.geom && ST_Expand(ends.place, %(snap)s) AND ST_DWithin(n.geom, ends.place, %(snap)s) {same_place}
        ORDER BY ST_Distance(n.geom, ends.place), n.id LIMIT 1) near)
UPDATE {edge} e SET {end} = found.node_id FROM found WHERE e.id = found.id
"""
_CUT = """
UPDATE {edge} e SET {end} = NULL FROM {node} n
WHERE e.{end} = n.id AND e.{key} IS NOT NULL AND NOT ({same_key})
"""
_DANGLING = """
SELECT e.source_key, e.{key} FROM {edge} e
WHERE e.dataset_id = %(dataset)s AND e.{key} IS NOT NULL AND e.{end} IS NULL ORDER BY e.source_key
"""


def connect_after_import(connection: Connection, after: AfterImport) -> None:
    """Connect the networks that an import has touched, and note the ends that name no node.

    A node may come before its edges or after them, in another file of the same network. Ends that name a node which
    is nowhere are noted as ``dangling_pipe`` or ``dangling_road`` and stay in the model: the pipe is there in the
    ground, whatever its register says.
    """
    touched = {layer for layer, counts in after.result.layers.items() if counts.is_changed} | after.previous_layers
    for network in _NETWORKS:
        if network.layers & touched:
            for end, key, point, part in (
                ("from_node_id", "from_key", "ST_StartPoint", "1"),
                ("to_node_id", "to_key", "ST_EndPoint", "ST_NumGeometries(e.geom)"),
            ):
                names = _names(network, end, key, point, part)
                for statement in (_CUT, _BY_KEY, _BY_PLACE):
                    _run(connection, statement, names, {"snap": SNAP_DEG})
            _note_dangling(connection, after, network)


def _names(network: Network, end: str, key: str, point: str, part: str) -> dict[str, sql.Composable]:
    """Return the parts of the statements; all of them are constants of this module."""
    several = network.has_networks
    return {
        "edge": sql.Identifier("cim", network.edge),
        "node": sql.Identifier("cim", network.node),
        "end": sql.Identifier(end),
        "key": sql.Identifier(key),
        "point": sql.SQL(point),
        "part": sql.SQL(part),
        # A key that two networks of one file share has its network before it.
        "same_key": sql.SQL(
            "n.source_key IN (e.{key}, e.network || '/' || e.{key})" if several else "n.source_key = e.{key}"
        ).format(key=sql.Identifier(key)),
        "same_network": sql.SQL("AND n.network = e.network" if several else ""),
        "same_place": sql.SQL("AND n.network = ends.network" if several else ""),
        "network_column": sql.SQL(", e.network" if several else ""),
    }


def _note_dangling(connection: Connection, after: AfterImport, network: Network) -> None:
    for end, key in (("from_node_id", "from_key"), ("to_node_id", "to_key")):
        names = _names(network, end, key, "", "")
        rows = _run(connection, _DANGLING, names, {"dataset": after.dataset_id}, is_query=True)
        if rows:
            which = "start" if key == "from_key" else "end"
            shown = ", ".join(f"{edge} ({node})" for edge, node in rows[:_EXAMPLES])
            more = " ..." if len(rows) > _EXAMPLES else ""
            after.result.notes.append(
                Note(f"dangling_{network.edge}", f"{len(rows)} {which} at a node that is not there: {shown}{more}")
            )


def _run(
    connection: Connection,
    statement: str,
    names: dict[str, sql.Composable],
    parameters: dict[str, Any],
    *,
    is_query: bool = False,
) -> list[tuple[Any, ...]]:
    with driver(connection).cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(**names), parameters)
        return cursor.fetchall() if is_query else []
