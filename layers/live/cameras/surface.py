"""The surface that cameras look over: the ground with its buildings, as square cells in the metric CRS.

Cells lie at whole multiples of their width, so that a camera's surface is the same whether it is read alone or cut
from a larger one. The ground is read at places as far apart as the pixels of the finest raster and is linear between
them. A building reaches from the ground to ``base_height_m + height_m``; of several over a cell the highest counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio.features
import shapely
from numpy.typing import NDArray
from rasterio import Affine
from scipy.ndimage import distance_transform_edt
from sqlalchemy import Connection, Row, Select, func, or_, select

from cim.crs import from_geographic, to_geographic
from cim.tables import GEOGRAPHIC_SRID, building
from layers.terrain.heights import rasters_within, read_ground

Heights = NDArray[np.float32]
Box = tuple[float, float, float, float]

#: Of buildings whose height nobody knows; tiles and scenes draw them so high.
UNKNOWN_HEIGHT_M = 6.0
#: The ground is not asked more often than this, however fine the raster; nor less often.
_STEP_RANGE_M = (2.0, 100.0)
_UNKNOWN_STEP_M = 30.0
_NO_ROOF = np.float32(-1e5)


class Surface(NamedTuple):
    """Heights of square cells, north up.

    Attributes
    ----------
    heights, ground
        Metres, of the surface with its buildings and of the ground alone; above an even ground of 0 where there is no
        terrain.
    is_building
        True where the middle of the cell lies in a footprint.
    west, north
        The outer edges, metric CRS.
    terrain
        whole | part | none: how much of it the rasters of the ground know; the nearest known height fills the rest.
    datasets
        Ids of the datasets of rasters and buildings that it was made of.
    """

    heights: Heights
    ground: Heights
    is_building: NDArray[np.bool_]
    west: float
    north: float
    cell_m: float
    terrain: str
    datasets: frozenset[int]

    def cell_at(self, x: float, y: float) -> tuple[int, int]:
        """Return row and column of the cell in which a place lies; the place may be outside."""
        return int(np.floor((self.north - y) / self.cell_m)), int(np.floor((x - self.west) / self.cell_m))


def read_surface(connection: Connection, files: Path, metric_crs: str, box: Box, cell_m: float) -> Surface:
    """Return the surface over a box.

    Parameters
    ----------
    files
        The deployment's folder of files (``settings.files``).
    box
        West, south, east, north in the metric CRS; grown to whole cells.
    """
    west, south = (np.floor(side / cell_m) * cell_m for side in box[:2])
    east, north = (np.ceil(side / cell_m) * cell_m for side in box[2:])
    shape = (max(1, round((north - south) / cell_m)), max(1, round((east - west) / cell_m)))
    whole = (float(west), float(south), float(east), float(north))
    bounds = degrees_of(metric_crs, whole)
    ground, terrain, datasets = _read_ground(connection, files, metric_crs, whole, bounds, shape, cell_m)
    rows = connection.execute(buildings_within(bounds)).all()
    roof = _roofs(rows, ground, metric_crs, whole, cell_m, has_terrain=terrain != "none")
    datasets |= {row.dataset_id for row in rows if row.dataset_id is not None}
    heights = np.maximum(ground, roof)
    return Surface(heights, ground, roof > _NO_ROOF, whole[0], whole[3], cell_m, terrain, frozenset(datasets))


def buildings_within(bounds: Box) -> Select[Any]:
    """Return the statement for the buildings that stand now and whose box meets the bounds (degrees)."""
    now, columns = func.now(), building.c
    return select(
        func.ST_AsBinary(columns.geom).label("outline"), columns.base_height_m, columns.height_m, columns.dataset_id
    ).where(
        columns.geom.op("&&")(func.ST_MakeEnvelope(*bounds, GEOGRAPHIC_SRID)),
        or_(columns.valid_to.is_(None), columns.valid_to > now),
        or_(columns.valid_from.is_(None), columns.valid_from <= now),
    )


def degrees_of(metric_crs: str, box: Box) -> Box:
    """Return the bounds in degrees of a box of the metric CRS, its bent sides included."""
    west, south, east, north = box
    along = np.linspace(0, 1, 5)
    x = np.concatenate([west + along * (east - west)] * 2 + [np.full(5, west), np.full(5, east)])
    y = np.concatenate([np.full(5, south), np.full(5, north)] + [south + along * (north - south)] * 2)
    lon, lat = to_geographic(metric_crs).points(x, y)
    return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())


def _read_ground(
    connection: Connection, files: Path, metric_crs: str, box: Box, bounds: Box, shape: tuple[int, int], cell_m: float
) -> tuple[Heights, str, set[int]]:
    rasters = rasters_within(connection, bounds, "dtm")
    if not rasters:
        return np.zeros(shape, np.float32), "none", set()
    step = max(cell_m, float(np.clip(rasters[0].resolution_m or _UNKNOWN_STEP_M, *_STEP_RANGE_M)))
    x, y = _stations(box[0], box[2], step), _stations(box[1], box[3], step)[::-1]
    lon, lat = to_geographic(metric_crs).points(*(axis.ravel() for axis in np.meshgrid(x, y)))
    found = read_ground(connection, files, lon, lat)
    heights = found.heights_m.reshape(len(y), len(x))
    known = np.isfinite(heights)
    if not known.any():
        return np.zeros(shape, np.float32), "none", set()
    if not known.all():
        nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
        heights = heights[tuple(nearest)]
    middle = (np.arange(max(shape)) + 0.5) * cell_m
    rows, columns = y[0] - box[3] + middle[: shape[0]], box[0] - x[0] + middle[: shape[1]]
    ground = _between(heights, rows / step, columns / step)
    used = {found.rasters[place].dataset_id for place in np.unique(found.raster[found.raster >= 0])}
    datasets = {number for number in used if number is not None}
    return ground, "whole" if known.all() else "part", datasets


def _stations(low: float, high: float, step: float) -> NDArray[np.float64]:
    """Return whole multiples of a step that reach beyond both ends."""
    return np.arange(np.floor(low / step), np.ceil(high / step) + 1) * step


def _between(heights: NDArray[np.float64], row: NDArray[np.float64], column: NDArray[np.float64]) -> Heights:
    """Return heights at rows and columns of a grid, bilinear."""
    r0 = np.clip(np.floor(row).astype(int), 0, heights.shape[0] - 2)
    c0 = np.clip(np.floor(column).astype(int), 0, heights.shape[1] - 2)
    down, right = (row - r0).astype(np.float32)[:, None], (column - c0).astype(np.float32)[None, :]
    known = heights.astype(np.float32)
    lines = known[r0] + (known[r0 + 1] - known[r0]) * down
    return np.asarray(lines[:, c0] + (lines[:, c0 + 1] - lines[:, c0]) * right, np.float32)


def _roofs(
    rows: Iterable[Row[Any]], ground: Heights, metric_crs: str, box: Box, cell_m: float, *, has_terrain: bool
) -> Heights:
    """Return the heights of roofs, far below all ground where there is none."""
    some = list(rows)
    if not some:
        return np.full(ground.shape, _NO_ROOF)
    outlines = from_geographic(metric_crs).geometries(shapely.from_wkb([row.outline for row in some]))
    height = np.array([UNKNOWN_HEIGHT_M if row.height_m is None else row.height_m for row in some], np.float64)
    base = np.zeros(len(some))
    if has_terrain:
        base = np.array([np.nan if row.base_height_m is None else row.base_height_m for row in some], np.float64)
        base = np.where(np.isnan(base), _ground_below(outlines, ground, box, cell_m), base)
    top = base + height
    is_shape = ~shapely.is_empty(outlines) & np.isfinite(top)
    # The last one drawn over a cell stays.
    order = [number for number in np.argsort(top, kind="stable").tolist() if is_shape[number]]
    if not order:
        return np.full(ground.shape, _NO_ROOF)
    drawn = [(outlines[number], float(top[number])) for number in order]
    place = Affine(cell_m, 0, box[0], 0, -cell_m, box[3])
    roofs: Heights = rasterio.features.rasterize(drawn, ground.shape, float(_NO_ROOF), transform=place, dtype="float32")
    return roofs


def _ground_below(outlines: NDArray[np.object_], ground: Heights, box: Box, cell_m: float) -> NDArray[np.float64]:
    """Return the ground in the middle of footprints, at the edge for those whose middle is outside."""
    middle = shapely.centroid(outlines)
    x, y = shapely.get_x(middle), shapely.get_y(middle)
    row = np.nan_to_num((box[3] - y) / cell_m).astype(int).clip(0, ground.shape[0] - 1)
    column = np.nan_to_num((x - box[0]) / cell_m).astype(int).clip(0, ground.shape[1] - 1)
    return np.asarray(ground[row, column], np.float64)
