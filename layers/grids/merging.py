"""Several management grids become one: new cells with official codes, the old ones ended, events handed over."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import orjson
import shapely
from sqlalchemy import Connection, delete, func, insert, select, update

from cim import store
from cim.crs import from_geographic, to_geographic
from cim.errors import InvalidInput
from cim.provenance import find_dataset, touch_layers
from cim.tables import dataset, feature, grid_cell
from layers.grids.cells import LAYER, Cell, read_cells
from layers.grids.overlay import NewCell, OldCell, overlay
from layers.grids.topology import find_faults
from layers.sql import statement

#: The layer of administrative areas and the digits of a community's code.
_AREAS, _COMMUNITY_DIGITS = "admin_areas", 12
MOST_IN_COMMUNITY = 999
_LEVEL = 2
_COLUMNS = ("layer_id", "source_key", "cim_level", "name", "area_code", "valid_from", "code", "grid", "lineage", "geom")


class Merged(NamedTuple):
    """What a merge has done: cells by grid, the codes of new cells, events that have another cell now."""

    old: dict[str, int]
    codes: list[str]
    faults: list[str]
    events: int


def merge_grids(
    connection: Connection,
    grids: Sequence[str],
    into: str,
    *,
    metric_crs: str,
    begins: datetime,
    min_area_m2: float,
) -> Merged:
    """Write the grid ``into`` from others, in the caller's transaction; doing it again replaces it.

    New cells have the 12 digits of the community in which most of them lies and a number of three digits, counted from
    the north-west. Old cells end at ``begins``; ``lineage`` of the new ones says what each came from.

    Raises
    ------
    InvalidInput, NotFound
    """
    if into in grids or len(set(grids)) < 2:
        raise InvalidInput(f"'{into}' is to be made of {len(set(grids))} grids; at least two others are right")
    cells = _cells_before(connection, grids, into)
    forth, back = from_geographic(metric_crs), to_geographic(metric_crs)
    flat = forth.geometries(np.asarray([cell.shape for cell in cells], dtype=object))
    by_grid: dict[str, list[OldCell]] = defaultdict(list)
    for cell, shape in zip(cells, flat, strict=True):
        by_grid[cell.grid].append(OldCell(cell.grid, cell.code, shape))
    made = overlay(by_grid, min_area_m2)
    shapes = back.geometries(np.asarray([cell.shape for cell in made], dtype=object))
    codes = _codes(connection, shapes)
    faults = [fault.message for fault in find_faults(codes, shapes.tolist())]
    number = _dataset(connection, grids, into, cells, min_area_m2)
    _write(connection, number, into, begins, list(zip(codes, made, shapes, strict=True)))
    _end_old(connection, [cell.id for cell in cells], begins, into)
    events = connection.execute(statement("grid_reassign"), {"grid": into, "begins": begins}).rowcount
    touch_layers(connection, [LAYER, "events"], into, tuple(shapely.total_bounds(shapes).tolist()))
    return Merged(dict(Counter(cell.grid for cell in cells)), sorted(codes), faults, events)


def _cells_before(connection: Connection, grids: Sequence[str], into: str) -> list[Cell]:
    """Return the cells of the old grids, also where an earlier merge into the same grid has ended them."""
    known = find_dataset(connection, _name(into))
    if known is not None:
        again = (
            update(grid_cell)
            .where(grid_cell.c.grid.in_(grids), grid_cell.c.attributes["ended_by"].astext == into)
            .values(valid_to=None, attributes=grid_cell.c.attributes.op("-")("ended_by"), recorded_at=func.now())
        )
        connection.execute(again)
    return read_cells(connection, grids)


def _codes(connection: Connection, shapes: Any) -> list[str]:
    """Return the 15-digit code of each cell (EPSG:4490)."""
    rows = connection.execute(
        select(feature.c.source_key, func.ST_AsBinary(feature.c.geom)).where(
            feature.c.layer_id == _AREAS, func.length(feature.c.source_key) == _COMMUNITY_DIGITS,
            feature.c.geom.is_not(None),
        ).order_by(feature.c.source_key)
    ).all()  # fmt: skip
    if not rows:
        raise InvalidInput(
            "the codes of cells begin with the 12 digits of their community, and the layer 'admin_areas' has none;"
            " import the communities first"
        )
    areas = shapely.from_wkb([bytes(row[1]) for row in rows])
    centres = shapely.centroid(shapes)
    order = sorted(range(len(shapes)), key=lambda index: (-round(centres[index].y, 4), centres[index].x))
    counts: Counter[str] = Counter()
    codes = [""] * len(shapes)
    for index in order:
        shared = shapely.area(shapely.intersection(areas, shapes[index]))
        best = int(np.argmax(shared)) if shared.max() > 0 else int(np.argmin(shapely.distance(areas, shapes[index])))
        community = rows[best].source_key
        counts[community] += 1
        if counts[community] > MOST_IN_COMMUNITY:
            raise InvalidInput(
                f"community {community} would have more than {MOST_IN_COMMUNITY} cells; raise the least area"
            )
        codes[index] = f"{community}{counts[community]:03d}"
    return codes


def _name(into: str) -> str:
    return f"grid {into}"


def _dataset(connection: Connection, grids: Sequence[str], into: str, cells: list[Cell], min_area_m2: float) -> int:
    """Record the merge as the dataset of its cells, with what it was made from; return its id."""
    digest = hashlib.sha256(orjson.dumps([sorted(grids), into, min_area_m2]))
    for cell in cells:
        digest.update(f"{cell.grid}\0{cell.code}\0".encode() + shapely.to_wkb(cell.shape))
    values = {
        "name": _name(into), "file_name": f"{into} ({', '.join(grids)})", "format": "cim grids merge",
        "checksum": digest.digest(), "size_bytes": 0, "crs": "EPSG:4490", "source": ", ".join(grids),
    }  # fmt: skip
    known = find_dataset(connection, _name(into))
    if known is not None:
        connection.execute(update(dataset).where(dataset.c.id == known.id).values(**values, recorded_at=func.now()))
        return int(known.id)
    return int(connection.execute(insert(dataset).values(values).returning(dataset.c.id)).scalar_one())


def _write(
    connection: Connection, number: int, into: str, begins: datetime, made: list[tuple[str, NewCell, Any]]
) -> None:
    rows = [
        (LAYER, code, _LEVEL, f"{into}{code[-6:]}", code, begins.isoformat(), code, into,
         orjson.dumps([share._asdict() for share in cell.lineage]).decode(), shapely.to_wkb(shape, hex=True))
        for code, cell, shape in made
    ]  # fmt: skip
    connection.execute(
        delete(grid_cell).where(grid_cell.c.grid == into, grid_cell.c.dataset_id.is_distinct_from(number))
    )
    staging = store.stage(connection, grid_cell, _COLUMNS, rows)
    store.merge(connection, grid_cell, staging, _COLUMNS, dataset_id=number, layer_id=LAYER)


def _end_old(connection: Connection, ids: list[int], begins: datetime, into: str) -> None:
    by = func.jsonb_build_object("ended_by", into)
    connection.execute(
        update(grid_cell)
        .where(grid_cell.c.id == func.any(ids))
        .values(valid_to=begins, attributes=grid_cell.c.attributes.op("||")(by), recorded_at=func.now())
    )
