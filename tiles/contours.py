"""Contour lines of the ground as vector tiles, drawn on the heights of a tile and a margin around it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import morecantile
import numpy as np
import shapely
from contourpy import contour_generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from sqlalchemy import ARRAY, Boolean, Connection, Double, Integer, LargeBinary, Select, cast, func, literal, select

from layers.terrain.heights import rasters_within
from tiles.terrain import Heights, overlay_heights, terrain_json
from tiles.tile import BUFFER, EXTENT, Envelope, Tile, envelope, parse_tile, tile_matrix_set

LAYER = "contours"
MIN_ZOOM = 9
#: Lines are as fine as they get; nearer, clients enlarge these.
MAX_ZOOM = 15
#: The metres between two lines, up to each zoom; nearer than the last they are FINEST_M.
INTERVALS_M = ((11, 50), (13, 20), (14, 10))
FINEST_M = 5
#: Every fifth line is drawn stronger, as on topographic maps (计曲线).
INDEX_EVERY = 5

#: Heights are taken at the corners of this many cells along a tile's side, so that neighbours share those of the edge.
CELLS = 256
UNITS_A_CELL = EXTENT // CELLS
#: Beyond the tile, in cells: the tile's buffer, and what smoothing looks at further out.
MARGIN_CELLS = 12
SMOOTH_CELLS = 1.0
SMOOTH_REACH = 4.0
#: Neighbours have to agree to less than a unit; GDAL takes no tolerance of 0.
EXACT_PX = 0.01


class Contour(NamedTuple):
    """A line of equal height; ``line`` is in the tile's units from its north-west corner, y to the south."""

    line: shapely.LineString
    height_m: float
    is_index: bool


def contours_json(connection: Connection, base_url: str) -> dict[str, Any]:
    """Return the TileJSON of the contour lines; without any raster its bounds are the whole world."""
    ground = terrain_json(connection, base_url)
    fields = {"height_m": "number: 高程（米） / Height (m)", "is_index": "boolean: 计曲线 / Every fifth line"}
    document = {
        "tilejson": "3.0.0",
        "name": LAYER,
        "description": "等高线 / Contour lines",
        "scheme": "xyz",
        "tiles": [f"{base_url}/terrain/contours/{{z}}/{{x}}/{{y}}.mvt"],
        "minzoom": MIN_ZOOM,
        "maxzoom": MAX_ZOOM,
        "vector_layers": [{"id": LAYER, "minzoom": MIN_ZOOM, "maxzoom": MAX_ZOOM, "fields": fields}],
    }
    return document | ({"bounds": ground["bounds"]} if "bounds" in ground else {})


def contour_tile(connection: Connection, files: Path, z: object, x: object, y: object) -> bytes | None:
    """Return the vector tile of the contour lines, or None where there are none.

    Lines end where the ground is not known; voids are not filled.

    Parameters
    ----------
    files
        The deployment's folder of large files; the rasters are in ``terrain`` below it.

    Raises
    ------
    InvalidInput
        For an address out of range.
    """
    tile = parse_tile(z, x, y)
    heights = heights_at_corners(connection, files, tile)
    found = [] if heights is None else list(trace(heights, interval_m(tile.z)))
    if not found:
        return None
    encoded: bytes | None = connection.execute(_encode(found)).scalar_one()
    return bytes(encoded) if encoded else None


def interval_m(zoom: int) -> int:
    """Return the metres between two lines at a zoom."""
    return next((metres for up_to, metres in INTERVALS_M if zoom <= up_to), FINEST_M)


def heights_at_corners(connection: Connection, files: Path, tile: Tile) -> Heights | None:
    """Return the smoothed heights at the corners of a tile's cells and of those around it, NaN where not known."""
    bounds = tile_matrix_set().bounds(morecantile.Tile(x=tile.x, y=tile.y, z=tile.z))
    # As far as the margin, so that neighbours lay the same rasters over one another.
    reach = (bounds.right - bounds.left) * (MARGIN_CELLS + 0.5) / CELLS
    around = (bounds.left - reach, bounds.bottom - reach, bounds.right + reach, bounds.top + reach)
    rasters = rasters_within(connection, around, "dtm")
    heights = overlay_heights(files, rasters, _box(tile), CELLS + 1 + 2 * MARGIN_CELLS, tolerance_px=EXACT_PX)
    return None if heights is None else smooth(heights)


def smooth(heights: Heights) -> Heights:
    """Return heights without the steps of the raster's pixels; what is void stays void and pulls at nothing."""
    known = np.isfinite(heights)
    # About the mean, so that the last digits of float32 are not lost on high ground.
    middle = float(heights[known].mean())
    total = gaussian_filter(np.where(known, heights - middle, 0.0), SMOOTH_CELLS, truncate=SMOOTH_REACH)
    weight = gaussian_filter(known.astype(np.float64), SMOOTH_CELLS, truncate=SMOOTH_REACH)
    values: Heights = np.where(known, total / np.maximum(weight, 1e-9) + middle, np.nan)
    return values


def trace(heights: Heights, step_m: int) -> Iterator[Contour]:
    """Yield the contour lines of the corners' heights, within the tile and its buffer, in the tile's units."""
    units = (np.arange(heights.shape[0]) - MARGIN_CELLS) * float(UNITS_A_CELL)
    generator = contour_generator(units, units, np.ma.masked_invalid(heights), name="serial", corner_mask=False)
    lowest, highest = np.nanmin(heights), np.nanmax(heights)
    for number in range(int(np.ceil(lowest / step_m)), int(np.floor(highest / step_m)) + 1):
        for points in generator.lines(number * step_m):
            for line in clip(np.asarray(points, np.float64)):
                yield Contour(line, float(number * step_m), number % INDEX_EVERY == 0)


def clip(points: NDArray[np.float64]) -> Iterator[shapely.LineString]:
    """Yield the parts of a line within the tile and its buffer, on whole units."""
    if len(points) < 2:
        return
    inside = shapely.clip_by_rect(shapely.LineString(points), -BUFFER, -BUFFER, EXTENT + BUFFER, EXTENT + BUFFER)
    for part in shapely.get_parts(shapely.line_merge(inside) if inside.geom_type != "LineString" else inside):
        whole = np.rint(shapely.get_coordinates(part))
        moved = np.ones(len(whole), bool)
        moved[1:] = np.any(np.diff(whole, axis=0) != 0, axis=1)
        if moved.sum() >= 2:
            yield shapely.LineString(whole[moved])


def _box(tile: Tile) -> Envelope:
    """Return the square whose pixels have their centres at the corners of the cells."""
    inner = envelope(tile)
    cell_m = (inner.east - inner.west) / CELLS
    margin_m = (MARGIN_CELLS + 0.5) * cell_m
    return Envelope(inner.west - margin_m, inner.south - margin_m, inner.east + margin_m, inner.north + margin_m)


def _encode(contours: list[Contour]) -> Select[bytes | None]:
    """Return the statement that encodes lines as one layer of a vector tile."""
    shapes = [shapely.to_wkb(contour.line) for contour in contours]
    given = (
        func.unnest(
            cast(shapes, ARRAY(LargeBinary)),
            cast([contour.height_m for contour in contours], ARRAY(Double)),
            cast([contour.is_index for contour in contours], ARRAY(Boolean)),
        )
        .table_valued("shape", "height_m", "is_index")
        .render_derived()
    )
    features = select(func.ST_GeomFromWKB(given.c.shape).label("geom"), given.c.height_m, given.c.is_index).subquery(
        "features"
    )
    return select(func.ST_AsMVT(features.table_valued(), LAYER, literal(EXTENT, Integer), "geom"))
