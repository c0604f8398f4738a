"""Terrain-RGB tiles (Mapbox encoding) from the rasters of the city model."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import Any

import morecantile
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.enums import Resampling
from rasterio.errors import RasterioError, WindowError
from rasterio.vrt import WarpedVRT
from sqlalchemy import Connection, func, select

from cim.crs import from_geographic
from cim.tables import terrain
from layers.terrain.heights import Raster, raster_path, rasters_within
from tiles.terrain_fill import REACH_PX, Ground, coarse_ground, fill
from tiles.tile import Envelope, Tile, envelope, parse_tile, tile_matrix_set

TILE_PIXELS = 256
#: Mapbox encoding: height = -10000 + (R * 65536 + G * 256 + B) * 0.1 m.
BASE_HEIGHT_M = -10000.0
STEP_M = 0.1
LARGEST_CODE = 2**24 - 1

MIN_ZOOM = 0
MAX_ZOOM = 15
MAX_OPEN_RASTERS = 16
#: GDAL's own: a place is worked out for some pixels and interpolated between them, to within this.
TOLERANCE_PX = 0.125

GROUNDS_KEPT = 4

Heights = NDArray[np.float32]


def terrain_json(connection: Connection, base_url: str) -> dict[str, Any]:
    """Return the TileJSON of the terrain; without any raster its bounds are the whole world."""
    bounds = terrain_bounds(connection)
    document: dict[str, Any] = {
        "tilejson": "3.0.0",
        "name": "terrain",
        "scheme": "xyz",
        "tiles": [f"{base_url}/terrain/{{z}}/{{x}}/{{y}}.png"],
        "minzoom": MIN_ZOOM,
        "maxzoom": MAX_ZOOM,
        "encoding": "mapbox",
        "tileSize": TILE_PIXELS,
        "vector_layers": [],
    }
    return document | ({} if bounds is None else {"bounds": list(bounds)})


def terrain_bounds(connection: Connection) -> tuple[float, float, float, float] | None:
    """Return west, south, east, north (degrees) of all rasters, or None where there is none."""
    box = select(func.ST_Extent(terrain.c.geom).label("box")).subquery()
    sides = [getattr(func, f"ST_{side}")(box.c.box) for side in ("XMin", "YMin", "XMax", "YMax")]
    west, south, east, north = connection.execute(select(*sides)).one()
    return None if west is None else (west, south, east, north)


def render_tile(connection: Connection, files: Path, z: object, x: object, y: object) -> bytes | None:
    """Return a terrain-RGB tile as PNG, or None where no raster lies under it.

    Several rasters are laid over one another, the finest on top; what is still void is filled (``terrain_fill``).

    Parameters
    ----------
    files
        The deployment's folder of large files; the rasters are in ``terrain`` below it.
    """
    tile = parse_tile(z, x, y)
    heights = overlay_heights(files, rasters_around(connection, tile, 0), envelope(tile), TILE_PIXELS)
    if heights is None:
        return None
    if np.isnan(heights).any():
        heights = np.where(np.isnan(heights), filled_heights(connection, files, tile, heights), heights)
    return to_png(encode(heights))


def rasters_around(connection: Connection, tile: Tile, margin_px: int) -> list[Raster]:
    """Return the rasters of the ground under a tile and a margin of so many of its pixels, the finest first."""
    bounds = tile_matrix_set().bounds(morecantile.Tile(x=tile.x, y=tile.y, z=tile.z))
    margin = (bounds.right - bounds.left) * margin_px / TILE_PIXELS
    box = (bounds.left - margin, bounds.bottom - margin, bounds.right + margin, bounds.top + margin)
    return rasters_within(connection, box, "dtm")


def filled_heights(connection: Connection, files: Path, tile: Tile, heights: Heights) -> Heights:
    """Return the heights of a tile that has some, its voids filled as those of its neighbours are."""
    inner = envelope(tile)
    margin_m = (inner.east - inner.west) * REACH_PX / TILE_PIXELS
    box = Envelope(inner.west - margin_m, inner.south - margin_m, inner.east + margin_m, inner.north + margin_m)
    around = overlay_heights(files, rasters_around(connection, tile, REACH_PX), box, TILE_PIXELS + 2 * REACH_PX)
    if around is None:
        around = np.pad(heights, REACH_PX, constant_values=np.nan)
    inside = slice(REACH_PX, REACH_PX + TILE_PIXELS)
    return fill(around, box, ground_of_all(connection, files))[inside, inside]


def ground_of_all(connection: Connection, files: Path) -> Ground | None:
    """Return the coarse ground of all rasters, made once for each state of them."""
    bounds = terrain_bounds(connection)
    if bounds is None:
        return None
    rasters = tuple(rasters_within(connection, bounds, "dtm"))
    paths = [path for raster in rasters if (path := raster_path(files, raster)).exists()]
    return _ground(files, rasters, tuple(path.stat().st_mtime_ns for path in paths), bounds)


@lru_cache(maxsize=GROUNDS_KEPT)
def _ground(
    files: Path, rasters: tuple[Raster, ...], _written_ns: tuple[int, ...], bounds: tuple[float, float, float, float]
) -> Ground | None:
    west, south, east, north = bounds
    x, y = from_geographic("EPSG:3857").points([west, east], [south, north])
    box = Envelope(float(x[0]), float(y[0]), float(x[1]), float(y[1]))
    return coarse_ground(partial(overlay_heights, files, rasters), box)


def overlay_heights(
    files: Path, rasters: Sequence[Raster], box: Envelope, pixels: int, *, tolerance_px: float = TOLERANCE_PX
) -> Heights | None:
    """Return heights of rasters laid over one another, pixels x pixels from the north-west, or None where all is void.

    Parameters
    ----------
    box
        A square in EPSG:3857; heights are those of the pixels' centres, NaN where no raster has one.
    tolerance_px
        How far GDAL may misplace a pixel for the sake of speed; little where neighbouring windows have to agree.
    """
    heights: Heights = np.full((pixels, pixels), np.nan, dtype=np.float32)
    for raster in rasters:
        layer = read_heights(raster_path(files, raster), box, pixels, tolerance_px)
        if layer is not None:
            heights = np.where(np.isnan(heights), layer, heights)
        if not np.isnan(heights).any():
            break
    return None if np.isnan(heights).all() else heights


def read_heights(path: Path, box: Envelope, pixels: int, tolerance_px: float) -> Heights | None:
    """Return the heights of a raster over a square (NaN where void), or None where it cannot be read there."""
    try:
        with _open_rasters.lock:
            return _warp(_open_rasters.get(path), box, pixels, tolerance_px)
    except (RasterioError, WindowError, OSError):
        return None


def _warp(dataset: Any, box: Envelope, pixels: int, tolerance_px: float) -> Heights:
    pixel_m = (box.east - box.west) / pixels
    transform = Affine(pixel_m, 0, box.west, 0, -pixel_m, box.north)
    with WarpedVRT(
        dataset,
        crs="EPSG:3857",
        transform=transform,
        width=pixels,
        height=pixels,
        tolerance=tolerance_px,
        resampling=Resampling.bilinear,
        add_alpha=dataset.nodata is None,
    ) as warped:
        band = warped.read(1, masked=True, out_dtype="float32")
        if dataset.nodata is None:
            band = np.ma.masked_where(warped.read(warped.count) == 0, band)
    values: Heights = band.filled(np.nan)
    return values


def encode(heights: Heights) -> NDArray[np.uint8]:
    """Return the red, green and blue bands (3 x rows x columns) of heights in metres."""
    codes = np.clip(np.rint((heights.astype(np.float64) - BASE_HEIGHT_M) / STEP_M), 0, LARGEST_CODE).astype(np.uint32)
    return np.stack([(codes >> 16) & 255, (codes >> 8) & 255, codes & 255]).astype(np.uint8)


def to_png(bands: NDArray[np.uint8]) -> bytes:
    """Return the bands as a PNG file."""
    count, height, width = bands.shape
    profile = {"driver": "PNG", "width": width, "height": height, "count": count, "dtype": "uint8", "zlevel": 4}
    # A place that is not the identity, lest rasterio warn of every tile that it has none; it is not written.
    with rasterio.Env(GDAL_PAM_ENABLED=False), rasterio.MemoryFile() as memory:
        with memory.open(transform=Affine(2, 0, 0, 0, -2, 0), **profile) as image:
            image.write(bands)
        return bytes(memory.read())


class OpenRasters:
    """The rasters read last, kept open; ``lock`` is held while one is used, for GDAL's handles are not shared."""

    def __init__(self, most: int) -> None:
        self.lock = Lock()
        self._most = most
        self._open: OrderedDict[tuple[Path, int], Any] = OrderedDict()

    def get(self, path: Path) -> Any:
        """Return an open dataset; a file that was replaced is opened anew."""
        key = (path, path.stat().st_mtime_ns)
        if key not in self._open:
            self._open[key] = rasterio.open(path)
        self._open.move_to_end(key)
        while len(self._open) > self._most:
            self._open.popitem(last=False)[1].close()
        return self._open[key]


_open_rasters = OpenRasters(MAX_OPEN_RASTERS)
