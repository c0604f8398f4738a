"""The sums by small cells of which small scales are drawn, kept up to date with the objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Integer,
    Select,
    Table,
    Text,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import array

from cim.tables import overview_cell
from layers.catalogue import LayerRow
from tiles.overview import CELL_M, HALF_M, Policy
from tiles.tile import Envelope, mercator_box

_NAMES = ("layer_id", "x", "y", "area_code", "value", "objects", "first_id", "sum_x", "sum_y", "sums")


def renew_cells(connection: Connection, row: LayerRow, table: Table, policy: Policy, boxes: Sequence[Envelope]) -> None:
    """Sum the objects of a layer anew in all cells that boxes touch (EPSG:3857); the same again changes nothing."""
    kept = overview_cell.c
    for box in boxes:
        west, east = int((box.west + HALF_M) // CELL_M), int((box.east + HALF_M) // CELL_M)
        north, south = int((HALF_M - box.north) // CELL_M), int((HALF_M - box.south) // CELL_M)
        within = (kept.layer_id == row.id, kept.x.between(west, east), kept.y.between(north, south))
        connection.execute(delete(overview_cell).where(*within))
        summed = _summed(row, table, policy, (west, north, east, south))
        connection.execute(insert(overview_cell).from_select(_NAMES, summed))


def _summed(row: LayerRow, table: Table, policy: Policy, cells: tuple[int, int, int, int]) -> Select[Any]:
    """Return the rows of the cells from west to east and from north to south."""
    west, north, east, south = cells
    geometry = table.c.geom_3857
    middle_x = (func.ST_XMin(geometry) + func.ST_XMax(geometry)) / 2
    middle_y = (func.ST_YMin(geometry) + func.ST_YMax(geometry)) / 2
    x = cast(func.floor((middle_x + HALF_M) / CELL_M), Integer).label("x")
    y = cast(func.floor((HALF_M - middle_y) / CELL_M), Integer).label("y")
    area = func.coalesce(table.c.code if table.name == "grid_cell" else table.c.area_code, "").label("area_code")
    value = func.coalesce(field(table, policy.by), "") if policy.by else literal("")
    around = mercator_box(
        (west * CELL_M - HALF_M, HALF_M - (south + 1) * CELL_M, (east + 1) * CELL_M - HALF_M, HALF_M - north * CELL_M)
    )
    objects = (
        select(x, y, area, value.label("value"), table.c.id, middle_x.label("middle_x"), middle_y.label("middle_y"),
               *(cast(field(table, name), Double).label(f"summed_{n}") for n, name in enumerate(policy.sums)))
        .where(table.c.layer_id == row.id, geometry.op("&&")(around), x.between(west, east), y.between(north, south))
        .subquery("objects")
    )  # fmt: skip
    at = objects.c
    sums = [func.coalesce(func.sum(at[f"summed_{n}"]), 0.0) for n in range(len(policy.sums))]
    return select(
        literal(row.id), at.x, at.y, at.area_code, at.value, func.count(), func.min(at.id), func.sum(at.middle_x),
        func.sum(at.middle_y), array(sums, type_=Double),
    ).group_by(at.x, at.y, at.area_code, at.value)  # fmt: skip


def field(table: Table, name: str) -> ColumnElement[Any]:
    """Return a field of a layer as text: a column, or a free attribute."""
    column = table.c.get(name)
    return cast(column, Text) if column is not None else table.c.attributes[name].astext
