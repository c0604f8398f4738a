"""After an import of rivers, water surfaces, works or terrain: the rivers become a network in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, delete, func, select

from cim.crs import length_m
from cim.db import copy_rows
from cim.importing import AfterImport
from cim.provenance import touch_layers
from cim.tables import GEOGRAPHIC_SRID, river, river_area, river_bank, river_edge, water_work
from layers.networks.graph import UNKNOWN, Edges, Lines, Nodes, connect, edges_of
from layers.networks.network import shapes_of
from layers.plane import Plane, plane_around
from layers.sql import script, statement
from layers.water.banks import find_banks
from layers.water.flow import Flow, flow_of
from layers.water.order import strahler

_LAYERS = frozenset({"rivers", "river_areas", "water_works", "terrain"})
_COLUMNS = (
    "id",
    "width_m",
    "direction",
    "direction_source",
    "strahler",
    "upper_height_m",
    "lower_height_m",
    "length_m",
)
#: A work belongs to the nearest river within so many metres of its water (half the width, where that is known).
WORK_M = 100.0


class Rivers(NamedTuple):
    """Rivers as they are in the database, in the plane, and their graph in the direction of flow."""

    rows: list[Row[Any]]
    plane: Plane
    shapes: NDArray[np.object_]
    flow: Flow
    edges: Edges
    order: NDArray[np.int64]


def order_after_import(connection: Connection, after: AfterImport) -> None:
    """Bring direction, order, banks and works of the rivers up to date."""
    touched = {layer for layer, counts in after.result.layers.items() if counts.is_changed} | after.previous_layers
    if touched & _LAYERS:
        changed = order_rivers(connection, after.context.settings.files, after.context.settings.snap_tolerance_m)
        counted = {layer for layer, counts in after.result.layers.items() if counts.is_changed}
        touch_layers(connection, sorted(changed - counted), None, None)


def order_rivers(connection: Connection, files: Path, tolerance_m: float) -> set[str]:
    """Make the graph of all rivers anew; return the layers in which something has changed.

    Parameters
    ----------
    files
        The deployment's folder of files, for the terrain.
    tolerance_m
        Rivers whose ends are closer are joined; they also meet where they have a vertex in common.
    """
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("cim.rivers"))))
    rivers = read_rivers(connection, files, tolerance_m)
    connection.exec_driver_sql(script("river_tables"))
    changed = _write_rivers(connection, rivers)
    connection.execute(delete(river_edge))
    columns = ("river_id", "part", "source_node", "target_node", "start_fraction", "end_fraction", "is_reversed",
               "strahler", "length_m")  # fmt: skip
    copy_rows(connection, "river_edge", columns, _edge_rows(rivers))
    _write_banks(connection, rivers)
    works = _write_works(connection, rivers)
    return ({"rivers"} if changed else set()) | ({"water_works"} if works else set())


def read_rivers(connection: Connection, files: Path, tolerance_m: float) -> Rivers:
    """Read the rivers and put them in order; nothing is written."""
    columns = [river.c[name] for name in _COLUMNS]
    rows = list(connection.execute(_with_shape(columns, river)))
    lines = shapes_of(rows)
    plane = plane_around(lines)
    shapes = plane.there.geometries(lines) if len(lines) else lines
    unknown = np.full(len(rows), UNKNOWN)
    none = Nodes(np.empty((0, 2)), np.empty(0), np.empty(0, bool))
    graph = connect(Lines(shapes, unknown, unknown.copy()), none, tolerance_m, is_shared_vertex_a_node=True)
    flow = (
        flow_of(connection, files, lines)
        if len(lines)
        else Flow(*(np.empty(0, kind) for kind in (bool, object, float, float)))
    )
    drawn = edges_of(graph)
    back = flow.is_reversed[drawn.line]
    edges = drawn._replace(
        source=np.where(back, drawn.target, drawn.source), target=np.where(back, drawn.source, drawn.target)
    )
    return Rivers(rows, plane, shapes, flow, edges, strahler(edges.source, edges.target))


def _with_shape(columns: list[Any], table: Any) -> Any:
    return (
        select(*columns, func.ST_AsBinary(table.c.geom).label("wkb"))
        .where(table.c.geom.is_not(None))
        .order_by(table.c.id)
    )


def _lowest_order(rivers: Rivers) -> list[int | None]:
    """Return the order of each river at its lower end."""
    found: list[int | None] = [None] * len(rivers.rows)
    for line, order in zip(rivers.edges.line.tolist(), rivers.order.tolist(), strict=True):
        # Edges come along the line as drawn: of a river that is reversed the first one is the lowest.
        if found[line] is None or not rivers.flow.is_reversed[line]:
            found[line] = order
    return [order or None for order in found]


def _write_rivers(connection: Connection, rivers: Rivers) -> int:
    flow = rivers.flow
    heights = [[None if np.isnan(value) else round(value, 3) for value in part.tolist()] for part in flow[2:]]
    words = np.where(flow.is_reversed, "backward", "forward").tolist()
    changed = []
    for row, *now in zip(rivers.rows, words, flow.source.tolist(), _lowest_order(rivers), *heights, strict=True):
        if [row.direction, row.direction_source, row.strahler, row.upper_height_m, row.lower_height_m] != now:
            changed.append((row.id, *now))
    columns = ("river_id", "direction", "direction_source", "strahler", "upper_height_m", "lower_height_m")
    copy_rows(connection, "river_order", columns, changed)
    return connection.execute(statement("river_update")).rowcount


def _edge_rows(rivers: Rivers) -> Iterator[tuple[Any, ...]]:
    columns = (column.tolist() for column in (*rivers.edges, rivers.order))
    for line, part, source, target, start, end, order in zip(*columns, strict=True):
        row = rivers.rows[line]
        length = (row.length_m or 0.0) * (end - start)
        yield (row.id, part, source, target, start, end, bool(rivers.flow.is_reversed[line]), order or None, length)


def _write_banks(connection: Connection, rivers: Rivers) -> None:
    connection.execute(delete(river_bank))
    surfaces = shapes_of(list(connection.execute(_with_shape([river_area.c.id], river_area))))
    surfaces = rivers.plane.there.geometries(surfaces) if len(surfaces) else surfaces
    width = np.array([row.width_m for row in rivers.rows], float)
    banks = find_banks(rivers.shapes, rivers.flow.is_reversed, width, surfaces)
    if not banks:
        return
    shapes = rivers.plane.back.geometries(np.array([bank.shape for bank in banks], object))
    rows = [
        (
            rivers.rows[bank.river].id,
            bank.side,
            bank.method,
            shapely.to_wkb(shapely.set_srid(shape, GEOGRAPHIC_SRID), hex=True, include_srid=True),
            length_m(shape),
        )
        for bank, shape in zip(banks, shapes, strict=True)
    ]
    copy_rows(connection, "river_bank", ("river_id", "side", "method", "geom", "length_m"), rows)


def _write_works(connection: Connection, rivers: Rivers) -> int:
    """Give every work its river; return how many have another one now."""
    columns = [water_work.c[name] for name in ("id", "river_id", "river_fraction", "river_distance_m")]
    works = list(connection.execute(_with_shape(columns, water_work)))
    if not works or not rivers.rows:
        return 0
    shapes = rivers.plane.there.geometries(shapes_of(works))
    at, near = shapely.STRtree(rivers.shapes).query_nearest(shapes, all_matches=False)
    changed = []
    for number, line in zip(at.tolist(), near.tolist(), strict=True):
        row, work, shape = rivers.rows[line], works[number], rivers.shapes[line]
        distance = float(shapely.distance(shape, shapes[number]))
        now: tuple[int | None, float | None, float | None] = (None, None, None)
        if distance <= WORK_M + (row.width_m or 0.0) / 2:
            spot = shapely.line_locate_point(shape, shapely.centroid(shapes[number]), normalized=True)
            now = (row.id, round(float(spot), 6), round(distance, 3))
        if (work.river_id, work.river_fraction, work.river_distance_m) != now:
            changed.append((work.id, *now))
    copy_rows(connection, "river_work", ("work_id", "river_id", "river_fraction", "river_distance_m"), changed)
    return connection.execute(statement("river_update_works")).rowcount
