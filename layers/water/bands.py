"""Depths of water as polygons, a band each."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import rasterio.features
import shapely
from numpy.typing import NDArray
from rasterio import Affine

from cim.crs import to_geographic
from layers.water.window import Metres, Window

#: Metres: lower edges of the bands. Wading ends at 0.6 m, cars stop at 0.3 m.
EDGES_M = (0.0, 0.15, 0.3, 0.6, 1.0, 2.0)
#: Of degrees: a centimetre.
_DECIMALS = 7
_POLYGON = 3


def band_of(depth: NDArray[Any]) -> NDArray[np.int64]:
    """Return the number of the band of each depth; a depth on an edge belongs to the deeper band."""
    return np.searchsorted(np.array(EDGES_M), depth, side="right") - 1


def upper_edge(band: int) -> float | None:
    """Return where a band ends, None for the last."""
    return EDGES_M[band + 1] if band + 1 < len(EDGES_M) else None


def extent_of(window: Window, depth: Metres) -> dict[str, Any]:
    """Return the bands as GeoJSON features (MultiPolygon, EPSG:4490), simplified by at most half a cell."""
    bands = np.where(depth > 0, band_of(depth) + 1, 0).astype(np.uint8)
    features = []
    for number in np.unique(bands[bands > 0]).tolist():
        shape = _outline(bands == number, window, window.cell_m / 2)
        properties = {
            "depth_from_m": EDGES_M[number - 1],
            "depth_to_m": upper_edge(number - 1),
            "area_m2": round(float((bands == number).sum()) * window.cell_area_m2, 1),
        }
        features.append({"type": "Feature", "geometry": orjson.loads(shapely.to_geojson(shape)),
                         "properties": properties})  # fmt: skip
    return {"type": "FeatureCollection", "features": features}


def area_deeper(window: Window, depth: Metres, least_m: float) -> shapely.Geometry:
    """Return where water is at least so deep, cell by cell (MultiPolygon, EPSG:4490)."""
    return _outline((depth >= least_m) & (depth > 0), window, 0.0)


def _outline(flags: NDArray[np.bool_], window: Window, tolerance_m: float) -> shapely.Geometry:
    if not flags.any():
        return shapely.MultiPolygon()
    # Shapes of a part of the window are found faster.
    rows, columns = np.flatnonzero(flags.any(axis=1)), np.flatnonzero(flags.any(axis=0))
    part = flags[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    west, north = window.west + int(columns[0]) * window.cell_m, window.north - int(rows[0]) * window.cell_m
    place = Affine(window.cell_m, 0, west, 0, -window.cell_m, north)
    found = rasterio.features.shapes(part.astype(np.uint8), mask=part, connectivity=4, transform=place)
    polygons = np.array([shapely.geometry.shape(body) for body, _ in found], dtype=object)
    if tolerance_m:
        polygons = shapely.simplify(polygons, tolerance_m, preserve_topology=True)
    moved = to_geographic(window.metric_crs).geometries(polygons)
    rounded = shapely.transform(moved, lambda xy: np.round(xy, _DECIMALS))
    parts = shapely.get_parts(shapely.make_valid(rounded))
    parts = parts[(shapely.get_type_id(parts) == _POLYGON) & ~shapely.is_empty(parts)]
    whole = shapely.MultiPolygon(parts.tolist())
    if shapely.is_valid(whole):
        return whole
    # Simplified or rounded neighbours may overlap by as much.
    return shapely.MultiPolygon(shapely.get_parts(shapely.union_all(parts)).tolist())
