"""Where a cell came from and what became of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, cast, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB

from cim.access import Caller
from cim.errors import NotFound
from cim.tables import grid_cell
from layers.grids.cells import LAYER, visible_grids


def trace_cell(connection: Connection, grid: str, code: str) -> dict[str, Any]:
    """Return the old cells that a cell came ``from`` and the new ones that it went ``into``, with both shares.

    Raises
    ------
    NotFound
    """
    found = connection.execute(
        select(grid_cell.c.lineage).where(
            grid_cell.c.layer_id == LAYER, grid_cell.c.grid == grid, grid_cell.c.code == code
        )
    ).first()
    if found is None:
        raise NotFound(f"there is no cell '{code[:40]}' in the grid '{grid[:60]}'")
    rows = connection.execute(heirs(grid, code))
    into = [dict(row) for row in rows.mappings()]
    return {"grid": grid, "code": code, "from": list(found.lineage), "into": into}


def trace_for(connection: Connection, grid: str, code: str, caller: Caller) -> dict[str, Any]:
    """Return what :func:`trace_cell` returns, of a grid that a caller may see; raises NotFound."""
    if grid not in visible_grids(connection, caller):
        raise NotFound(f"there is no grid '{grid[:60]}'; /grids lists those that you may see")
    return trace_cell(connection, grid, code)


def heirs(grid: str, code: str) -> Select[Any]:
    """Return the statement for the cells whose lineage names an old cell, the largest share first."""
    entry = func.jsonb_array_elements(grid_cell.c.lineage).table_valued("value").lateral("entry")
    value = cast(entry.c.value, JSONB)
    named = literal([{"grid": grid, "code": code}], JSONB)
    return (
        select(
            grid_cell.c.grid,
            grid_cell.c.code,
            value["share"].as_float().label("share"),
            value["share_of_old"].as_float().label("share_of_old"),
        )
        .select_from(grid_cell.join(entry, literal(True)))
        .where(
            grid_cell.c.layer_id == LAYER,
            grid_cell.c.lineage.op("@>")(named),
            value["grid"].as_string() == grid,
            value["code"].as_string() == code,
        )
        .order_by(value["share_of_old"].as_float().desc(), grid_cell.c.code)
    )
