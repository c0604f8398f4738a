"""Engines for the command (sync) and the service (async), and the one function that runs a statement."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson
from psycopg import AsyncConnection
from psycopg import Connection as DriverConnection
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from cim import cluster
from cim.errors import DatabaseUnavailable, InvalidSetting
from cim.settings import Settings

SEARCH_PATH = "cim,public"


def database_url(settings: Settings) -> str:
    """Return the SQLAlchemy address of the database, starting the private cluster where that is the one meant."""
    if settings.database_url is None:
        return cluster.ensure_running(settings.home).url
    try:
        url = make_url(settings.database_url)
    except Exception:
        raise InvalidSetting("CIM_DATABASE_URL is not an address like postgresql://user@host/database") from None
    if url.get_backend_name() != "postgresql":
        raise InvalidSetting(f"CIM_DATABASE_URL names a '{url.get_backend_name()}' database; PostGIS is needed")
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def driver_url(url: str) -> str:
    """Return the address in libpq's form, for psycopg and procrastinate."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def make_engine(url: str, *, pool_size: int = 4, statement_timeout_s: float | None = None) -> Engine:
    """Return a synchronous engine whose sessions see the schema and speak UTC."""
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=4,
        pool_pre_ping=True,
        json_deserializer=orjson.loads,
        connect_args={"options": _options(statement_timeout_s), "connect_timeout": 10},
    )
    event.listen(engine, "handle_error", _hide_connection_errors)
    return engine


def make_async_engine(url: str, *, pool_size: int = 8, statement_timeout_s: float = 30.0) -> AsyncEngine:
    """Return an asynchronous engine for the service; every statement has a time limit."""
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
        json_deserializer=orjson.loads,
        connect_args={"options": _options(statement_timeout_s), "connect_timeout": 10},
    )
    event.listen(engine.sync_engine, "handle_error", _hide_connection_errors)
    return engine


def make_read_pool(
    url: str,
    *,
    size: int,
    statement_timeout_s: float,
    prepare: Callable[[AsyncConnection[Any]], Awaitable[None]] | None = None,
) -> AsyncConnectionPool[AsyncConnection[Any]]:
    """Return connections of the driver itself, not opened yet, for single prepared reads that are to cost little.

    Parameters
    ----------
    prepare
        Is called with each new connection before anybody has it.
    """
    return AsyncConnectionPool(
        driver_url(url),
        min_size=1,
        max_size=size,
        kwargs={"autocommit": True, "options": _options(statement_timeout_s), "connect_timeout": 10},
        timeout=10,
        configure=prepare,
        open=False,
    )


def driver(connection: Connection) -> DriverConnection[Any]:
    """Return psycopg's own connection, for COPY; it shares the transaction."""
    raw = connection.connection.dbapi_connection
    if not isinstance(raw, DriverConnection):
        raise TypeError("the engine does not use psycopg")
    return raw


def copy_rows(
    connection: Connection, table: str, columns: Sequence[str], rows: Any, *, types: Sequence[str] = ()
) -> int:
    """COPY rows into a table of the current transaction and return how many there were.

    Parameters
    ----------
    table
        An unqualified name in the search path (a staging table, usually).
    rows
        An iterable of tuples; geometries as hexadecimal (E)WKB, JSON as text.
    """
    from psycopg import sql

    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    count = 0
    with driver(connection).cursor() as cursor, cursor.copy(statement) as copy:
        if types:
            copy.set_types(types)
        for row in rows:
            copy.write_row(row)
            count += 1
    return count


def notify(connection: Connection, message: Mapping[str, Any]) -> None:
    """Tell all listeners of ``cim_live``, when the transaction commits."""
    from sqlalchemy import func, select

    connection.execute(select(func.pg_notify("cim_live", orjson.dumps(message).decode())))


def _options(statement_timeout_s: float | None) -> str:
    words = [f"-c search_path={SEARCH_PATH}", "-c timezone=UTC", f"-c application_name=cim-{os.getpid()}"]
    if statement_timeout_s:
        words.append(f"-c statement_timeout={int(statement_timeout_s * 1000)}")
    return " ".join(words)


def _hide_connection_errors(context: Any) -> None:
    """Replace a failed connection by an error that names no address."""
    if context.connection is None and isinstance(context.sqlalchemy_exception, OperationalError):
        raise DatabaseUnavailable from None
