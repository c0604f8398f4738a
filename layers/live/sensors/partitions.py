"""Partitions of ``observation``, one a month: made when the first reading of it comes, and for the month ahead."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, timedelta

from psycopg import sql
from sqlalchemy import Connection, text

from cim.db import driver
from cim.errors import InvalidInput
from cim.importing import AfterImport
from layers.live.sensors.reading import DAY_US

#: Months that one batch may begin; all of them are locked while they are made.
MOST_AT_ONCE = 24
#: Rows that readings on their way in may wait for; more stay in the default partition until an import moves them.
MOST_MOVED = 200_000

# to_regclass would answer from a cache that does not know yet what another session has just made.
_MISSING = text(
    "SELECT m FROM unnest(CAST(:months AS text[])) AS m WHERE NOT EXISTS (SELECT FROM pg_class c"
    " WHERE c.relname = 'observation_' || m AND c.relnamespace = CAST('cim' AS regnamespace)) ORDER BY m"
)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('cim.observation.partitions'))")
_STRAY = text(
    "SELECT count(*) FROM (SELECT FROM cim.observation_default WHERE phenomenon_time >= CAST(:begins AS timestamptz)"
    " AND phenomenon_time < CAST(:ends AS timestamptz) LIMIT :most) AS stray"
)
_STRAY_MONTHS = text(
    "SELECT DISTINCT to_char(phenomenon_time AT TIME ZONE 'UTC', 'YYYYMM') FROM cim.observation_default"
)
_MAKE = sql.SQL("CREATE TABLE {name} (LIKE cim.observation INCLUDING ALL)")
_MOVE = sql.SQL(
    "WITH moved AS (DELETE FROM cim.observation_default WHERE phenomenon_time >= {begins}"
    " AND phenomenon_time < {ends} RETURNING *) INSERT INTO {name} SELECT * FROM moved"
)
# CREATE TABLE ... PARTITION OF would wait for every reader of the parent.
_ATTACH = sql.SQL("ALTER TABLE cim.observation ATTACH PARTITION {name} FOR VALUES FROM ({begins}) TO ({ends})")


def months_of(times_us: Iterable[int]) -> set[date]:
    """Return the first days of the months (UTC) in which times fall."""
    days = {us // DAY_US for us in times_us}
    return {(date(1970, 1, 1) + timedelta(days=day)).replace(day=1) for day in days}


def ensure_months(connection: Connection, months: Collection[date], *, most_moved: int = MOST_MOVED) -> None:
    """Make the partitions of months that have none, and of the month after this one.

    Raises
    ------
    InvalidInput
        Where there are too many at once.
    """
    this_month = datetime.now(UTC).date().replace(day=1)
    wanted = {*months, _after(this_month)}
    missing = _missing(connection, wanted)
    if not missing:
        return
    if len(missing) > MOST_AT_ONCE:
        raise InvalidInput(f"the readings begin {len(missing)} new months; send at most {MOST_AT_ONCE} at once")
    connection.execute(_LOCK)
    for month in _missing(connection, wanted):
        _make(connection, month, most_moved)


def spread_after_import(connection: Connection, after: AfterImport) -> None:
    """Move readings that an import left in the default partition into those of their months."""
    if "observations" not in after.result.layers:
        return
    strays = [_month(name) for name in connection.execute(_STRAY_MONTHS).scalars()]
    connection.execute(_LOCK)
    for month in _missing(connection, strays):
        _make(connection, month, None)


def _missing(connection: Connection, months: Collection[date]) -> list[date]:
    names = [f"{month:%Y%m}" for month in months]
    return [_month(name) for name in connection.execute(_MISSING, {"months": names}).scalars()]


def _make(connection: Connection, month: date, most_moved: int | None) -> None:
    bounds = {"begins": f"{month:%Y-%m-%d}T00:00:00Z", "ends": f"{_after(month):%Y-%m-%d}T00:00:00Z"}
    stray = connection.execute(_STRAY, bounds | {"most": (most_moved or 0) + 1}).scalar_one()
    if most_moved is not None and stray > most_moved:
        return
    parts = {name: sql.Literal(value) for name, value in bounds.items()}
    name = sql.Identifier("cim", f"observation_{month:%Y%m}")
    with driver(connection).cursor() as cursor:
        cursor.execute(_MAKE.format(name=name))
        if stray:
            cursor.execute(_MOVE.format(name=name, **parts))
        cursor.execute(_ATTACH.format(name=name, **parts))


def _after(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


def _month(name: str) -> date:
    return date(int(name[:4]), int(name[4:6]), 1)
