"""The merged record of a building: of each field the value of the source that the rules prefer."""

from __future__ import annotations

from sqlalchemy import Connection

from cim.db import copy_rows, driver
from layers.buildings.rules import Rule, rules
from layers.sql import statement


def stage_rules(connection: Connection) -> None:
    """Put the rules where the statements of the merge read them."""
    copy_rows(connection, "merge_rule", Rule._fields, rules())


def make_records(connection: Connection) -> None:
    """Fill ``merge_record`` for every building in ``merge_affected`` or newly made."""
    for name, filled in (
        ("merge_members", "merge_member"),
        ("merge_claims", "merge_claim"),
        ("merge_won", "merge_won"),
    ):
        connection.execute(statement(name))
        analyze(connection, filled)
    for name in ("merge_reopen", "merge_records", "merge_settled", "merge_keys"):
        connection.execute(statement(name))
    analyze(connection, "merge_record")


def write_records(connection: Connection) -> tuple[int, int, int]:
    """Write the records; return how many buildings were added, changed and removed."""
    added = connection.execute(statement("merge_insert")).rowcount
    changed = sum(connection.execute(statement(name)).rowcount for name in ("merge_update", "merge_reshape"))
    connection.execute(statement("merge_sources"))
    removed = connection.execute(statement("merge_remove")).rowcount
    connection.execute(statement("merge_conflicts"))
    return added, changed, removed


def analyze(connection: Connection, *tables: str) -> None:
    """Tell the planner how large temporary tables have become."""
    from psycopg import sql

    with driver(connection).cursor() as cursor:
        for table in tables:
            cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier("pg_temp", table)))
