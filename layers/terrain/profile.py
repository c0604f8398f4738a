"""Heights at a place and along a line, with what they rest on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection

from cim.access import Caller
from cim.crs import GEOD
from cim.errors import InvalidGeometry, InvalidInput, NotFound
from layers.queries.receipt import make_receipt
from layers.queries.visible import VisibleLayer, visible_layers
from layers.queries.zone import is_position
from layers.said import require_on_earth
from layers.terrain.heights import Ground, read_ground

MAX_SAMPLES = 5_000
DEFAULT_SAMPLES = 200
MAX_VERTICES = 10_000
_LAYER = "terrain"
_NOTES = (
    {"code": "bilinear", "message": "heights are bilinear between the centres of pixels, of the finest raster there"},
    {"code": "filled", "message": "where 'filled' is true the raster is void and its neighbours gave the height"},
)


def height_at(connection: Connection, files: Path, longitude: float, latitude: float, caller: Caller) -> dict[str, Any]:
    """Return the height of the ground at a place, null where no raster reaches.

    Raises
    ------
    NotFound
        If the caller may not see the terrain.
    InvalidInput
        For a place that is none.
    """
    require_on_earth(longitude, latitude)
    layer = _terrain_layer(connection, caller)
    ground = read_ground(connection, files, [longitude], [latitude])
    height = _rounded(ground.heights_m)[0]
    return {
        "longitude": longitude,
        "latitude": latitude,
        "height_m": height,
        "filled": bool(ground.is_filled[0]),
        **_origin(ground),
        "receipt": _receipt(connection, layer, ground, {"lon": longitude, "lat": latitude}),
    }


def take_profile(
    connection: Connection, files: Path, line: shapely.LineString, samples: int | None, caller: Caller
) -> dict[str, Any]:
    """Return heights along a line (EPSG:4490): at its vertices and at equal distances between its ends.

    Raises
    ------
    InvalidInput, NotFound
    """
    count = DEFAULT_SAMPLES if samples is None else samples
    if not 2 <= count <= MAX_SAMPLES:
        raise InvalidInput(
            f"samples is {count}; a whole number from 2 to {MAX_SAMPLES} is right",
            "whole_number_wrong", field="samples", given=count, least=2, most=MAX_SAMPLES,
        )  # fmt: skip
    layer = _terrain_layer(connection, caller)
    distances, points = _stations(line, count)
    ground = read_ground(connection, files, points[:, 0], points[:, 1])
    known = ground.heights_m[np.isfinite(ground.heights_m)]
    heights = _rounded(ground.heights_m)
    return {
        "length_m": round(float(distances[-1]), 3),
        "distances_m": np.round(distances, 3).tolist(),
        "coordinates": np.round(points, 8).tolist(),
        "heights_m": heights,
        "filled": ground.is_filled.tolist(),
        "lowest_m": round(float(known.min()), 3) if len(known) else None,
        "highest_m": round(float(known.max()), 3) if len(known) else None,
        "without_height": int(len(heights) - len(known)),
        **_origin(ground),
        "receipt": _receipt(connection, layer, ground, {"line": shapely.to_wkt(line), "samples": count}),
    }


def parse_line(body: Any) -> tuple[shapely.LineString, int | None]:
    """Read a GeoJSON LineString, alone or as ``geometry`` beside ``samples``.

    Raises
    ------
    InvalidGeometry
        Naming the value and what would be right.
    """
    if not isinstance(body, dict):
        raise InvalidGeometry(
            'the body is not an object; send a GeoJSON LineString, or {"geometry": {...}}',
            "not_an_object", wanted='{"geometry": {...}}',
        )  # fmt: skip
    geometry = body.get("geometry", body)
    samples = body.get("samples")
    if samples is not None and (isinstance(samples, bool) or not isinstance(samples, int)):
        raise InvalidInput(
            f"samples is {str(samples)[:40]!r}; a whole number is right",
            "not_a_whole_number", field="samples", given=str(samples)[:40],
        )  # fmt: skip
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind != "LineString":
        raise InvalidGeometry(f"the geometry is {str(kind)[:40]!r}; a LineString is needed", "shape_not_line")
    positions = geometry.get("coordinates")
    if not isinstance(positions, list) or not 2 <= len(positions) <= MAX_VERTICES:
        raise InvalidGeometry(
            f"a LineString of 2 to {MAX_VERTICES} positions is needed", "line_wrong", most=MAX_VERTICES
        )
    return shapely.LineString([_position(index, each) for index, each in enumerate(positions)]), samples


def _position(index: int, value: Any) -> tuple[float, float]:
    if is_position(value) and abs(value[0]) <= 180 and abs(value[1]) <= 90:
        return float(value[0]), float(value[1])
    raise InvalidGeometry(
        f"position {index} of the line is {str(value)[:60]}; [longitude, latitude] in degrees is right",
        "not_a_position", field="line", given=str(value)[:60],
    )  # fmt: skip


def _stations(line: shapely.LineString, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return distances (geodesic, metres) and places (n x 2, degrees) of the line's vertices and ``count`` stations.

    Between vertices places are linear in degrees, as the line is drawn on the map.
    """
    vertices = shapely.get_coordinates(line)
    steps = GEOD.line_lengths(vertices[:, 0], vertices[:, 1])
    at = np.concatenate([[0.0], np.cumsum(steps)])
    if at[-1] == 0:
        raise InvalidGeometry("the line has no length; give two places that differ", "line_without_length")
    wanted = np.unique(np.concatenate([at, np.linspace(0.0, at[-1], count)]))
    places = np.column_stack([np.interp(wanted, at, vertices[:, axis]) for axis in (0, 1)])
    return wanted, places


def _terrain_layer(connection: Connection, caller: Caller) -> VisibleLayer:
    layers = visible_layers(connection, caller, [_LAYER])
    if not layers:
        raise NotFound("there is no terrain that you may see", "no_terrain")
    return layers[0]


def _origin(ground: Ground) -> dict[str, Any]:
    used = [ground.rasters[place] for place in np.unique(ground.raster[ground.raster >= 0])]
    return {
        "vertical_datum": sorted({raster.vertical_crs or "the deployment's own" for raster in used}),
        "rasters": [{"id": raster.id, "crs": raster.crs, "resolution_m": raster.resolution_m} for raster in used],
    }


def _rounded(heights: NDArray[np.float64]) -> list[float | None]:
    return [round(float(height), 3) if np.isfinite(height) else None for height in heights]


def _receipt(connection: Connection, layer: VisibleLayer, ground: Ground, parameters: dict[str, Any]) -> dict[str, Any]:
    used = {ground.rasters[place].dataset_id for place in np.unique(ground.raster[ground.raster >= 0])}
    datasets = {number for number in used if number is not None}
    return make_receipt(connection, [layer], {_LAYER: len(used)}, datasets, parameters, _NOTES)
