"""The shape of a zone from what it is to be made of: drawn, put around something, or taken from what the model holds.

Everything is read with the caller's eyes: what it may not see it cannot build on. The result is exact to a grid of
1e-9 degrees (0.1 mm) and in normal form, so that the same wish on the same data gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import shapely
from sqlalchemy import ColumnElement, Connection, Select, Table, func, or_, select

from cim.access import Caller
from cim.crs import area_m2
from cim.errors import Forbidden, InvalidInput, NotFound, TooLarge
from cim.tables import building, feature, grid_cell, unit
from layers.plane import plane_around
from layers.queries.objects import layer_of
from layers.queries.visible import VisibleLayer, in_area, visible_layers
from layers.routing.asked import IsochroneAsked
from layers.routing.isochrone import find_reach
from layers.zones.wish import MOST_OBJECTS, Wish

#: Degrees; one number for every zone, so that neighbours share their vertices.
GRID_DEG = 1e-9
MAX_AREA_M2 = 5_000e6
QUARTER_SEGMENTS = 16
#: Of areas: cell, community, street, district.
CODE_LENGTHS = (15, 12, 9, 6)
_AREAS = "admin_areas"


class Made(NamedTuple):
    """A multipolygon (EPSG:4490), and what it was made of: the layers that were read, objects, datasets."""

    geometry: shapely.Geometry
    layers: list[VisibleLayer]
    objects: list[int]
    datasets: set[int]


def make_shape(connection: Connection, wish: Wish, caller: Caller) -> Made:
    """Return the shape that a wish asks for.

    Raises
    ------
    NotFound, InvalidInput, TooLarge
        Naming what is not there, has no shape, or is too large.
    Forbidden
        A caller of one area draws beyond it.
    """
    found = _found(connection, wish, caller)
    geometry = buffered(found.geometry, wish.buffer_m) if wish.buffer_m else found.geometry
    geometry = settled(geometry)
    size_m2 = area_m2(geometry)
    if not 0 < size_m2 <= MAX_AREA_M2:
        raise TooLarge(
            f"the zone measures {size_m2 / 1e6:.4g} km2; at most {MAX_AREA_M2 / 1e6:g} km2 are taken",
            "zone_too_large", km2=size_m2 / 1e6, most_km2=MAX_AREA_M2 / 1e6,
        )  # fmt: skip
    _require_own(connection, geometry, caller)
    return found._replace(geometry=geometry)


def buffered(geometry: shapely.Geometry, distance_m: float) -> shapely.Geometry:
    """Return what lies within a distance (metres, in the plane around it) of a geometry in degrees."""
    plane = plane_around(np.array([geometry], dtype=object))
    flat = plane.there.geometries(np.array([geometry], dtype=object))
    wide = shapely.buffer(flat, distance_m, quad_segs=QUARTER_SEGMENTS)
    around: shapely.Geometry = plane.back.geometries(wide)[0]
    return around


def settled(geometry: shapely.Geometry) -> shapely.Geometry:
    """Return the areas of a geometry as a valid multipolygon on the grid, in normal form."""
    whole = shapely.set_precision(shapely.make_valid(geometry), GRID_DEG)
    parts = [part for part in shapely.get_parts(whole) if part.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.normalize(shapely.MultiPolygon(list(shapely.get_parts(np.array(parts, dtype=object)))))


def common_area(connection: Connection, geometry: shapely.Geometry) -> str | None:
    """Return the longest area code (6, 9, 12 or 15 digits) in which all management cells of a zone lie."""
    shape = func.ST_GeomFromWKB(shapely.to_wkb(geometry), 4490)
    # Cells that only touch are neighbours.
    rows = connection.execute(
        select(grid_cell.c.area_code)
        .where(grid_cell.c.area_code.is_not(None), func.ST_Relate(grid_cell.c.geom, shape, "2********"),
               grid_cell.c.geom.op("&&")(shape))
        .distinct()
    ).scalars()  # fmt: skip
    codes = sorted(rows)
    if not codes:
        return None
    first, last = codes[0], codes[-1]
    return next((first[:size] for size in CODE_LENGTHS if len(first) >= size and first[:size] == last[:size]), None)


def _found(connection: Connection, wish: Wish, caller: Caller) -> Made:
    if wish.shape is not None:
        return Made(wish.shape, [], [], set())
    if wish.object_id is not None:
        layer = layer_of(connection, wish.object_id, caller)
        if "geom" not in layer.table.c:
            raise InvalidInput(
                f"object {wish.object_id} ({layer.id}) has no shape of its own; name its building",
                "object_without_shape", id=wish.object_id, layer=layer.id,
            )  # fmt: skip
        return _union(connection, _select(layer.table, layer.table.c.id == wish.object_id, caller), [layer])
    if wish.reach is not None:
        return _reached(connection, wish.reach, caller)
    if wish.source == "area_code":
        return _area(connection, wish.codes[0], caller)
    if wish.source == "buildings":
        return _listed(connection, building, building, wish.codes, caller)
    return _listed(connection, unit, building, wish.codes, caller)


def _reached(connection: Connection, asked: IsochroneAsked, caller: Caller) -> Made:
    """Return what is reached by road; of the roads, which may be thousands, the layers are told."""
    found = find_reach(connection, asked, caller)
    layers = [*found.roads.layers, *(visible_layers(connection, caller, ["zones"]) if asked.closed.zones else [])]
    datasets = set(found.roads.graph.dataset_ids[found.edges].tolist()) - {-1}
    return Made(found.bands[-1].area, layers, list(asked.closed.zones), datasets)


def _area(connection: Connection, code: str, caller: Caller) -> Made:
    """Return the administrative area of a code, else the union of the management cells whose code begins so."""
    layers = visible_layers(connection, caller, [_AREAS])
    if layers:
        made = _union(connection, _select(feature, feature.c.attributes["code"].astext == code, caller, layers), layers)
        if made.objects:
            return made
    cells = _layers_of(connection, grid_cell, caller)
    is_of = func.starts_with(grid_cell.c.code, code)
    made = _union(connection, _select(grid_cell, is_of & grid_cell.c.valid_to.is_(None), caller, cells), cells)
    if not made.objects:
        raise NotFound(f"no administrative area and no management cell has the code {code}", "no_such_area", given=code)
    return made


def _listed(connection: Connection, named: Table, shaped: Table, codes: Sequence[str], caller: Caller) -> Made:
    """Return the footprints of buildings that are named, or in which named units are."""
    numbers = [int(code) for code in codes if code.isascii() and code.isdigit() and len(code) < 19]
    layers = _layers_of(connection, named, caller)
    is_named = or_(named.c.id.in_(numbers), named.c.code.in_(codes))
    mine = named.c.layer_id.in_([layer.id for layer in layers])
    rows = connection.execute(
        select(named.c.id, named.c.code, named.c.id if named is shaped else named.c.building_id)
        .where(is_named, mine, in_area(named, caller))
        .limit(2 * MOST_OBJECTS)
    ).all()
    known = {str(row[0]) for row in rows} | {row[1] for row in rows}
    missing = [code for code in codes if code not in known]
    if missing:
        raise NotFound(
            f"no {named.name} has the id or code '{missing[0][:60]}' ({len(missing)} of {len(codes)} unknown)",
            "no_such_codes", what=named.name, given=missing[0][:60], unknown=len(missing), count=len(codes),
        )  # fmt: skip
    wanted = {row[2] for row in rows}
    homeless = [row[1] or row[0] for row in rows if row[2] is None]
    if homeless:
        raise InvalidInput(
            f"it is not known in which building unit '{homeless[0]}' is; name the building",
            "unit_without_building", given=homeless[0],
        )  # fmt: skip
    outlines = _layers_of(connection, shaped, caller)
    made = _union(connection, _select(shaped, shaped.c.id.in_(wanted), caller, outlines), outlines)
    bare = wanted - set(made.objects)
    if bare:
        raise InvalidInput(
            f"building {min(bare)} has no footprint; draw the zone, or leave it out", "no_footprint", id=min(bare)
        )
    return made._replace(objects=sorted({row[0] for row in rows}))


def _layers_of(connection: Connection, table: Table, caller: Caller) -> list[VisibleLayer]:
    return [layer for layer in visible_layers(connection, caller) if layer.table is table]


def _select(
    table: Table, condition: ColumnElement[bool], caller: Caller, layers: Sequence[VisibleLayer] | None = None
) -> Select[Any]:
    statement = select(table.c.id, table.c.dataset_id, func.ST_AsBinary(table.c.geom).label("shape")).where(
        condition, table.c.geom.is_not(None), in_area(table, caller)
    )
    if layers is not None:
        statement = statement.where(table.c.layer_id.in_([layer.id for layer in layers]))
    return statement.order_by(table.c.id)


def _union(connection: Connection, statement: Select[Any], layers: list[VisibleLayer]) -> Made:
    rows = connection.execute(statement).all()
    shapes = shapely.make_valid(shapely.force_2d(shapely.from_wkb([row.shape for row in rows])))
    return Made(
        shapely.union_all(shapes), layers, [row.id for row in rows],
        {row.dataset_id for row in rows if row.dataset_id is not None},
    )  # fmt: skip


def _require_own(connection: Connection, geometry: shapely.Geometry, caller: Caller) -> None:
    """Raise Forbidden where a caller of one area draws beyond the cells of it."""
    if caller.area_code is None:
        return
    own = common_area(connection, geometry)
    if own is None or not own.startswith(caller.area_code):
        raise Forbidden(
            f"the zone reaches beyond the area of this key ({caller.area_code}); draw it within",
            "zone_outside_own_area", area=caller.area_code,
        )  # fmt: skip
