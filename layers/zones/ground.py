"""The ground that zones are cut from, as it was recorded at a moment: the district, its cells, roads and rivers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Table, func, literal, or_, select

from cim.errors import NotFound
from cim.tables import building, feature, grid_cell, object_history, river, road
from layers.addresses.parse import parse
from layers.networks.roads import ON_FOOT
from layers.queries.asof import as_of
from layers.zones.making import GRID_DEG, settled

Shapes = NDArray[np.object_]
#: Digits of an area's code: district, street, community.
DISTRICT, STREET, COMMUNITY = 6, 9, 12
_CELLS, _AREAS = "grid_cells", "admin_areas"


class Cells(NamedTuple):
    """Management cells (EPSG:4490) and the codes of the areas that they are in."""

    shapes: Shapes
    codes: list[str]

    def of(self, prefix: str) -> Shapes:
        """Return those whose code begins so."""
        return self.shapes[[code.startswith(prefix) for code in self.codes]]

    def under(self, shape: shapely.Geometry) -> NDArray[np.intp]:
        """Return the numbers of those that share ground with a shape, or hold a point."""
        pattern = "2********" if shapely.area(shape) else "0********"
        shapely.prepare(self.shapes)
        near = np.flatnonzero(shapely.intersects(self.shapes, shape))
        # A point on the edge of two cells is in the first.
        holds = near[shapely.relate_pattern(self.shapes[near], shape, pattern)]
        return holds if len(holds) else near[:1]


class District(NamedTuple):
    """All that zones part (a multipolygon, EPSG:4490), and by what it is known."""

    shape: shapely.Geometry
    code: str
    source: str


def read_cells(connection: Connection, moment: datetime) -> Cells:
    """Return the management cells that were in force; of several grids, those of the one that has most."""
    columns = ("code", "area_code", "valid_to", "grid", "layer_id")
    rows = connection.execute(_shapes(grid_cell, moment, object_history.c.layer_id == _CELLS, columns=columns)).all()
    now = [row for row in rows if row.valid_to is None and row.layer_id == _CELLS and (row.area_code or row.code)]
    grids = Counter(row.grid for row in now)
    now = [row for row in now if row.grid == max(grids, key=lambda name: (grids[name], name))]
    return Cells(_geometries(now), [row.area_code or row.code for row in now])


def find_district(
    connection: Connection, moment: datetime, cells: Cells, at: shapely.Geometry, within: str | None
) -> District:
    """Return the district around a case; for a caller of one area, that area.

    Raises
    ------
    NotFound
        No cell and no administrative area is known there.
    """
    place = shapely.point_on_surface(at)
    under = cells.under(place)
    code = within or (cells.codes[under[0]][:DISTRICT] if len(under) else None)
    area = None if within else _admin_area(connection, moment, code, place)
    if area is not None:
        return area
    own = cells.of(code) if code else cells.shapes[:0]
    if not len(own) or not code or not shapely.intersects(own, place).any():
        raise NotFound(
            f"no district is known at {place.x:.6f}, {place.y:.6f}: neither a management cell nor an administrative"
            " area lies there" + (f" within {within}, the area of this key" if within else ""),
            "no_district", place=f"{place.x:.6f}, {place.y:.6f}",
        )  # fmt: skip
    return District(settled(shapely.union_all(own, grid_size=GRID_DEG)), code, _CELLS)


def _admin_area(connection: Connection, moment: datetime, code: str | None, place: shapely.Point) -> District | None:
    """Return the administrative area of the district's code, else the one with a code of that length there."""
    past = as_of(feature, moment, object_history.c.layer_id == _AREAS)
    of_code = past.c.attributes["code"].astext
    is_wanted: ColumnElement[bool] = func.length(of_code) == DISTRICT
    if code:
        is_wanted = of_code == code
    rows = connection.execute(
        select(func.ST_AsBinary(past.c.geom).label("shape"), of_code.label("code"))
        .where(past.c.layer_id == _AREAS, past.c.geom.is_not(None), is_wanted)
        .order_by(past.c.id)
    ).all()
    shapes = _geometries(rows)
    for shape, row in zip(shapes, rows, strict=True):
        if shapely.intersects(shape, place):
            return District(settled(shape), row.code, _AREAS)
    return None


def dividing_lines(connection: Connection, moment: datetime, frame: shapely.Geometry) -> Shapes:
    """Return the lines on the ground that divide it into blocks: roads that vehicles use, rivers."""
    ways = _read_roads(connection, moment, frame)
    on_ground = [row for row in ways if not row.layer_number and row._mapping["class"] not in ON_FOOT]
    rivers = connection.execute(_shapes(river, moment, _meets(frame), frame=frame)).all()
    return np.concatenate([_geometries(on_ground), _geometries(rivers)])


def roads_in(connection: Connection, moment: datetime, frame: shapely.Geometry) -> Shapes:
    """Return all ways of a frame, those on foot as well."""
    return _geometries(_read_roads(connection, moment, frame))


def estate_in(
    connection: Connection, moment: datetime, frame: shapely.Geometry, building_id: int
) -> tuple[str, Shapes]:
    """Return the name of the estate of a building, by its address, and the footprints in a frame that say the same.

    The name is empty where the address says none.
    """
    rows = connection.execute(_shapes(building, moment, _meets(frame), frame=frame, columns=("address", "name"))).all()
    names = [parse(row.address or row.name or "").estate for row in rows]
    own = next((name for name, row in zip(names, rows, strict=True) if row.id == building_id), "")
    return own, _geometries([row for row, name in zip(rows, names, strict=True) if own and name == own])


def _read_roads(connection: Connection, moment: datetime, frame: shapely.Geometry) -> Sequence[Any]:
    return connection.execute(
        _shapes(road, moment, _meets(frame), frame=frame, columns=("class", "layer_number"))
    ).all()


def _meets(frame: shapely.Geometry) -> ColumnElement[bool]:
    return object_history.c.bounds.op("&&")(_envelope(frame))


def _envelope(frame: shapely.Geometry) -> ColumnElement[Any]:
    return func.ST_MakeEnvelope(*(literal(float(value)) for value in shapely.bounds(frame)), 4490)


def _shapes(
    table: Table,
    moment: datetime,
    among: ColumnElement[bool],
    *,
    frame: shapely.Geometry | None = None,
    columns: Sequence[str] = (),
) -> Any:
    past = as_of(table, moment, or_(among, object_history.c.bounds.is_(None)))
    statement = select(past.c.id, *(past.c[name] for name in columns), func.ST_AsBinary(past.c.geom).label("shape"))
    statement = statement.where(past.c.geom.is_not(None)).order_by(past.c.id)
    return statement if frame is None else statement.where(past.c.geom.op("&&")(_envelope(frame)))


def _geometries(rows: Sequence[Any]) -> Shapes:
    shapes = np.asarray(shapely.from_wkb([row.shape for row in rows]), dtype=object)
    return np.asarray(shapely.make_valid(shapely.force_2d(shapes)), dtype=object) if len(shapes) else shapes
