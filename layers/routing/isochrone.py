"""What is reached from a place in some minutes, or from where the place is reached in them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import orjson
import shapely
from sqlalchemy import Connection

from cim.access import Caller
from cim.crs import area_m2
from layers.networks.graph import Metres, Numbers, Shapes
from layers.queries.note import note
from layers.routing.asked import IsochroneAsked
from layers.routing.closures import Floods, shape_in_plane
from layers.routing.edge_shapes import linestrings
from layers.routing.graph import RoadGraph
from layers.routing.reach import Parts, edges_of, reached_parts
from layers.routing.roads_open import RoadsOpen, open_roads, road_receipt
from layers.routing.search import Searched, search
from layers.routing.snapping import OnEdge, snap_one, told_stop
from layers.routing.surroundings import Surroundings

#: What lies so near to a road that is reached is reached.
BESIDE_M = 60.0
#: Blocks between reached roads that are smaller belong to them.
FILLED_M2 = 250_000.0
#: Where a closed area is crossed, on a bridge over a flood, only the road itself is reached.
_CROSSING_M = 8.0
_DECIMALS = 7


class Band(NamedTuple):
    """What is reached within some minutes: an area (EPSG:4490), the parts of roads, and their metres."""

    minutes: float
    area: shapely.Geometry
    parts: Parts
    length_m: float


class Reach(NamedTuple):
    """Bands in rising order, each with all of those before; the roads, and where it begins."""

    roads: RoadsOpen
    origin: OnEdge
    bands: list[Band]

    @property
    def edges(self) -> Numbers:
        """Return the edges that are reached."""
        return self.bands[-1].parts.edge


def find_reach(connection: Connection, asked: IsochroneAsked, caller: Caller, floods: Floods | None = None) -> Reach:
    """Return what is reached.

    Raises
    ------
    NotFound
        No roads, a place off them, or a closed zone that the caller does not see.
    InvalidInput
    """
    roads = open_roads(connection, asked.profile, asked.closed, caller, floods)
    origin = snap_one(roads.graph, roads.open.is_open, asked.place, "from")
    way = roads.open if asked.direction == "from" else roads.open.back()
    searched = search(roads.graph, way, origin, limit_s=60 * asked.minutes[-1])
    return Reach(roads, origin, _bands(roads, searched, asked.minutes))


def find_isochrone(
    connection: Connection, asked: IsochroneAsked, caller: Caller, floods: Floods | None = None
) -> dict[str, Any]:
    """Return the areas as GeoJSON features, the largest first, each with all of those within it, and a receipt.

    Raises
    ------
    NotFound, InvalidInput
        As :func:`find_reach`.
    """
    found = find_reach(connection, asked, caller, floods)
    notes = [
        note("direction", "what is reached from the place", "reach_from") if asked.direction == "from" else
        note("direction", "from where it is reached", "reach_to"),
        note("area", f"all within {BESIDE_M:g} m of the parts of roads that are reached; blocks of less than "
             f"{FILLED_M2 / 1e4:g} ha among them are filled, what is closed is left out; each area has the smaller "
             "ones in it", "reach", beside_m=BESIDE_M, filled_ha=FILLED_M2 / 1e4),
    ]  # fmt: skip
    return {
        "type": "FeatureCollection",
        "features": [_feature(band) for band in reversed(found.bands)],
        "profile": asked.profile,
        "direction": asked.direction,
        "origin": told_stop(found.roads.graph, asked.place, found.origin),
        "closed_edges": found.roads.closed_edges,
        "receipt": road_receipt(connection, found.roads, found.edges, asked.told(), caller, notes=notes),
    }  # fmt: skip


def lines_in_plane(graph: RoadGraph, parts: Parts) -> Shapes:
    """Return parts of edges as LineStrings in the plane."""
    return linestrings([graph.lines.part(*each) for each in _each(parts, np.arange(len(parts.edge)))])


def _bands(roads: RoadsOpen, searched: Searched, minutes: tuple[float, ...]) -> list[Band]:
    graph, all_parts = roads.graph, [reached_parts(searched, 60 * one) for one in minutes]
    whole = edges_of(graph, all_parts[-1])
    bounds = np.array([*whole.min(axis=0), *whole.max(axis=0)])
    around, closed = Surroundings(bounds, BESIDE_M), _closed_areas(roads, bounds)
    bands: list[Band] = []
    for one, parts in zip(minutes, all_parts, strict=True):
        known = bands[-1].parts.edge[bands[-1].parts.is_whole] if bands else np.empty(0, np.int64)
        for xy in _vertices(graph, parts, known):
            around.add(xy)
        flat = _open_area(around.area(FILLED_M2), graph, parts, closed)
        area = graph.plane.back.geometries(np.array([flat], object))[0]
        length = float((graph.length_m[parts.edge] * (parts.end - parts.start)).sum())
        bands.append(Band(one, area, parts, length))
    return bands


def _vertices(graph: RoadGraph, parts: Parts, known: Numbers) -> tuple[Metres, Metres]:
    """Return the ends of parts of edges, and vertices along them; without edges of which all is known already."""
    is_wanted = np.zeros(len(graph.ids), bool)
    is_wanted[parts.edge[parts.is_whole]] = True
    is_wanted[known] = False
    lines = graph.samples
    ends = lines.xy[np.concatenate([lines.first[:-1][is_wanted], lines.first[1:][is_wanted] - 1])]
    cut = [lines.part(*each) for each in _each(parts, np.flatnonzero(~parts.is_whole))]
    along = np.concatenate([*cut, lines.whole(is_wanted)])
    return np.concatenate([ends, *(piece[[0, -1]] for piece in cut)]), along


def _each(parts: Parts, numbers: Numbers) -> list[tuple[int, float, float]]:
    columns = (parts.edge[numbers].tolist(), parts.start[numbers].tolist(), parts.end[numbers].tolist())
    return list(zip(*columns, strict=True))


def _closed_areas(roads: RoadsOpen, bounds: Any) -> shapely.Geometry | None:
    """Return the areas that are closed, in the plane, as far as they matter."""
    if not roads.cut.closures:
        return None
    flat = np.array([shape_in_plane(roads.graph, closure) for closure in roads.cut.closures], object)
    west, south, east, north = (bounds + np.array([-1, -1, 1, 1]) * 4 * BESIDE_M).tolist()
    near = shapely.make_valid(shapely.clip_by_rect(flat, west, south, east, north))
    areas = near[shapely.area(near) > 0]
    return shapely.union_all(areas) if len(areas) else None


def _open_area(
    area: shapely.Geometry, graph: RoadGraph, parts: Parts, closed: shapely.Geometry | None
) -> shapely.Geometry:
    if closed is None:
        return area
    near = graph.tree.query(closed, predicate="intersects")
    kept = np.flatnonzero(np.isin(parts.edge, near))
    crossing = lines_in_plane(graph, Parts(parts.edge[kept], parts.start[kept], parts.end[kept]))
    rest = shapely.difference(area, closed)
    return shapely.union_all([rest, *shapely.buffer(crossing, _CROSSING_M, quad_segs=2)]) if len(crossing) else rest


def _feature(band: Band) -> dict[str, Any]:
    shape = shapely.MultiPolygon(_areas(_rounded(band.area)))
    return {
        "type": "Feature",
        "geometry": orjson.loads(str(shapely.to_geojson(shape))),
        "properties": {
            "minutes": band.minutes,
            "area_m2": round(area_m2(shape), 1),
            "roads_m": round(band.length_m, 1),
        },
    }


def _rounded(area: shapely.Geometry) -> shapely.Geometry:
    rounded: shapely.Geometry = shapely.transform(area, lambda xy: np.round(xy, _DECIMALS))
    if not shapely.is_valid(rounded):
        # It takes several times as long, and is seldom needed.
        rounded = shapely.set_precision(area, 10.0**-_DECIMALS)
    return rounded


def _areas(shape: shapely.Geometry) -> list[shapely.Polygon]:
    parts = shapely.get_parts(shape)
    return [one for part in parts for one in shapely.get_parts(part) if isinstance(one, shapely.Polygon)]
