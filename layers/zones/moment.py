"""A moment at which all that is recorded is there to be read, now and whenever it is read again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from layers.sql import statement


def settled_moment(connection: Connection) -> datetime:
    """Return now, or the moment before the oldest change that is still under way began.

    What a transaction writes bears the time of its beginning and is seen after its end: what is read as of this moment
    is therefore the same later, which it would not be of "now" while an import runs.
    """
    moment: datetime = connection.execute(statement("zone_moment")).scalar_one()
    return moment
