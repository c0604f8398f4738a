"""Base and height of buildings from two rasters: the ground (DTM) and the surface with all that stands on it (DSM)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
import rasterio.features
import shapely
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from sqlalchemy import Connection

from cim.crs import transform_between
from cim.tables import GEOGRAPHIC_SRID
from layers.terrain.heights import FILL_REACH_PX, Raster, raster_path, rasters_within, read_band

#: Share of the pixels under a roof that lie below the height taken for it: the last tenth are masts, trees, noise.
ROOF_QUANTILE = 0.9
#: Share of the pixels of the ground that lie below the base.
BASE_QUANTILE = 0.1
MIN_PIXELS = 4
#: Less than this is no building but noise of the two surveys.
MIN_HEIGHT_M = 1.0
#: Footprints whose envelope in the raster is larger than this many pixels to a side are left out.
MAX_SIDE_PX = 4096


class Measured(NamedTuple):
    """What the rasters say of n footprints; NaN where they say nothing.

    Attributes
    ----------
    base_m, height_m
        The ground under the footprint in the vertical datum, and the roof above it.
    pixels
        How many heights of the surface lie inside each footprint.
    """

    base_m: NDArray[np.float64]
    height_m: NDArray[np.float64]
    pixels: NDArray[np.int64]


def measure_buildings(connection: Connection, files: Path, footprints: Sequence[shapely.Geometry]) -> Measured:
    """Return base and height of footprints (EPSG:4490) where both the ground and the surface are known.

    The base is the 10 % quantile of the ground's pixels under the footprint, filled from around where the building hid
    the ground; the roof is the 90 % quantile of the surface's pixels. A footprint of fewer than four pixels is not
    measured. Pixels belong to a footprint by their centre.
    """
    shapes = np.asarray(footprints, dtype=object)
    base, _ = _quantiles(connection, files, shapes, "dtm", BASE_QUANTILE, FILL_REACH_PX)
    roof, pixels = _quantiles(connection, files, shapes, "dsm", ROOF_QUANTILE, 0)
    height = roof - base
    height[~(height >= MIN_HEIGHT_M)] = np.nan
    return Measured(base, height, pixels)


def _quantiles(
    connection: Connection, files: Path, shapes: NDArray[np.object_], kind: str, quantile: float, reach_px: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    values, counts = np.full(len(shapes), np.nan), np.zeros(len(shapes), np.int64)
    if len(shapes) == 0:
        return values, counts
    west, south, east, north = shapely.total_bounds(shapes)
    for raster in rasters_within(connection, (west, south, east, north), kind):
        path = raster_path(files, raster)
        left = np.flatnonzero(np.isnan(values))
        if len(left) == 0 or not path.exists():
            continue
        with rasterio.open(path) as opened:
            for index, inside in _pixels(opened, raster, shapes[left], reach_px):
                if len(inside) >= MIN_PIXELS:
                    values[left[index]] = np.quantile(inside, quantile)
                    counts[left[index]] = len(inside)
    return values, counts


def _pixels(
    opened: DatasetReader, raster: Raster, shapes: NDArray[np.object_], reach_px: int
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield (index, heights inside) of each footprint that lies wholly in the raster."""
    moved = transform_between(f"EPSG:{GEOGRAPHIC_SRID}", raster.crs).geometries(shapely.force_2d(shapes))
    inverse = ~opened.transform
    for index, shape in enumerate(moved):
        corners = shapely.get_coordinates(shapely.box(*shapely.bounds(shape)))
        columns = inverse.a * corners[:, 0] + inverse.b * corners[:, 1] + inverse.c
        rows = inverse.d * corners[:, 0] + inverse.e * corners[:, 1] + inverse.f
        left, right = int(np.floor(columns.min())), int(np.ceil(columns.max()))
        top, bottom = int(np.floor(rows.min())), int(np.ceil(rows.max()))
        outside = left < 0 or top < 0 or right > opened.width or bottom > opened.height
        if outside or not 0 < right - left <= MAX_SIDE_PX or not 0 < bottom - top <= MAX_SIDE_PX:
            continue
        band = read_band(opened, left, top, right, bottom, reach_px)
        frame = opened.transform
        west, north = frame.c + left * frame.a + top * frame.b, frame.f + left * frame.d + top * frame.e
        place = rasterio.Affine(frame.a, frame.b, west, frame.d, frame.e, north)
        inside = rasterio.features.geometry_mask([shape], band.shape, place, invert=True)
        heights = band[inside]
        yield index, heights[np.isfinite(heights)]
