"""Statements that are compiled once: putting a large one together takes longer than many of them run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row
from sqlalchemy.dialects.postgresql.psycopg import dialect


class Prepared(NamedTuple):
    """SQL in the driver's form and the parameters that it always has."""

    sql: str
    parameters: dict[str, Any]


def compiled(statement: Any) -> Prepared:
    """Return a statement in the driver's form; parameters without a value are left to the caller."""
    made = statement.compile(dialect=dialect(), compile_kwargs={"render_postcompile": True})  # type: ignore[no-untyped-call]
    return Prepared(str(made), {key: value for key, value in made.params.items() if value is not None})


def run(connection: Connection, prepared: Prepared, parameters: Mapping[str, Any] | None = None) -> list[Row[Any]]:
    """Return the rows of a prepared statement."""
    return list(connection.exec_driver_sql(prepared.sql, prepared.parameters | dict(parameters or {})))


def plan_for_all_values(connection: Connection) -> None:
    """Let the server keep one plan of each statement for the rest of the transaction.

    For statements whose plan does not depend on the values: planning that of an inventory takes 10 ms, which the
    server would otherwise spend five times before it considers to keep one.
    """
    connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
