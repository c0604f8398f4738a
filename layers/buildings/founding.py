"""The short way of a first delivery: footprints that no other source can mean become buildings as they are written.

A dataset's first version brings many rows that meet nothing the model knows. Matching would find that out row by row,
and then write each of them a second time; here they are told from the others set by set, and building and evidence
are written once. What is left takes the way through ``layers.buildings.merge``.
"""

from __future__ import annotations

from sqlalchemy import Connection, func, select, text

from cim.bulk import indexes_aside
from cim.db import driver
from cim.tables import building, building_source, terrain
from cim.tables.buildings import MERGED
from layers.buildings.rules import rules
from layers.sql import statement


def found_buildings(connection: Connection, dataset_id: int, staged: int) -> int:
    """Turn staged rows of a dataset's first version into buildings where nothing else speaks of them.

    Parameters
    ----------
    staged
        How many rows ``stage_building_source`` holds.

    Returns
    -------
    int
        Rows that are in the model now, with their buildings; the table ``merge_founder`` names them.
    """
    _prepare(connection)
    if not staged or not _is_first(connection, dataset_id):
        return 0
    await_turn(connection)
    any_terrain = select(terrain.c.id)
    known = select(any_terrain.exists(), any_terrain.where(terrain.c.kind == "dsm").exists())
    has_terrain, has_surface = connection.execute(known).one()
    connection.execute(statement("found_choose"), {"has_terrain": has_terrain, "has_surface": has_surface})
    _analyze(connection, "ANALYZE merge_founder")
    count = int(connection.execute(text("SELECT count(*) FROM merge_founder")).scalar_one())
    if not count:
        return 0
    with indexes_aside(connection, building, count):
        believed = {rule.field for rule in rules() if rule.kind == "footprint"}
        values = {"dataset": dataset_id, "disbelieved": [name for name in MERGED if name not in believed]}
        connection.execute(statement("found_buildings"), values)
    with indexes_aside(connection, building_source, count):
        connection.execute(statement("found_sources"), {"dataset": dataset_id})
    # what queries of this transaction and the next minutes are planned by; texts can wait for the daemon
    _analyze(connection, "ANALYZE cim.building (id, layer_id, dataset_id, source_key, code, use, geom, geom_3857)")
    return count


def await_turn(connection: Connection) -> None:
    """Let one import at a time make buildings: two workers must not both make the one that their files share."""
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("cim.buildings.merge"))))


def _prepare(connection: Connection) -> None:
    connection.exec_driver_sql("DROP TABLE IF EXISTS pg_temp.merge_founder")


def _is_first(connection: Connection, dataset_id: int) -> bool:
    """Tell whether the dataset has nothing in the model yet."""
    known = [
        select(building_source.c.id).where(building_source.c.dataset_id == dataset_id).exists(),
        select(building.c.id).where(building.c.dataset_id == dataset_id).exists(),
    ]
    return not any(connection.execute(select(condition)).scalar_one() for condition in known)


def _analyze(connection: Connection, command: str) -> None:
    with driver(connection).cursor() as cursor:
        cursor.execute(command.encode())
