"""What is under water: by a level that comes from a place, or by rain that runs over the ground."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely
from sqlalchemy import Connection

from cim.access import Caller
from cim.errors import NotFound
from layers.queries.note import Note, note
from layers.queries.receipt import make_receipt
from layers.queries.small_counts import sees_all, small_counts_note
from layers.queries.visible import VisibleLayer, visible_layers
from layers.water.asked import FloodRequest, parse_flood
from layers.water.bands import area_deeper, extent_of
from layers.water.buildings import STEP_M, STOREY_M, FloodedBuildings, buildings_told, flooded_buildings
from layers.water.inundation import inundate, reaches_edge, voids_beside
from layers.water.places import (
    LOST_M,
    Places,
    flooded_cameras,
    flooded_nodes,
    flooded_resources,
    flooded_sensors,
    flooded_works,
    places_told,
    works_told,
)
from layers.water.rain import FILM_M, RainFlood, cells_for, rain_on
from layers.water.roads import CUT_M, roads_cut
from layers.water.source import (
    Level,
    Start,
    asked_area,
    cells_within,
    find_start,
    level_from,
    window_bounds,
)
from layers.water.wet import Water
from layers.water.window import MAX_CELLS, Window, cells_at_most, read_window

_TABLES = ("building", "unit", "storey", "road", "pipe_node", "water_work", "resource", "camera", "sensor", "river")
_METHODS = {
    "level": "connected inundation: cells below the water that are joined to it across their sides",
    "rain": "landlab OverlandFlow (de Almeida et al. 2012)",
}


class Flooded(NamedTuple):
    """A flood as it was computed.

    Attributes
    ----------
    water
        Within what was asked for.
    whole
        All of the window.
    """

    request: FloodRequest
    water: Water
    whole: Water
    start: Start | None
    level: Level | None
    rain: RainFlood | None


class Exposed(NamedTuple):
    """What stands in the water."""

    buildings: FloodedBuildings
    roads: list[dict[str, Any]]
    nodes: Places
    works: Places
    resources: Places
    cameras: Places
    sensors: Places


def flood(
    connection: Connection, files: Path, metric_crs: str, request: FloodRequest, caller: Caller
) -> dict[str, Any]:
    """Return the extent and depth of a flood, what stands in it, and a receipt.

    Raises
    ------
    InvalidInput, TooLarge, NotFound, Busy
    """
    done = compute_flood(connection, files, metric_crs, request, caller)
    layers = [entry for entry in visible_layers(connection, caller) if entry.table.name in (*_TABLES, "terrain")]
    found = _exposed(connection, done.water, layers, caller)
    window, depth, limit = done.water.window, done.water.depth, request.limit
    wet = depth > 0
    answer = {
        "extent": extent_of(window, depth),
        "area_m2": round(float(wet.sum()) * window.cell_area_m2, 1),
        "volume_m3": round(float(depth.sum()) * window.cell_area_m2, 1),
        "deepest_m": round(float(depth.max()), 3),
        "level": None if done.level is None else
        {"highest_m": round(done.level.highest_m, 3), "lowest_m": round(done.level.lowest_m, 3)},
        "rain": None if done.rain is None else done.rain.balance,
        "ground": _ground(window),
        "reaches_edge": reaches_edge(done.whole.depth),
        "buildings": buildings_told(found.buildings, limit),
        "roads": _roads(found.roads, limit),
        "works": works_told(found.nodes, found.works, limit),
        "resources": places_told(found.resources, limit),
        "cameras": places_told(found.cameras, limit),
        "sensors": places_told(found.sensors, limit),
    }  # fmt: skip
    notes = _notes(done, caller)
    receipt = _receipt(connection, done, found, layers, caller, notes)
    return answer | {"notes": notes, "receipt": receipt}


def flooded_area(
    connection: Connection, files: Path, metric_crs: str, body: Any, caller: Caller, least_m: float = CUT_M
) -> shapely.Geometry:
    """Return where a flood is at least so deep: what a route cannot pass.

    Parameters
    ----------
    body
        That of POST /terrain/flood.

    Returns
    -------
    shapely.MultiPolygon
        EPSG:4490, cell by cell; empty where nothing is so deep.

    Raises
    ------
    InvalidInput, TooLarge, NotFound, Busy
    """
    done = compute_flood(connection, files, metric_crs, parse_flood(body), caller)
    return area_deeper(done.water.window, done.water.depth, least_m)


def compute_flood(
    connection: Connection, files: Path, metric_crs: str, request: FloodRequest, caller: Caller
) -> Flooded:
    """Return the water of a flood; raises as :func:`flood`."""
    if not visible_layers(connection, caller, ["terrain"]):
        raise NotFound("there is no terrain that you may see", "no_terrain")
    within = asked_area(connection, request, caller)
    start = None if request.rain is not None else find_start(connection, request, caller)
    cells = cells_at_most(MAX_CELLS) if request.rain is None else cells_for(request.rain)
    window = read_window(connection, files, metric_crs, window_bounds(start, within), cells)
    level, rain = None, None
    if start is not None:
        level = level_from(window, start, request)
        depth = inundate(window.heights, level.level_m, level.seeds)
    else:
        assert request.rain is not None
        rain = rain_on(window, request.rain)
        depth = np.where(rain.peak >= FILM_M, rain.peak, 0.0)
    whole = Water(window, depth)
    inside = depth if within is None else np.where(cells_within(window, within), depth, 0.0)
    return Flooded(request, Water(window, inside), whole, start, level, rain)


def _exposed(connection: Connection, water: Water, layers: list[VisibleLayer], caller: Caller) -> Exposed:
    if not water.depth.any():
        nothing = Places([], frozenset())
        return Exposed(flooded_buildings(connection, water, layers, caller), [], *[nothing] * 5)
    told = (connection, water, layers, caller)
    buildings = flooded_buildings(*told)
    return Exposed(
        buildings, roads_cut(*told), flooded_nodes(*told), flooded_works(*told),
        flooded_resources(*told, buildings), flooded_cameras(*told), flooded_sensors(*told),
    )  # fmt: skip


def _ground(window: Window) -> dict[str, Any]:
    return {
        "cell_m": round(window.cell_m, 3),
        "pixel_m": round(window.pixel_m, 3),
        "cells": int(window.heights.size),
        "voids": int(np.isnan(window.heights).sum()),
        "crs": window.metric_crs,
        "vertical_datum": sorted({raster.vertical_crs or "the deployment's own" for raster in window.rasters}),
        "rasters": [{"id": raster.id, "crs": raster.crs, "resolution_m": raster.resolution_m}
                    for raster in window.rasters],
    }  # fmt: skip


def _roads(found: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    shown = [{name: value for name, value in entry.items() if name != "dataset_id"} for entry in found[:limit]]
    return {
        "count": len(found),
        "length_m": round(sum(entry["length_m"] for entry in found), 1),
        "cut_at_m": CUT_M,
        "items": shown,
        "truncated": len(found) > limit,
    }


def _receipt(
    connection: Connection, done: Flooded, found: Exposed, layers: list[VisibleLayer], caller: Caller,
    notes: list[Note],
) -> dict[str, Any]:  # fmt: skip
    window = done.water.window
    counts: dict[str, int] = {"terrain": len(window.rasters)}
    buildings = [{"layer": row.layer_id} for row in found.buildings.rows]
    places = (found.nodes, found.works, found.resources, found.cameras, found.sensors)
    for entry in [*buildings, *found.roads, *(entry for each in places for entry in each.found)]:
        counts[entry["layer"]] = counts.get(entry["layer"], 0) + 1
    datasets: set[Any] = {raster.dataset_id for raster in window.rasters} | {
        row.dataset_id for row in found.buildings.rows
    }
    datasets |= {entry["dataset_id"] for entry in found.roads}
    for each in places:
        datasets |= each.datasets
    if done.start is not None:
        datasets.add(done.start.dataset_id)
        counts |= {"rivers": 1} if done.request.river is not None else {}
    method = "rain" if done.rain is not None else "level"
    parameters: dict[str, Any] = {
        **done.request.told(), "method": _METHODS[method], "cell_m": round(window.cell_m, 3),
        "rasters": [raster.id for raster in window.rasters], "area": caller.area_code,
    }  # fmt: skip
    return make_receipt(connection, layers, counts, datasets - {None}, parameters, notes)


def _notes(done: Flooded, caller: Caller) -> list[Note]:
    """Return what one must know to read the answer."""
    told = [*_NOTES, *(_RAIN_NOTES if done.rain is not None else _level_notes(done)), *_cell_notes(done)]
    return told if sees_all(caller) else [*told, small_counts_note()]


_NOTES = (
    note("ground", "buildings and walls that the terrain does not have do not hold water back", "flood"),
    note("depth", "an object is as deep in water as the deepest of the cells that it meets"),
    note("storeys", f"floors of the BIM model, else the building's height by its storeys, else {STOREY_M:g} m a "
         f"storey; a ground floor lies {STEP_M:g} m above the ground; basements are wet where water touches the "
         "building", storey_m=STOREY_M, step_m=STEP_M),
    note("roads", f"roads are cut from {CUT_M:g} m; bridges stay open, tunnels are cut where an end is under water",
         cut_m=CUT_M),
    note("works", f"works, places that help and sensors are lost from {LOST_M:g} m, cameras where they hang below it",
         lost_m=LOST_M),
)  # fmt: skip
_RAIN_NOTES = (
    note("peak", "depths are the largest at each cell while it rained and until half an hour after; below "
         f"{FILM_M:g} m it is wet ground and left out", film_m=FILM_M),
    note("drains", "drains and soil take what does not run off ('runoff'), and nothing more"),
    note("window", "rain falls on the window only: water from above it is missing, and leaves over its edge freely"),
)  # fmt: skip


def _level_notes(done: Flooded) -> list[Note]:
    told = [note("connected", "water goes from cell to cell across sides, not corners; hollows that it cannot reach "
                 "are dry")]  # fmt: skip
    if done.start is not None and not done.start.is_point:
        told.append(note("reach", "each cell takes the level of the nearest cell of the river"))
        if done.request.rise_m is not None:
            message = "the river's own surface is the terrain along its line, made to fall downstream"
            told.append(note("surface", message))
    return told


def _cell_notes(done: Flooded) -> list[Note]:
    """Return by what the cells make the answer less than it seems."""
    window, told = done.water.window, []
    if window.cell_m > window.pixel_m * 1.001:
        manner = "means of its pixels" if window.is_own else "heights at the middles of cells"
        message = (f"cells are {window.cell_m:g} m wide, those of the terrain model {window.pixel_m:g} m: {manner}; "
                   "a smaller 'within' shows narrow walls and ditches")  # fmt: skip
        wording = "means" if window.is_own else "middles"
        told.append(note("coarser", message, wording, cell_m=float(window.cell_m), pixel_m=float(window.pixel_m)))
    voids = int(voids_beside(window.heights, done.whole.depth))
    if voids:
        message = f"{voids} cells beside the water have no height: they are taken for dry, and nobody knows"
        told.append(note("voids", message, cells=voids))
    if reaches_edge(done.whole.depth):
        message = "the water reaches the edge of the window and may go on: ask for a larger 'within'"
        told.append(note("edge", message))
    return told
