"""Filling a table that was almost empty: its secondary indexes are made once at the end, not row by row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import sql
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, Table

from cim.db import driver

#: Rows below which keeping the indexes up costs less than making them anew.
WORTH = 20_000
#: A table is almost empty while what comes is this many times what it holds.
TIMES = 4

_SIZE = "SELECT count(*) FROM (SELECT FROM {} LIMIT %(most)s) AS first_rows"
# All but those that hold a constraint: keys are needed for references and to know rows again.
_SECONDARY = (
    "SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
    " WHERE i.indrelid = %(table)s::regclass AND NOT i.indisunique ORDER BY c.relname"
)


@contextmanager
def indexes_aside(connection: Connection, table: Table, rows: int) -> Iterator[bool]:
    """Take a table's secondary indexes away for a large load and make them again; yields whether they are away.

    They stay where the load is small, the table holds much already, or anybody else uses the table at this moment:
    the lock that it takes is not waited for. While it is held readers of the (almost empty) table wait for the load.

    Parameters
    ----------
    rows
        How many are about to be written.
    """
    definitions = _take_away(connection, table, rows) if rows >= WORTH else []
    yield bool(definitions)
    with driver(connection).cursor() as cursor:
        for definition in definitions:
            cursor.execute(definition.encode())


def _take_away(connection: Connection, table: Table, rows: int) -> list[str]:
    target = sql.Identifier("cim", table.name)
    with driver(connection).cursor() as cursor:
        most = rows // TIMES + 1
        cursor.execute(sql.SQL(_SIZE).format(target), {"most": most})
        if (cursor.fetchone() or (0,))[0] >= most:
            return []
        try:
            with driver(connection).transaction():
                cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE NOWAIT").format(target))
        except LockNotAvailable:
            return []
        cursor.execute(_SECONDARY, {"table": f"cim.{table.name}"})
        found = cursor.fetchall()
        for name, _ in found:
            cursor.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier("cim", name)))
    return [definition for _, definition in found]
