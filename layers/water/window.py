"""A window of the ground as square cells in the metric CRS, for water to run over."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.io import DatasetReader
from sqlalchemy import Connection

from cim.crs import area_m2, from_geographic, to_geographic
from cim.errors import NotFound, TooLarge
from layers.terrain.heights import Raster, raster_path, rasters_within, read_band, read_ground

Metres = NDArray[np.float64]
Box = tuple[float, float, float, float]

#: Cells of a window that is read while somebody waits; beyond that cells are larger.
MAX_CELLS = 1_500_000
MAX_AREA_M2 = 2_000e6
#: Straight sides in degrees are bent in metres.
_SIDES_M = 2000.0
_UNKNOWN_PIXEL_M = 30.0
_LEAST_PIXEL_M = 0.5
#: Pixels of a raster that are read at one time.
_STRIP_PX = 4_000_000


class Window(NamedTuple):
    """Heights of the ground, north up, NaN where no raster knows one.

    Attributes
    ----------
    heights
        Metres in the rasters' vertical datum, one a cell.
    west, north
        The outer edges, metric CRS.
    cell_m, pixel_m
        Width of a cell, and of the finest raster's pixels.
    cell_area_m2
        Of the ellipsoid.
    is_own
        True where the cells are whole pixels of the finest raster (their mean, where a cell is several).
    """

    heights: Metres
    west: float
    north: float
    cell_m: float
    pixel_m: float
    cell_area_m2: float
    is_own: bool
    metric_crs: str
    rasters: list[Raster]

    @property
    def place(self) -> Affine:
        """The affine transform from column and row to the metric CRS."""
        return Affine(self.cell_m, 0, self.west, 0, -self.cell_m, self.north)

    def metric(self, geometries: NDArray[np.object_]) -> NDArray[np.object_]:
        """Return geometries (EPSG:4490) in the metric CRS, without heights."""
        return from_geographic(self.metric_crs).geometries(shapely.force_2d(geometries))

    def cells_of(self, longitude: Metres, latitude: Metres) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return row and column of the cells in which places lie; they may be outside."""
        x, y = from_geographic(self.metric_crs).points(longitude, latitude)
        row = np.floor((self.north - y) / self.cell_m).astype(np.int64)
        return row, np.floor((x - self.west) / self.cell_m).astype(np.int64)

    def has(self, row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which cells are of the window."""
        height, width = self.heights.shape
        inside: NDArray[np.bool_] = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        return inside


class _Frame(NamedTuple):
    west: float
    north: float
    rows: int
    columns: int
    cell_m: float


def read_window(
    connection: Connection, files: Path, metric_crs: str, bounds: Box, cells: Callable[[float, float], float]
) -> Window:
    """Return the ground within bounds.

    Parameters
    ----------
    files
        The deployment's folder of files (``settings.files``).
    bounds
        West, south, east, north in degrees; grown to whole cells.
    cells
        From the window's area (square metres) and the width of a pixel (metres) to the least width of a cell.

    Raises
    ------
    TooLarge
        The window is larger than ``MAX_AREA_M2``.
    NotFound
        No raster knows the ground there.
    """
    _require_small(bounds)
    rasters = [row for row in rasters_within(connection, bounds, "dtm") if raster_path(files, row).exists()]
    if not rasters:
        raise _nowhere(bounds)
    frame, pixel_m, is_own, heights = _first_heights(files, rasters[0], bounds, metric_crs, cells)
    used = {0} if np.isfinite(heights).any() else set()
    if not is_own or len(rasters) > 1:
        used |= _take_points(connection, files, frame, metric_crs, heights, rasters)
    if not np.isfinite(heights).any():
        raise _nowhere(bounds)
    area = _area_m2(frame, metric_crs) / heights.size
    return Window(
        heights, frame.west, frame.north, frame.cell_m, pixel_m, area, is_own, metric_crs,
        [rasters[number] for number in sorted(used)],
    )  # fmt: skip


def cells_at_most(most: int) -> Callable[[float, float], float]:
    """Return a rule for the width of cells that makes so many of them."""
    return lambda area, pixel: max(pixel, math.sqrt(area / most))


def _require_small(bounds: Box) -> None:
    size = area_m2(shapely.box(*bounds))
    if not 0 < size <= MAX_AREA_M2:
        raise TooLarge(
            f"the window of the flood measures {size / 1e6:.6g} km2; more than 0 and at most {MAX_AREA_M2 / 1e6:g} km2"
            " are looked at: say a smaller 'within'",
            "flood_too_large", km2=size / 1e6, most_km2=MAX_AREA_M2 / 1e6,
        )  # fmt: skip


def _nowhere(bounds: Box) -> NotFound:
    west, south, east, north = bounds
    return NotFound(
        f"no raster knows the ground between {west:.5f}, {south:.5f} and {east:.5f}, {north:.5f}:"
        " import a terrain model (GeoTIFF) of it, or ask where there is one",
        "no_terrain_there", place=f"{west:.5f}, {south:.5f}, {east:.5f}, {north:.5f}",
    )  # fmt: skip


def _first_heights(
    files: Path, row: Raster, bounds: Box, metric_crs: str, cells: Callable[[float, float], float]
) -> tuple[_Frame, float, bool, Metres]:
    """Return the cells, the width of a pixel, whether cells are whole pixels of the raster, and then their heights."""
    with rasterio.open(raster_path(files, row)) as finest:
        pixel = _own_pixel(finest, row, metric_crs)
        pixel_m = pixel or max(_LEAST_PIXEL_M, row.resolution_m or _UNKNOWN_PIXEL_M)
        frame = _frame(_metric_box(bounds, metric_crs), pixel_m, cells, finest if pixel else None)
        heights = np.full((frame.rows, frame.columns), np.nan)
        if pixel:
            _take_pixels(finest, frame, round(frame.cell_m / pixel_m), heights)
    return frame, pixel_m, bool(pixel), heights


def _own_pixel(raster: DatasetReader, row: Raster, metric_crs: str) -> float | None:
    """Return the width of the raster's pixels where they are squares of the metric CRS, north up."""
    frame = raster.transform
    is_square = frame.b == frame.d == 0 and frame.a > 0 and math.isclose(frame.a, -frame.e, rel_tol=1e-9)
    return float(frame.a) if is_square and row.crs == metric_crs else None


def _metric_box(bounds: Box, metric_crs: str) -> Box:
    west, south, east, north = bounds
    degrees = _SIDES_M / 110_000
    sides = shapely.segmentize(shapely.box(west, south, east, north), degrees)
    moved = from_geographic(metric_crs).geometries(np.array([sides], dtype=object))
    left, bottom, right, top = (float(side) for side in shapely.bounds(moved[0]))
    return left, bottom, right, top


def _frame(box: Box, pixel_m: float, cells: Callable[[float, float], float], own: DatasetReader | None) -> _Frame:
    west, south, east, north = box
    least = cells((east - west) * (north - south), pixel_m)
    # not one pixel more for the rounding of a square root
    cell = pixel_m * max(1, math.ceil(least / pixel_m - 1e-6))
    left, top = (own.transform.c, own.transform.f) if own is not None else (0.0, 0.0)
    first, last = math.floor((west - left) / cell + 1e-6), math.ceil((east - left) / cell - 1e-6)
    upper, lower = math.floor((top - north) / cell + 1e-6), math.ceil((top - south) / cell - 1e-6)
    return _Frame(left + first * cell, top - upper * cell, max(1, lower - upper), max(1, last - first), cell)


def _take_pixels(raster: DatasetReader, frame: _Frame, factor: int, heights: Metres) -> None:
    """Fill cells with the mean of the pixels that they are."""
    pixel = frame.cell_m / factor
    left = round((frame.west - raster.transform.c) / pixel)
    top = round((raster.transform.f - frame.north) / pixel)
    west, east = max(0, left), min(raster.width, left + frame.columns * factor)
    if west >= east:
        return
    for first, last in _strips(frame.rows, frame.columns * factor * factor):
        north, south = max(0, top + first * factor), min(raster.height, top + last * factor)
        if north >= south:
            continue
        fine = np.full(((last - first) * factor, frame.columns * factor), np.nan)
        row, column = north - top - first * factor, west - left
        fine[row : row + south - north, column : column + east - west] = read_band(raster, west, north, east, south)
        heights[first:last] = _means(fine, factor)


def _strips(rows: int, pixels_a_row: int) -> Iterator[tuple[int, int]]:
    step = max(1, _STRIP_PX // max(1, pixels_a_row))
    for first in range(0, rows, step):
        yield first, min(rows, first + step)


def _means(fine: Metres, factor: int) -> Metres:
    if factor == 1:
        return fine
    blocks = fine.reshape(fine.shape[0] // factor, factor, fine.shape[1] // factor, factor)
    known = np.isfinite(blocks)
    count = known.sum(axis=(1, 3))
    sums = np.where(known, blocks, 0.0).sum(axis=(1, 3))
    return np.where(count > 0, sums / np.maximum(count, 1), np.nan)


def _take_points(
    connection: Connection, files: Path, frame: _Frame, metric_crs: str, heights: Metres, rasters: list[Raster]
) -> set[int]:
    """Fill what is left with heights at the middles of cells, bilinear, of the finest raster that knows one."""
    row, column = np.nonzero(np.isnan(heights))
    if len(row) == 0:
        return set()
    x, y = frame.west + (column + 0.5) * frame.cell_m, frame.north - (row + 0.5) * frame.cell_m
    lon, lat = to_geographic(metric_crs).points(x, y)
    found = read_ground(connection, files, lon, lat, fill=False)
    heights[row, column] = found.heights_m
    ids = {found.rasters[place].id for place in np.unique(found.raster[found.raster >= 0])}
    return {number for number, raster in enumerate(rasters) if raster.id in ids}


def _area_m2(frame: _Frame, metric_crs: str) -> float:
    east, south = frame.west + frame.columns * frame.cell_m, frame.north - frame.rows * frame.cell_m
    outline = shapely.segmentize(shapely.box(frame.west, south, east, frame.north), _SIDES_M)
    return area_m2(to_geographic(metric_crs).geometries(np.array([outline], dtype=object))[0])
