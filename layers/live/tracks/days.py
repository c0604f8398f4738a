"""The days of which positions are kept: a partition each, so that a whole day goes at once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Date, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY

KEPT = timedelta(days=30)


def add_days(connection: Connection, times: Iterable[datetime]) -> None:
    """Make room for positions of these times; to be called before anything else of a transaction."""
    days = sorted({time.astimezone(UTC).date() for time in times})
    if days:
        connection.execute(select(func.cim.add_position_day(func.unnest(cast(days, ARRAY(Date)))))).all()


def forget_old(connection: Connection, now: datetime | None = None) -> int:
    """Drop the days whose time is over and make room for tomorrow; returns how many have gone.

    The last position of a unit stays.
    """
    today = now or datetime.now(UTC)
    # A position that is kept for so long may be of any hour of its day.
    before = (today - KEPT).astimezone(UTC).date()
    dropped = connection.execute(select(func.cim.drop_position_days(before))).scalar_one()
    add_days(connection, [today, today + timedelta(days=1)])
    return int(dropped)
