"""Heights of the ground at points, read from the rasters of the deployment by windows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
from numpy.typing import ArrayLike, NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window
from sqlalchemy import Connection, func, select

from cim.crs import transform_between
from cim.tables import GEOGRAPHIC_SRID, terrain

#: Points are sorted into tiles of this many pixels, each read once.
_TILE = 1024
_HEIGHT_RANGE_M = (-12_000.0, 9_000.0)

Heights = NDArray[np.float64]


class Raster(NamedTuple):
    """One raster of the deployment."""

    file_key: str
    crs: str


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
    lon, lat = np.atleast_1d(np.asarray(longitude, float)), np.atleast_1d(np.asarray(latitude, float))
    heights = np.full(len(lon), np.nan)
    if len(lon) == 0:
        return heights
    bounds = (float(np.nanmin(lon)), float(np.nanmin(lat)), float(np.nanmax(lon)), float(np.nanmax(lat)))
    for raster in _rasters(connection, bounds):
        path = files / "terrain" / f"{raster.file_key}.tif"
        left = np.flatnonzero(np.isnan(heights) & np.isfinite(lon) & np.isfinite(lat))
        if len(left) and path.exists():
            with rasterio.open(path) as opened:
                heights[left] = sample(opened, raster.crs, lon[left], lat[left])
    return heights


def sample(raster: DatasetReader, crs: str, longitude: Heights, latitude: Heights) -> Heights:
    """Return bilinear heights at points from one raster, NaN outside and where a void is among the four neighbours."""
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
        heights[members] = _bilinear(raster, column[members], row[members])
    return heights


def _rasters(connection: Connection, bounds: tuple[float, float, float, float]) -> list[Raster]:
    """Return the rasters of the ground that meet the bounds, the finest first."""
    box = func.ST_MakeEnvelope(*bounds, GEOGRAPHIC_SRID)
    statement = (
        select(terrain.c.file_key, terrain.c.crs)
        .where(terrain.c.kind == "dtm", terrain.c.geom.op("&&")(box))
        .order_by(terrain.c.resolution_m, terrain.c.id)
    )
    return [Raster(*row) for row in connection.execute(statement)]


def _by_tile(column: Heights, row: Heights, members: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    tile = (row[members] // _TILE).astype(np.int64) * 1_000_000 + (column[members] // _TILE).astype(np.int64)
    order = np.argsort(tile, kind="stable")
    for group in np.split(members[order], np.flatnonzero(np.diff(tile[order])) + 1):
        if len(group):
            yield group


def _bilinear(raster: DatasetReader, column: Heights, row: Heights) -> Heights:
    left, top = int(column.min()), int(row.min())
    width = min(int(column.max()) + 2, raster.width) - left
    height = min(int(row.max()) + 2, raster.height) - top
    band = raster.read(1, window=Window(left, top, width, height), masked=True).astype(np.float64).filled(np.nan)
    band[(band < _HEIGHT_RANGE_M[0]) | (band > _HEIGHT_RANGE_M[1])] = np.nan
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
