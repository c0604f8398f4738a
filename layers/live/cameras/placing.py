"""Where one more camera would see most of what none sees: places on roads or on open ground, tried one by one.

Each place is looked from all round once; how much of the blind area it can reach at most is known before, so places
that cannot be better than those found are not tried. A camera with a front is turned to where it sees most.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
import rasterio.features
import shapely
from numpy.typing import NDArray
from rasterio import Affine
from sqlalchemy import Connection, func, select

from cim.access import Caller
from cim.crs import from_geographic, to_geographic
from cim.tables import GEOGRAPHIC_SRID, road
from layers.live.cameras.asked import Placing
from layers.live.cameras.camera import Camera
from layers.live.cameras.coverage import MAX_LISTED, Cover, cover_of, receipt_of
from layers.live.cameras.kept import Ground
from layers.live.cameras.surface import Surface, read_surface
from layers.live.cameras.told import camera_as_json
from layers.live.cameras.viewshed import CELLS_M, cell_for, see
from layers.queries.visible import in_area, visible_layers

MOST_SECONDS = 8.0
#: The surface of the zone has no more cells than this.
MAX_CELLS = 9_000_000
_BINS = 360


class Place(NamedTuple):
    """A place that was tried: what it gains of the blind area, cells, and which way to look (grid bearing)."""

    x: float
    y: float
    gained: int
    azimuth_deg: float


def suggest_places(connection: Connection, ground: Ground, placing: Placing, caller: Caller) -> dict[str, Any]:
    """Return the places where one more camera sees most of a zone's blind area, as a GeoJSON FeatureCollection.

    Raises
    ------
    NotFound, TooLarge
    """
    cover = cover_of(connection, ground, placing.asked, caller)
    places, along = _candidates(connection, ground, placing, cover, caller)
    surface = _surface(connection, ground, placing, cover)
    blind = _blind_cells(surface, cover.blind)
    found, tried = _try(surface, blind, placing, places)
    cell_m2 = surface.cell_m**2
    whole_m2 = float(blind.sum() * cell_m2)
    return {
        "type": "FeatureCollection",
        "features": [_feature(ground, place, placing, cell_m2, whole_m2) for place in found],
        "blind_m2": whole_m2,
        "candidates": len(places),
        "tried": tried,
        "along": along,
        "cell_m": surface.cell_m,
        "offline_left_out": [camera_as_json(view.camera) for view in cover.left_out[:MAX_LISTED]],
        "receipt": receipt_of(connection, caller, [*cover.views, *cover.left_out], placing.parameters(), notes=_NOTES),
    }


_NOTES = (
    {"code": "one_camera", "message": "each place is for one more camera alone: gains of several overlap"},
    {"code": "tried", "message": "places that could not gain more than those found, by what lies in their range, count "
        "as candidates but were not tried; nor were others where the time was over"},
)  # fmt: skip


def _candidates(
    connection: Connection, ground: Ground, placing: Placing, cover: Cover, caller: Caller
) -> tuple[NDArray[np.float64], str]:
    """Return places (n x 2, metric CRS) at even distances, and whether they are on roads or on open ground."""
    if shapely.is_empty(cover.blind):
        return np.empty((0, 2)), placing.along
    if placing.along == "roads":
        lines = shapely.intersection(_roads(connection, ground, placing, caller), cover.open_ground)
        length = float(shapely.length(lines))
        if length > 0:
            parts = shapely.get_parts(lines)
            step = max(1.0, length / placing.candidates)
            at = np.cumsum(shapely.length(parts))
            stations = np.arange(step / 2, length, step)
            which = np.searchsorted(at, stations).clip(0, len(parts) - 1)
            points = shapely.line_interpolate_point(parts[which], stations - (at - shapely.length(parts))[which])
            return shapely.get_coordinates(points)[: placing.candidates], "roads"
    return _grid(cover.open_ground, placing.candidates), "ground"


def _roads(connection: Connection, ground: Ground, placing: Placing, caller: Caller) -> shapely.Geometry:
    """Return the roads of a zone that the caller may see, as lines of the metric CRS."""
    layers = [entry.id for entry in visible_layers(connection, caller) if entry.table is road]
    box = func.ST_MakeEnvelope(*shapely.bounds(placing.asked.geometry).tolist(), GEOGRAPHIC_SRID)
    statement = select(func.ST_AsBinary(road.c.geom)).where(
        road.c.layer_id.in_(layers), in_area(road, caller), road.c.geom.op("&&")(box)
    )
    lines = shapely.from_wkb(np.array(list(connection.execute(statement).scalars()), dtype=object))
    return shapely.union_all(from_geographic(ground.metric_crs).geometries(lines))


def _grid(area: shapely.Geometry, most: int) -> NDArray[np.float64]:
    """Return at most so many places of an area at the crossings of squares."""
    west, south, east, north = shapely.bounds(area).tolist()
    step = max(1.0, float(np.sqrt(shapely.area(area) / most)))
    shapely.prepare(area)
    while True:
        x, y = np.meshgrid(np.arange(west + step / 2, east, step), np.arange(south + step / 2, north, step))
        inside = shapely.contains_xy(area, x.ravel(), y.ravel())
        if inside.sum() <= most:
            return np.column_stack([x.ravel()[inside], y.ravel()[inside]])
        step *= 1.05


def _surface(connection: Connection, ground: Ground, placing: Placing, cover: Cover) -> Surface:
    margin = placing.range_m + 10 * CELLS_M[-1]
    west, south, east, north = shapely.bounds(cover.zone).tolist()
    box = (west - margin, south - margin, east + margin, north + margin)
    cells = [cell for cell in CELLS_M if (box[2] - box[0]) * (box[3] - box[1]) <= MAX_CELLS * cell**2]
    cell = max(cell_for(placing.range_m), cells[0] if cells else CELLS_M[-1])
    return read_surface(connection, ground.files, ground.metric_crs, box, cell)


def _blind_cells(surface: Surface, blind: shapely.Geometry) -> NDArray[np.bool_]:
    if shapely.is_empty(blind):
        return np.zeros(surface.ground.shape, np.bool_)
    place = Affine(surface.cell_m, 0, surface.west, 0, -surface.cell_m, surface.north)
    cells = rasterio.features.geometry_mask([blind], surface.ground.shape, place, invert=True)
    return np.asarray(cells & ~surface.is_building, np.bool_)


def _try(
    surface: Surface, blind: NDArray[np.bool_], placing: Placing, places: NDArray[np.float64]
) -> tuple[list[Place], int]:
    """Return the best places and how many were tried."""
    most = _within_reach(surface, blind, places, placing.range_m)
    end = time.monotonic() + MOST_SECONDS
    found: list[Place] = []
    tried = 0
    for number in np.argsort(-most, kind="stable").tolist():
        worst = found[placing.places - 1].gained if len(found) >= placing.places else 0
        if most[number] <= worst or time.monotonic() > end:
            break
        tried += 1
        found = _best([*found, _tried(surface, blind, placing, *places[number].tolist())], placing)
    return found, tried


def _best(places: list[Place], placing: Placing) -> list[Place]:
    """Return the best places that stand half a range or more from better ones."""
    best: list[Place] = []
    for place in sorted(places, key=lambda place: -place.gained):
        if place.gained and all(np.hypot(place.x - one.x, place.y - one.y) >= placing.range_m / 2 for one in best):
            best.append(place)
    return best[: placing.places]


def _tried(surface: Surface, blind: NDArray[np.bool_], placing: Placing, x: float, y: float) -> Place:
    seen = see(surface, _camera_at(x, y, placing, 0.0), placing.asked.height_m)
    is_gain = seen.is_seen(placing.asked.height_m) & blind[seen.rows, seen.columns]
    if placing.hfov_deg >= 360:
        return Place(x, y, int(is_gain.sum()), 0.0)
    east, south = seen.columns[is_gain] - seen.eye.column, seen.rows[is_gain] - seen.eye.row
    bearing = np.rad2deg(np.arctan2(east, -south)) % 360
    gains = np.bincount(bearing.astype(int) % _BINS, minlength=_BINS)
    width = max(1, int(placing.hfov_deg))
    rounds = np.concatenate([[0], np.cumsum(np.concatenate([gains, gains]))])
    sums = rounds[width : width + _BINS] - rounds[:_BINS]
    first = int(sums.argmax())
    return Place(x, y, int(sums[first]), (first + width / 2) % 360)


def _camera_at(x: float, y: float, placing: Placing, azimuth_deg: float) -> Camera:
    return Camera(
        0, None, None, None, None, 0.0, 0.0, x, y, placing.mount_height_m, azimuth_deg, 360.0, 0.0, None,
        placing.range_m, {},
    )  # fmt: skip


def _within_reach(
    surface: Surface, blind: NDArray[np.bool_], places: NDArray[np.float64], range_m: float
) -> NDArray[np.int64]:
    """Return for each place how many blind cells lie in the square around it: more it cannot see."""
    sums = np.zeros((blind.shape[0] + 1, blind.shape[1] + 1), np.int64)
    sums[1:, 1:] = blind.cumsum(axis=0, dtype=np.int64).cumsum(axis=1)
    reach = int(np.ceil(range_m / surface.cell_m)) + 1
    row = np.floor((surface.north - places[:, 1]) / surface.cell_m).astype(int)
    column = np.floor((places[:, 0] - surface.west) / surface.cell_m).astype(int)
    top, bottom = (np.clip(row + by, 0, blind.shape[0]) for by in (-reach, reach + 1))
    left, right = (np.clip(column + by, 0, blind.shape[1]) for by in (-reach, reach + 1))
    return np.asarray(sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left], np.int64)


def _feature(ground: Ground, place: Place, placing: Placing, cell_m2: float, whole_m2: float) -> dict[str, Any]:
    # a step in the direction in which it looks, for its true bearing
    turn = np.deg2rad(place.azimuth_deg)
    lon, lat = to_geographic(ground.metric_crs).points(
        [place.x, place.x + 100 * np.sin(turn)], [place.y, place.y + 100 * np.cos(turn)]
    )
    bearing = float(np.rad2deg(np.arctan2((lon[1] - lon[0]) * np.cos(np.deg2rad(lat[0])), lat[1] - lat[0]))) % 360
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [round(float(lon[0]), 8), round(float(lat[0]), 8)]},
        "properties": {
            "gain_m2": place.gained * cell_m2,
            "gain_share": round(place.gained * cell_m2 / whole_m2, 4) if whole_m2 else None,
            "azimuth_deg": None if placing.hfov_deg >= 360 else round(bearing, 1),
            "hfov_deg": placing.hfov_deg,
            "mount_height_m": placing.mount_height_m,
            "range_m": placing.range_m,
        },
    }
