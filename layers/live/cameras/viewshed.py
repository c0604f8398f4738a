"""What one camera sees of the ground: cells, their outline, and shares by distance."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import rasterio.features
import shapely
from numpy.typing import NDArray
from rasterio import Affine

from cim.crs import to_geographic
from layers.live.cameras.camera import Camera
from layers.live.cameras.eye import MAX_SHIFT_M, Eye, place_eye
from layers.live.cameras.rays import rounded_reach
from layers.live.cameras.sight import Sector, look
from layers.live.cameras.surface import Box, Heights, Surface

#: Above the ground: eyes and hands of a grown person, the roof of a car.
TARGET_HEIGHT_M = 1.5
#: Widths of cells; a camera gets the first at which its range is no more than ``MAX_CELLS`` of them.
CELLS_M = (1.0, 2.0, 5.0)
MAX_CELLS = 200
#: Parts of the range by which shares are told.
RINGS = 5


class Seen(NamedTuple):
    """Cells of a camera's sector, as rows and columns of the surface.

    Attributes
    ----------
    lowest_m
        Above the ground of each cell: from this height on it is seen. Infinite outside of the vertical field's edge.
    distance_m
        From the eye, on the map.
    is_ground
        False in buildings.
    """

    eye: Eye
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    distance_m: NDArray[np.float32]
    lowest_m: NDArray[np.float32]
    is_ground: NDArray[np.bool_]
    is_in_field: NDArray[np.bool_]

    def is_seen(self, target_m: float) -> NDArray[np.bool_]:
        """Tell which cells of the ground are seen where a target stands so high above them."""
        return self.is_ground & self.is_in_field & (self.lowest_m <= target_m)


class Viewshed(NamedTuple):
    """What is kept and told of a camera; geometries in EPSG:4490.

    Attributes
    ----------
    geometry
        Multipolygon, empty where it sees nothing.
    seen_m2, ground_m2
        Open ground in its sector, that which is seen and all of it.
    rings
        For each fifth of the range: ``from_m``, ``to_m``, ``ground_m2``, ``seen_m2``, ``share`` (None: no ground).
    """

    geometry: shapely.MultiPolygon
    reach: shapely.Polygon
    seen_m2: float
    ground_m2: float
    rings: list[dict[str, Any]]
    eye: Eye
    cell_m: float
    terrain: str
    target_height_m: float


def cell_for(range_m: float) -> float:
    """Return the width of the cells for a range."""
    return next((cell for cell in CELLS_M if range_m <= cell * MAX_CELLS), CELLS_M[-1])


def box_around(camera: Camera) -> Box:
    """Return the box (metric CRS) of the surface that a camera's viewshed needs: its sector, and room to move."""
    margin = 4 * cell_for(camera.range_m) + MAX_SHIFT_M
    half = camera.hfov_deg / 2
    # the apex, both ends of the arc, and where the arc is farthest out to the four sides
    turns = [camera.azimuth_deg - half, camera.azimuth_deg + half]
    turns += [side for side in (0.0, 90.0, 180.0, 270.0) if between_deg(side, camera.azimuth_deg) <= half]
    x = camera.x + np.append(np.sin(np.deg2rad(turns)), 0.0) * camera.range_m
    y = camera.y + np.append(np.cos(np.deg2rad(turns)), 0.0) * camera.range_m
    return float(x.min()) - margin, float(y.min()) - margin, float(x.max()) + margin, float(y.max()) + margin


def between_deg(one: float, other: float) -> float:
    """Return the angle between two bearings, 0 to 180."""
    return abs((one - other + 180) % 360 - 180)


def see(surface: Surface, camera: Camera, target_m: float) -> Seen:
    """Return what a camera sees of a surface that reaches as far as :func:`box_around` says.

    Parameters
    ----------
    target_m
        Height above ground at which the vertical field, where it is known, is compared.
    """
    eye = place_eye(surface, camera)
    reach = rounded_reach(camera.range_m / surface.cell_m)
    top, left = eye.row - reach, eye.column - reach
    square = _square(surface, top - 1, left - 1, 2 * reach + 3)
    sector = Sector(camera.azimuth_deg, camera.hfov_deg, camera.range_m / surface.cell_m)
    sight = look(square, eye.height_m, sector, reach)
    row, column = np.divmod(sight.cells, 2 * reach + 1)
    row, column = row + top, column + left
    ground = surface.ground[row, column]
    distance = sight.distance * np.float32(surface.cell_m)
    is_in_field = np.full(len(row), eye.mount != "indoors")
    if camera.vfov_deg is not None:
        rise = np.rad2deg(np.arctan2(ground + np.float32(target_m) - np.float32(eye.height_m), distance))
        is_in_field &= np.abs(rise - np.float32(camera.tilt_deg)) <= camera.vfov_deg / 2
    is_ground = ~surface.is_building[row, column]
    return Seen(eye, row, column, distance, sight.lowest_m - ground, is_ground, is_in_field)


def _square(surface: Surface, top: int, left: int, side: int) -> Heights:
    """Return a square of the surface's heights; no ray of the sector crosses what lies outside of it."""
    rows, columns = surface.heights.shape
    if top >= 0 and left >= 0 and top + side <= rows and left + side <= columns:
        return surface.heights[top : top + side, left : left + side]
    square = np.zeros((side, side), np.float32)
    north, west, south, east = max(0, top), max(0, left), min(rows, top + side), min(columns, left + side)
    square[north - top : south - top, west - left : east - left] = surface.heights[north:south, west:east]
    return square


def viewshed_of(surface: Surface, camera: Camera, metric_crs: str, target_m: float = TARGET_HEIGHT_M) -> Viewshed:
    """Return the viewshed of a camera for targets at a height above ground."""
    seen = see(surface, camera, target_m)
    is_seen = seen.is_seen(target_m)
    cell_m2 = surface.cell_m**2
    shape = outline(surface, seen.rows[is_seen], seen.columns[is_seen])
    moved = to_geographic(metric_crs).geometries(np.array([shape, _reach(surface, seen, camera)], dtype=object))
    return Viewshed(
        moved[0],
        shapely.box(*shapely.bounds(moved[1])),
        float(is_seen.sum() * cell_m2),
        float(seen.is_ground.sum() * cell_m2),
        _rings(seen, is_seen, camera.range_m, cell_m2),
        seen.eye,
        surface.cell_m,
        surface.terrain,
        target_m,
    )


def outline(surface: Surface, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> shapely.MultiPolygon:
    """Return the outline of cells in the metric CRS, simplified to half a cell."""
    if not len(rows):
        return shapely.MultiPolygon()
    top, left = int(rows.min()), int(columns.min())
    mask = np.zeros((int(rows.max()) - top + 1, int(columns.max()) - left + 1), np.uint8)
    mask[rows - top, columns - left] = 1
    west, north = surface.west + left * surface.cell_m, surface.north - top * surface.cell_m
    place = Affine(surface.cell_m, 0, west, 0, -surface.cell_m, north)
    drawn = rasterio.features.shapes(mask, mask.view(bool), connectivity=4, transform=place)
    whole = shapely.MultiPolygon([(part["coordinates"][0], part["coordinates"][1:]) for part, _ in drawn])
    simple = shapely.simplify(whole, surface.cell_m / 2)
    if not shapely.is_valid(simple):
        return whole
    return simple if simple.geom_type == "MultiPolygon" else shapely.MultiPolygon([simple])


def _reach(surface: Surface, seen: Seen, camera: Camera) -> shapely.Polygon:
    """Return the box of the sector with a margin: what lies outside changes nothing that is seen."""
    margin = 2 * surface.cell_m
    west = surface.west + float(seen.columns.min()) * surface.cell_m
    north = surface.north - float(seen.rows.min()) * surface.cell_m
    east = surface.west + float(seen.columns.max() + 1) * surface.cell_m
    south = surface.north - float(seen.rows.max() + 1) * surface.cell_m
    return shapely.box(
        min(west, camera.x) - margin,
        min(south, camera.y) - margin,
        max(east, camera.x) + margin,
        max(north, camera.y) + margin,
    )


def _rings(seen: Seen, is_seen: NDArray[np.bool_], range_m: float, cell_m2: float) -> list[dict[str, Any]]:
    edges = np.linspace(0, range_m, RINGS + 1)
    ring = np.clip(np.searchsorted(edges, seen.distance_m, "left") - 1, 0, RINGS - 1)
    ground = np.bincount(ring[seen.is_ground], minlength=RINGS) * cell_m2
    open_to_view = np.bincount(ring[is_seen], minlength=RINGS) * cell_m2
    return [
        {
            "from_m": round(float(edges[number]), 2),
            "to_m": round(float(edges[number + 1]), 2),
            "ground_m2": float(ground[number]),
            "seen_m2": float(open_to_view[number]),
            "share": round(float(open_to_view[number] / ground[number]), 4) if ground[number] else None,
        }
        for number in range(RINGS)
    ]
