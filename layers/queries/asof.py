"""What the model held at an earlier moment: the rows of a table as they were recorded then.

Two times are kept apart. The *recorded* time says when the database held a state; ``asof`` asks for it, and what was
corrected or removed since is found in ``object_history``. The *valid* time (``valid_from``, ``valid_to``) says when a
thing was so in the world; ``valid_during`` asks for it, of whatever state.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    Subquery,
    Table,
    and_,
    bindparam,
    cast,
    column,
    func,
    null,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import UserDefinedType

from cim.tables import object_history

#: An interval of the world's time, each end included, None where open.
Interval = tuple[datetime | None, datetime | None]


class _RowOf(UserDefinedType[Any]):
    """The composite type of a table's rows."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        """Return the type's name."""
        return f"cim.{self.name}"


def moment_parameter() -> BindParameter[datetime]:
    """Return the parameter ``asof``, whose value is given when the statement is run."""
    return bindparam("asof", type_=TIMESTAMP(timezone=True), required=False)


def as_of(table: Table, moment: datetime | ColumnElement[Any], *among: ColumnElement[bool]) -> Subquery:
    """Return a table's rows as they were recorded at a moment, under the table's name and with its columns.

    The Web Mercator geometry is not kept in history and is left out.

    Parameters
    ----------
    among
        Conditions on ``object_history`` (id, layer, bounds) that let its indexes find the few rows that matter; what is
        asked of the rows themselves is asked of the result.
    """
    at = cast(moment, TIMESTAMP(timezone=True))
    names = [entry for entry in table.c if entry.name != "geom_3857"]
    held = select(*names).where(table.c.recorded_at <= at)
    row = (
        func.jsonb_populate_record(cast(null(), _RowOf(table.name)), object_history.c.record)
        .table_valued(*[column(entry.name, entry.type) for entry in names])
        .lateral(f"past_{table.name}")
    )
    past = (
        select(*[row.c[entry.name] for entry in names])
        .select_from(object_history.join(row, true()))
        .where(
            object_history.c.table_name == table.name,
            object_history.c.recorded_from <= at,
            object_history.c.recorded_to > at,
            *among,
        )
    )
    return union_all(held, past).subquery(table.name)


def valid_during(relation: Any, interval: Interval) -> ColumnElement[bool]:
    """Return the condition that a row was so in the world at some time of an interval.

    A row is valid from ``valid_from`` until just before ``valid_to``; where neither is known it always is.
    """
    begin, end = interval
    conditions: list[ColumnElement[bool]] = [true()]
    if end is not None:
        conditions.append(or_(relation.c.valid_from.is_(None), relation.c.valid_from <= end))
    if begin is not None:
        conditions.append(or_(relation.c.valid_to.is_(None), relation.c.valid_to > begin))
    return and_(*conditions)


def past_layer(connection: Connection, object_id: int, moment: datetime) -> str | None:
    """Return the layer that an object of an earlier moment belonged to, or None where history has no such state."""
    statement: Select[Any] = select(object_history.c.layer_id).where(
        object_history.c.id == object_id,
        object_history.c.recorded_from <= moment,
        object_history.c.recorded_to > moment,
    )
    return connection.execute(statement.limit(1)).scalar_one_or_none()
