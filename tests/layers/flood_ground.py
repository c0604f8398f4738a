"""Ground that tests make themselves: square cells around a corner in Longgang, metric CRS EPSG:4547."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from pyproj import Transformer
from rasterio.transform import Affine

from layers.water.window import Window

WEST, NORTH = 522_000.0, 2_511_000.0
CRS = "EPSG:4547"
TO_DEGREES = Transformer.from_crs(4547, 4490, always_xy=True)


def window(heights: Any, cell_m: float = 1.0) -> Window:
    """Return heights as a window whose cells have the area that they have in the plane."""
    return Window(np.asarray(heights, float), WEST, NORTH, cell_m, cell_m, cell_m**2, True, CRS, [])


def write(path: Path, values: Any, pixel_m: float, crs: str = CRS, corner: tuple[float, float] = (WEST, NORTH)) -> Path:
    """Write heights as a GeoTIFF; NaN becomes void."""
    values = np.where(np.isnan(values), -9999.0, values).astype(np.float32)
    profile = {"driver": "GTiff", "count": 1, "height": values.shape[0], "width": values.shape[1], "dtype": "float32",
               "crs": crs, "transform": Affine(pixel_m, 0, corner[0], 0, -pixel_m, corner[1]),
               "nodata": -9999.0}  # fmt: skip
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(values, 1)
    return path


def degrees(x: float, y: float) -> tuple[float, float]:
    """Return longitude and latitude of a place x metres east and y metres south of the corner."""
    lon, lat = TO_DEGREES.transform(WEST + x, NORTH - y)
    return float(lon), float(lat)


def shape_at(shape: shapely.Geometry) -> shapely.Geometry:
    """Return a shape drawn in metres east and south of the corner in degrees."""
    return shapely.transform(shape, lambda xy: np.column_stack(TO_DEGREES.transform(WEST + xy[:, 0], NORTH - xy[:, 1])))


def filled(heights: Any, level: Any, seeds: Any) -> Any:
    """Return the depth of a flood by walking from cell to cell: what the package is compared with."""
    rows, columns = heights.shape
    levels = np.broadcast_to(np.asarray(level, float), heights.shape)
    depth = np.zeros(heights.shape)
    waiting = deque((int(r), int(c)) for r, c in np.argwhere(seeds))
    seen = set(waiting)
    while waiting:
        r, c = waiting.popleft()
        if not heights[r, c] < levels[r, c]:
            continue
        depth[r, c] = levels[r, c] - heights[r, c]
        for step in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)):
            if 0 <= step[0] < rows and 0 <= step[1] < columns and step not in seen:
                seen.add(step)
                waiting.append(step)
    return depth
