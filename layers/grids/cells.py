"""The cells of management grids as the model has them: read, checked after an import, found for a place and a time."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

import shapely
from sqlalchemy import Connection, Select, func, literal, select

from cim.access import Caller
from cim.errors import NotFound
from cim.importing import AfterImport
from cim.reports import Note
from cim.tables import GEOGRAPHIC_SRID, grid_cell
from layers.grids.topology import Fault, find_faults
from layers.queries.visible import in_area, visible_layers
from layers.said import require_on_earth
from layers.sql import statement

LAYER = "grid_cells"
#: Faults of a kind that a report names one by one.
_NAMED = 10


class Cell(NamedTuple):
    """One current cell; ``shape`` in EPSG:4490."""

    id: int
    grid: str
    code: str
    shape: shapely.Geometry


def current_cells(grids: Collection[str] | None = None) -> Select[Any]:
    """Return the statement for the cells that are in force today, of some grids or of all."""
    found = (
        select(grid_cell.c.id, grid_cell.c.grid, func.coalesce(grid_cell.c.code, grid_cell.c.source_key).label("code"),
               func.ST_AsBinary(grid_cell.c.geom).label("wkb"))
        .where(grid_cell.c.layer_id == LAYER, grid_cell.c.geom.is_not(None))
        .where((grid_cell.c.valid_to.is_(None)) | (grid_cell.c.valid_to > func.now()))
        .order_by(grid_cell.c.grid, grid_cell.c.code, grid_cell.c.id)
    )  # fmt: skip
    return found if grids is None else found.where(grid_cell.c.grid.in_(grids))


def read_cells(connection: Connection, grids: Collection[str]) -> list[Cell]:
    """Return the cells of grids that are in force today.

    Raises
    ------
    NotFound
        Naming the grid that has none, and those that there are.
    """
    rows = connection.execute(current_cells(grids)).all()
    missing = set(grids) - {row.grid for row in rows}
    if missing:
        known = ", ".join(f"'{name}'" for name in grid_names(connection)) or "none"
        raise NotFound(f"there is no grid '{min(missing)}'; there are: {known}")
    shapes = shapely.from_wkb([bytes(row.wkb) for row in rows])
    return [Cell(row.id, row.grid, row.code, shape) for row, shape in zip(rows, shapes, strict=True)]


def grid_names(connection: Connection) -> list[str]:
    """Return the names of all grids."""
    return list(connection.execute(select(grid_cell.c.grid).distinct().order_by(grid_cell.c.grid)).scalars())


def count_cells(connection: Connection) -> dict[str, int]:
    """Return the number of cells in force of every grid, also of one that has ended."""
    current = current_cells().order_by(None).subquery()
    counts = select(current.c.grid, func.count()).group_by(current.c.grid)
    return dict.fromkeys(grid_names(connection), 0) | dict(connection.execute(counts).tuples().all())


def visible_grids(connection: Connection, caller: Caller) -> list[str]:
    """Return the names of the grids that a caller may see."""
    return grid_names(connection) if visible_layers(connection, caller, [LAYER]) else []


def check_grid(connection: Connection, grid: str) -> list[Fault]:
    """Return what is wrong with a grid's topology; raises NotFound."""
    cells = read_cells(connection, [grid])
    return find_faults([cell.code for cell in cells], [cell.shape for cell in cells])


def check_after_import(connection: Connection, after: AfterImport) -> None:
    """Note what is wrong with the grids that an import has touched; the cells stay in the model as they are."""
    counts = after.result.layers.get(LAYER)
    if counts is None or not counts.is_changed:
        return
    touched = select(grid_cell.c.grid).where(grid_cell.c.dataset_id == after.dataset_id).distinct()
    for grid in sorted(connection.execute(touched).scalars()):
        after.result.notes += _notes(grid, check_grid(connection, grid))


def _notes(grid: str, faults: list[Fault]) -> list[Note]:
    notes = []
    for kind in ("overlap", "gap", "edge"):
        found = [fault for fault in faults if fault.kind == kind]
        if found:
            listed = "; ".join(fault.message for fault in found[:_NAMED])
            more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
            notes.append(Note(f"grid_{kind}", f"'{grid}' is not clean: {listed}{more}"))
    return notes


def cell_at(
    connection: Connection, grid: str, longitude: float, latitude: float, at: datetime | None, caller: Caller
) -> dict[str, Any]:
    """Return the cell of a grid in which a place lay at a time (None: now), and how that is known.

    A state of a cell is in force from its ``valid_from`` to its ``valid_to``; where its source says neither, from when
    it was recorded until it was superseded. The first state that is known also stands for the time before it, and the
    answer says so (``is_assumed``).

    Raises
    ------
    NotFound
        For a grid that does not exist or may not be seen.
    InvalidInput
        For a place that is none.
    """
    require_on_earth(longitude, latitude)
    if grid not in visible_grids(connection, caller):
        raise NotFound(f"there is no grid '{grid[:60]}'; /grids lists those that you may see")
    point = select(func.ST_SetSRID(func.ST_MakePoint(longitude, latitude), literal(GEOGRAPHIC_SRID))).scalar_subquery()
    if at is None:
        now = select(*_columns(grid_cell)).where(
            grid_cell.c.id.in_(select(current_cells([grid]).subquery().c.id)),
            func.ST_Intersects(grid_cell.c.geom, point),
            in_area(grid_cell, caller),
        )
        row = connection.execute(now.order_by(grid_cell.c.id.desc()).limit(1)).mappings().one_or_none()
        return {"grid": grid, "at": None, "cell": dict(row) if row else None, "is_assumed": False}
    parameters = {"grid": grid, "lon": longitude, "lat": latitude, "at": at, "area": caller.area_code or ""}
    found = connection.execute(statement("grid_cell_at"), parameters).mappings().one_or_none()
    cell = (
        {name: found[name] for name in ("id", "code", "name", "manager", "valid_from", "valid_to")} if found else None
    )
    return {"grid": grid, "at": at, "cell": cell, "is_assumed": bool(found and found["is_assumed"])}


def _columns(table: Any) -> list[Any]:
    return [table.c[name] for name in ("id", "code", "name", "manager", "valid_from", "valid_to")]
