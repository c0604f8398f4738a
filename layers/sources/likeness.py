"""How well geometries lie on what the model holds: points in buildings, lines along roads, areas on areas."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from layers.sources.batch import Values

Fits = Callable[[Connection, "Comparison", Values], float]
#: Degrees: about 3 m around a building, 12 m around the axis of a road, 1 km around a place.
_AT_BUILDING, _AT_ROAD, _NEAR = 3e-5, 1.1e-4, 0.01
#: Square degrees, about 6 ha: what is larger is no building.
_LARGE = 5e-6
#: Fewer samples prove nothing; of large areas one is enough, for its outline has many points.
_LEAST = 8
_MOST_AREAS = 12
_SIMPLIFY_DEG = 2e-4
#: A better fit: by this share, and by so many standard errors above the best of all others.
_GAP, _SIGMAS = 0.2, 3.0
_GOOD = 0.5
_GOOD_AREA = 0.8

_NEAR_BUILDING = text(
    "SELECT EXISTS (SELECT FROM cim.building b WHERE b.geom && ST_Expand(p.geom, :near))"
    " FROM unnest(CAST(:shapes AS bytea[])) WITH ORDINALITY s (wkb, n),"
    " LATERAL (SELECT ST_GeomFromWKB(s.wkb, 4490) AS geom) p ORDER BY s.n"
)
_NEAR_ROAD = text(str(_NEAR_BUILDING).replace("cim.building", "cim.road"))
_IN_BUILDING = text(
    "SELECT count(*) FROM unnest(CAST(:shapes AS bytea[])) s (wkb),"
    " LATERAL (SELECT ST_GeomFromWKB(s.wkb, 4490) AS geom) p"
    " WHERE EXISTS (SELECT FROM cim.building b WHERE ST_DWithin(b.geom, p.geom, :tolerance))"
)
_ON_ROAD = text(str(_IN_BUILDING).replace("cim.building", "cim.road"))
_ON_BUILDING = text(
    "SELECT sum(coalesce((SELECT max(i.shared / (ST_Area(b.geom) + ST_Area(p.geom) - i.shared)) FROM cim.building b,"
    " LATERAL (SELECT ST_Area(ST_Intersection(b.geom, p.geom)) AS shared) i WHERE ST_Intersects(b.geom, p.geom)), 0))"
    " FROM unnest(CAST(:shapes AS bytea[])) s (wkb), LATERAL (SELECT ST_GeomFromWKB(s.wkb, 4490) AS geom) p"
)
_AREAS = text(
    "SELECT ST_AsBinary(ST_SimplifyPreserveTopology(f.geom, :simplify)) FROM cim.feature f"
    " WHERE f.layer_id IN ('admin_areas', :layer) AND ST_Dimension(f.geom) = 2 AND f.geom &&"
    " ST_MakeEnvelope(:west, :south, :east, :north, 4490) AND ST_Area(f.geom) > :large LIMIT 300"
)


@dataclass(frozen=True, eq=False)
class Comparison:
    """One way to compare a sample with the model.

    Attributes
    ----------
    what, verb
        Words for a message: 'of 60 points', '95 % lie in a building'.
    is_area
        True where outlines are compared: then the misfit must be halved, else the share raised.
    """

    reference: str
    shapes: Values
    what: str
    verb: str
    fit: Fits
    is_area: bool = False

    def fits(self, connection: Connection, moved: Mapping[str, Values]) -> dict[str, float]:
        """Return how well each version of the sample fits, 0 to 1."""
        return {name: self.fit(connection, self, shapes) for name, shapes in moved.items()}

    def is_better(self, fit: float, others: Sequence[float]) -> bool:
        """Tell whether a fit stands out from all others."""
        best = max(others)
        if self.is_area:
            return fit >= _GOOD_AREA and best < 0.98 and 1 - fit <= 0.5 * (1 - best)
        error = sqrt(max(best * (1 - best), 0.01) / len(self.shapes))
        return fit >= _GOOD and fit - best >= max(_GAP, _SIGMAS * error)


def comparisons_of(connection: Connection, layer_id: str, shapes: Values) -> list[Comparison]:
    """Return the comparisons that can be made of a sample (stored system) with what is in the model near it."""
    if not len(shapes):
        return []
    dimension = shapely.get_dimensions(shapes)
    is_large = shapely.area(shapes) > _LARGE
    points = shapely.force_2d(shapely.centroid(shapes[dimension == 0]))
    lines = shapes[dimension == 1]
    along = shapely.force_2d(shapely.line_interpolate_point(_longest(lines), 0.5, normalized=True))
    small = shapely.force_2d(shapes[(dimension == 2) & ~is_large])[:120]
    found = [
        _comparison(
            connection, _NEAR_BUILDING, "buildings", points, "points", "lie in a building", _share(_IN_BUILDING)
        ),
        _comparison(connection, _NEAR_ROAD, "roads", points, "points", "lie at a road", _share(_ON_ROAD)),
        _comparison(connection, _NEAR_ROAD, "roads", along, "lines", "run along a road", _share(_ON_ROAD)),
        _comparison(connection, _NEAR_BUILDING, "buildings", small, "outlines", "cover a building", _cover),
        _area_comparison(connection, layer_id, shapely.force_2d(shapes[(dimension == 2) & is_large])),
    ]
    return [comparison for comparison in found if comparison is not None]


def _comparison(
    connection: Connection, near: Any, reference: str, shapes: Values, what: str, verb: str, fit: Fits
) -> Comparison | None:
    if len(shapes) < _LEAST:
        return None
    is_near = connection.execute(near, {"shapes": _wkb(shapes), "near": _NEAR}).scalars().all()
    shapes = shapes[np.array(is_near, bool)]
    return Comparison(reference, shapes, f"{len(shapes)} {what}", verb, fit) if len(shapes) >= _LEAST else None


def _area_comparison(connection: Connection, layer_id: str, shapes: Values) -> Comparison | None:
    if not len(shapes):
        return None
    shapes = shapes[np.argsort(-shapely.area(shapes), kind="stable")[:_MOST_AREAS]]
    west, south, east, north = shapely.total_bounds(shapes).tolist()
    bounds = {"west": west - _NEAR, "south": south - _NEAR, "east": east + _NEAR, "north": north + _NEAR}
    rows = connection.execute(_AREAS, bounds | {"layer": layer_id, "simplify": _SIMPLIFY_DEG, "large": _LARGE})
    known = shapely.from_wkb([bytes(row[0]) for row in rows])
    shapes = shapely.make_valid(shapely.simplify(shapes, _SIMPLIFY_DEG))
    if not len(known) or not len(shapely.STRtree(known).query(shapes, "intersects")[0]):
        return None

    def fit(_connection: Connection, _comparison: Comparison, moved: Values) -> float:
        return float(_best_overlaps(moved, known).mean())

    # Only areas that the model has too: a file of more districts than are known says nothing by the others.
    shapes = shapes[_best_overlaps(shapes, known) > _GOOD]
    what = f"{len(shapes)} areas, compared with those known"
    return Comparison("areas", shapes, what, "of the common area is shared", fit, is_area=True) if len(shapes) else None


def _best_overlaps(shapes: Values, known: Values) -> NDArray[np.float64]:
    """Return the intersection over union of each shape with the area that it fits best."""
    a, b = shapely.STRtree(known).query(shapes, "intersects")
    shared = shapely.area(shapely.intersection(shapes[a], known[b]))
    share = shared / (shapely.area(shapes)[a] + shapely.area(known)[b] - shared)
    best = np.zeros(len(shapes))
    np.maximum.at(best, a, share)
    return best


def _longest(lines: Values) -> Values:
    """Return the longest part of each line."""
    parts, index = shapely.get_parts(lines, return_index=True)
    order = np.lexsort((shapely.length(parts), index))
    last = np.flatnonzero(np.diff(np.append(index[order], -1)))
    found: Values = parts[order][last]
    return found


def _share(statement: Any) -> Fits:
    tolerance = _AT_BUILDING if statement is _IN_BUILDING else _AT_ROAD

    def fit(connection: Connection, test: Comparison, shapes: Values) -> float:
        hits = connection.execute(statement, {"shapes": _wkb(shapes), "tolerance": tolerance}).scalar_one()
        return float(hits) / len(test.shapes)

    return fit


def _cover(connection: Connection, test: Comparison, shapes: Values) -> float:
    return float(connection.execute(_ON_BUILDING, {"shapes": _wkb(shapes)}).scalar_one() or 0) / len(test.shapes)


def _wkb(shapes: Values) -> list[bytes]:
    found: list[bytes] = shapely.to_wkb(shapes).tolist()
    return found
