"""The sums by small cells of which small scales are drawn, kept up to date with the objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

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
from sqlalchemy.dialects.postgresql import ARRAY, array

from cim.tables import overview_cell
from layers.catalogue import LayerRow
from tiles.overview import CELL_M, Policy
from tiles.tile import HALF_M, Envelope, mercator_box

_NAMES = ("layer_id", "x", "y", "area_code", "value", "objects", "first_id", "sum_x", "sum_y", "sums")


#: Single cells that are summed by one statement; where boxes touch more, each box is taken as a whole.
MOST_CELLS = 4096


class Cells(NamedTuple):
    """A rectangle of cells, the last ones included."""

    west: int
    north: int
    east: int
    south: int


def renew_cells(connection: Connection, row: LayerRow, table: Table, policy: Policy, boxes: Sequence[Envelope]) -> None:
    """Sum the objects of a layer anew in all cells that boxes touch (EPSG:3857); the same again changes nothing."""
    touched = [_cells(box) for box in boxes]
    if sum((cells.east - cells.west + 1) * (cells.south - cells.north + 1) for cells in touched) <= MOST_CELLS:
        _renew(connection, row, table, policy, _single(touched))
    else:
        # Boxes may overlap: one after the other, so that no object counts twice.
        for cells in touched:
            _renew(connection, row, table, policy, [cells])


def _cells(box: Envelope) -> Cells:
    west, east = int((box.west + HALF_M) // CELL_M), int((box.east + HALF_M) // CELL_M)
    return Cells(west, int((HALF_M - box.north) // CELL_M), east, int((HALF_M - box.south) // CELL_M))


def _single(touched: Sequence[Cells]) -> list[Cells]:
    """Return each cell of some rectangles once."""
    places = {(x, y) for c in touched for x in range(c.west, c.east + 1) for y in range(c.north, c.south + 1)}
    return [Cells(x, y, x, y) for x, y in sorted(places)]


def _renew(connection: Connection, row: LayerRow, table: Table, policy: Policy, cells: Sequence[Cells]) -> None:
    """Sum anew in rectangles that do not overlap."""
    columns = map(list, zip(*cells, strict=True))
    sides = [cast(literal(column, ARRAY(Integer)), ARRAY(Integer)) for column in columns]
    within = func.unnest(*sides).table_valued(*Cells._fields, name="within").render_derived()
    kept = overview_cell.c
    connection.execute(
        delete(overview_cell).where(
            kept.layer_id == row.id,
            kept.x.between(within.c.west, within.c.east),
            kept.y.between(within.c.north, within.c.south),
        )
    )
    connection.execute(insert(overview_cell).from_select(_NAMES, _summed(row, table, policy, within)))


def _summed(row: LayerRow, table: Table, policy: Policy, within: Any) -> Select[Any]:
    """Return the sums of the cells within rectangles (a table of ``Cells``)."""
    at = within.c
    geometry = table.c.geom_3857
    middle_x = (func.ST_XMin(geometry) + func.ST_XMax(geometry)) / 2
    middle_y = (func.ST_YMin(geometry) + func.ST_YMax(geometry)) / 2
    x = cast(func.floor((middle_x + HALF_M) / CELL_M), Integer)
    y = cast(func.floor((HALF_M - middle_y) / CELL_M), Integer)
    area = func.coalesce(table.c.code if table.name == "grid_cell" else table.c.area_code, "")
    value = func.coalesce(field(table, policy.by), "") if policy.by else literal("")
    west, north = at.west * CELL_M - HALF_M, HALF_M - at.north * CELL_M
    around = mercator_box((west, HALF_M - (at.south + 1) * CELL_M, (at.east + 1) * CELL_M - HALF_M, north))
    objects = (
        select(x.label("x"), y.label("y"), area.label("area_code"), value.label("value"), table.c.id,
               middle_x.label("middle_x"), middle_y.label("middle_y"),
               *(cast(field(table, name), Double).label(f"summed_{n}") for n, name in enumerate(policy.sums)))
        .select_from(within)
        .join(table, geometry.op("&&")(around))
        .where(table.c.layer_id == row.id, x.between(at.west, at.east), y.between(at.north, at.south))
        .subquery("objects")
    )  # fmt: skip
    one = objects.c
    sums = [func.coalesce(func.sum(one[f"summed_{n}"]), 0.0) for n in range(len(policy.sums))]
    return select(
        literal(row.id), one.x, one.y, one.area_code, one.value, func.count(), func.min(one.id),
        func.sum(one.middle_x), func.sum(one.middle_y), array(sums, type_=Double),
    ).group_by(one.x, one.y, one.area_code, one.value)  # fmt: skip


def field(table: Table, name: str) -> ColumnElement[Any]:
    """Return a field of a layer as text: a column, or a free attribute."""
    column = table.c.get(name)
    return cast(column, Text) if column is not None else table.c.attributes[name].astext
