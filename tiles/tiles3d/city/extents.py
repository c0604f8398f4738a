"""How far each object of a layer reaches, read for all of them at once as columns of bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Double,
    FromClause,
    LargeBinary,
    Result,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    column,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import BYTEA

from cim.access import Caller

Floats = NDArray[np.float64]


class Extents(NamedTuple):
    """The objects of a layer that have a place.

    Attributes
    ----------
    boxes
        n x 4: west, south, east, north of what is drawn (EPSG:4490, degrees).
    prominence_m
        How large each looks from afar.
    heights
        Ground ('true' | 'flat') -> lowest and highest point of each (metres).
    has_model
        Which are drawn by a BIM model as well.
    states
        n x k: numbers that are others whenever something that is drawn of an object, or said of it, is another.
    """

    ids: NDArray[np.int64]
    boxes: Floats
    prominence_m: Floats
    heights: dict[str, tuple[Floats, Floats]]
    has_model: NDArray[np.bool_]
    states: Floats


def written_by(rows: FromClause) -> ColumnElement[float]:
    """Return the number of the transaction that wrote a row of a table, or of an alias of one."""
    return cast(cast(column("xmin", _selectable=rows), Text), Double)


def as_bytes(*numbers: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """Return aggregates that give each column of numbers as bytes: a tenth of the time of rows; null is NaN."""
    nothing = cast(literal(b""), BYTEA)
    return [
        func.string_agg(func.float8send(func.coalesce(number, float("nan"))), nothing, type_=LargeBinary)
        for number in numbers
    ]


def numbers_of(column: bytes | None) -> Floats:
    """Return the numbers of a column of bytes."""
    return np.frombuffer(column or b"", ">f8").astype(np.float64)


def box_of(geometry: ColumnElement[Any]) -> list[ColumnElement[float]]:
    """Return west, south, east and north of a geometry."""
    return [func.ST_XMin(geometry), func.ST_YMin(geometry), func.ST_XMax(geometry), func.ST_YMax(geometry)]


def columns_of(rows: Select[Any]) -> Select[Any]:
    """Return the statement that gives every column of a selection of numbers as bytes, in the same order of rows."""
    return select(*as_bytes(*rows.subquery("found").c))


#: One of the ids that a statement is given as text (``ids_as_text``): many times quicker than a list of numbers.
IN_IDS: ColumnElement[Any] = func.any(cast(bindparam("ids", type_=Text), ARRAY(BigInteger)))


def ids_as_text(ids: Sequence[int]) -> dict[str, str]:
    """Return the parameters of a statement with ``IN_IDS``."""
    return {"ids": "{" + ",".join(map(str, ids)) + "}"}


def columns_by_name(result: Result[Any]) -> dict[str, Sequence[Any]]:
    """Return the rows of a result as columns."""
    names, rows = list(result.keys()), result.all()
    return dict(zip(names, zip(*rows, strict=True) if rows else ((),) * len(names), strict=True))


def inside_area(table: Table, caller: Caller) -> list[ColumnElement[bool]]:
    """Return the conditions that keep a caller to the area of its key."""
    return [table.c.area_code.startswith(caller.area_code, autoescape=True)] if caller.area_code else []
