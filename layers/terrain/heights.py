"""Heights at points, read from the mosaic of the deployment's rasters by windows.

Of several rasters the finest with a height counts. Voids stay void in the files; where asked for, they are filled from
their neighbours while reading (GDAL's inverse distance weighting), and the answer says which heights were.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
from numpy.typing import ArrayLike, NDArray
from rasterio.fill import fillnodata
from rasterio.io import DatasetReader
from rasterio.windows import Window
from sqlalchemy import Connection, func, select

from cim.crs import transform_between
from cim.tables import GEOGRAPHIC_SRID, terrain

#: Points are sorted into tiles of this many pixels, each read once.
_TILE = 1024
_HEIGHT_RANGE_M = (-12_000.0, 9_000.0)
#: Voids are filled from heights at most this many pixels away.
FILL_REACH_PX = 64

Heights = NDArray[np.float64]


class Raster(NamedTuple):
    """One raster of the deployment."""

    id: int
    dataset_id: int | None
    file_key: str
    crs: str
    vertical_crs: str | None
    resolution_m: float | None


class Ground(NamedTuple):
    """Heights of n points and where they come from.

    Attributes
    ----------
    heights_m
        NaN where no raster says anything.
    is_filled
        True where a void was filled from its neighbours.
    raster
        Place in ``rasters`` of the raster that gave each height; -1 where none did.
    """

    heights_m: Heights
    is_filled: NDArray[np.bool_]
    raster: NDArray[np.int64]
    rasters: list[Raster]


def sample_heights(connection: Connection, files: Path, longitude: ArrayLike, latitude: ArrayLike) -> Heights:
    """Return the height of the ground at points, bilinear between the centres of pixels.

    Parameters
    ----------
    files
        The deployment's folder of files (``settings.files``).
    longitude, latitude
        Degrees in the stored CRS.

    Returns
    -------
    numpy.ndarray
        Metres in the raster's vertical datum; NaN where no raster of the ground (kind 'dtm') has a height. Of several
        rasters the finest with a height counts.
    """
    return read_ground(connection, files, longitude, latitude, fill=False).heights_m


def read_ground(
    connection: Connection,
    files: Path,
    longitude: ArrayLike,
    latitude: ArrayLike,
    *,
    kind: str = "dtm",
    fill: bool = True,
) -> Ground:
    """Return heights at points with their origin; see :func:`sample_heights` for the parameters.

    Parameters
    ----------
    kind
        ``dtm``: the ground; ``dsm``: the surface with all that stands on it.
    fill
        Whether voids are filled, after all rasters have been asked for a height of their own.
    """
    lon, lat = np.atleast_1d(np.asarray(longitude, float)), np.atleast_1d(np.asarray(latitude, float))
    found = Ground(np.full(len(lon), np.nan), np.zeros(len(lon), bool), np.full(len(lon), -1), [])
    if len(lon) == 0:
        return found
    bounds = (float(np.nanmin(lon)), float(np.nanmin(lat)), float(np.nanmax(lon)), float(np.nanmax(lat)))
    rasters = [row for row in rasters_within(connection, bounds, kind) if raster_path(files, row).exists()]
    found.rasters.extend(rasters)
    for reach_px in (0, FILL_REACH_PX) if fill else (0,):
        for place, raster in enumerate(rasters):
            left = np.flatnonzero(np.isnan(found.heights_m) & np.isfinite(lon) & np.isfinite(lat))
            if len(left) == 0:
                return found
            with rasterio.open(raster_path(files, raster)) as opened:
                heights = sample(opened, raster.crs, lon[left], lat[left], reach_px=reach_px)
            known = left[np.isfinite(heights)]
            found.heights_m[known] = heights[np.isfinite(heights)]
            found.raster[known], found.is_filled[known] = place, reach_px > 0
    return found


def sample(raster: DatasetReader, crs: str, longitude: Heights, latitude: Heights, *, reach_px: int = 0) -> Heights:
    """Return bilinear heights at points from one raster, NaN outside and where a void is among the four neighbours.

    Parameters
    ----------
    reach_px
        Voids are filled from heights up to this many pixels away; 0: they stay void.
    """
    x, y = transform_between(f"EPSG:{GEOGRAPHIC_SRID}", crs).points(longitude, latitude, strict=False)
    x, y, inverse = np.asarray(x), np.asarray(y), ~raster.transform
    # Pixels have their height at their centres.
    column = inverse.a * x + inverse.b * y + inverse.c - 0.5
    row = inverse.d * x + inverse.e * y + inverse.f - 0.5
    heights = np.full(len(column), np.nan)
    finite = np.isfinite(column) & np.isfinite(row)
    inside = finite & (column >= -0.5) & (column <= raster.width - 0.5) & (row >= -0.5) & (row <= raster.height - 0.5)
    column, row = np.clip(column, 0, raster.width - 1), np.clip(row, 0, raster.height - 1)
    for members in _by_tile(column, row, np.flatnonzero(inside)):
        heights[members] = _bilinear(raster, column[members], row[members], reach_px)
    return heights


def read_band(raster: DatasetReader, left: int, top: int, right: int, bottom: int, reach_px: int = 0) -> Heights:
    """Return the heights of the pixels from (left, top) up to (right, bottom), NaN where void.

    Filling looks as far as ``reach_px`` beyond the window, so that it does not depend on how a raster is cut up.
    """
    west, north = max(0, left - reach_px), max(0, top - reach_px)
    east, south = min(raster.width, right + reach_px), min(raster.height, bottom + reach_px)
    window = Window(west, north, east - west, south - north)
    band = raster.read(1, window=window, masked=True).astype(np.float64).filled(np.nan)
    band[(band < _HEIGHT_RANGE_M[0]) | (band > _HEIGHT_RANGE_M[1])] = np.nan
    rows, columns = slice(top - north, bottom - north), slice(left - west, right - west)
    known = np.isfinite(band)
    if reach_px == 0 or known[rows, columns].all() or not known.any():
        return np.asarray(band[rows, columns])
    # GDAL gives what it cannot reach the value it had: one that no height has.
    filled = fillnodata(
        np.where(known, band, np.nan).astype(np.float32), mask=known.astype(np.uint8), max_search_distance=reach_px
    )
    return np.asarray(np.where(known, band, filled.astype(np.float64))[rows, columns])


def raster_path(files: Path, raster: Raster) -> Path:
    """Return where the raster's file is."""
    return files / "terrain" / f"{raster.file_key}.tif"


def rasters_within(connection: Connection, bounds: tuple[float, float, float, float], kind: str) -> list[Raster]:
    """Return the rasters of a kind that meet the bounds, the finest first, of equally fine ones the newest."""
    box = func.ST_MakeEnvelope(*bounds, GEOGRAPHIC_SRID)
    statement = (
        select(*(terrain.c[name] for name in Raster._fields))
        .where(terrain.c.kind == kind, terrain.c.geom.op("&&")(box))
        .order_by(terrain.c.resolution_m, terrain.c.id.desc())
    )
    return [Raster(*row) for row in connection.execute(statement)]


def _by_tile(column: Heights, row: Heights, members: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    tile = (row[members] // _TILE).astype(np.int64) * 1_000_000 + (column[members] // _TILE).astype(np.int64)
    order = np.argsort(tile, kind="stable")
    for group in np.split(members[order], np.flatnonzero(np.diff(tile[order])) + 1):
        if len(group):
            yield group


def _bilinear(raster: DatasetReader, column: Heights, row: Heights, reach_px: int) -> Heights:
    left, top = int(column.min()), int(row.min())
    width = min(int(column.max()) + 2, raster.width) - left
    height = min(int(row.max()) + 2, raster.height) - top
    band = read_band(raster, left, top, left + width, top + height, reach_px)
    c0, r0 = np.floor(column).astype(int), np.floor(row).astype(int)
    share_c, share_r = column - c0, row - r0
    c0, r0 = c0 - left, r0 - top
    c1, r1 = np.minimum(c0 + 1, width - 1), np.minimum(r0 + 1, height - 1)
    upper = _mix(band[r0, c0], band[r0, c1], share_c)
    lower = _mix(band[r1, c0], band[r1, c1], share_c)
    return _mix(upper, lower, share_r)


def _mix(first: Heights, second: Heights, share: Heights) -> Heights:
    """Interpolate; a neighbour of no weight may be void."""
    result = np.where(share == 0, first, first * (1 - share) + second * share)
    return np.asarray(result, np.float64)
