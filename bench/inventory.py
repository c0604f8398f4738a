"""Taking stock of 2 km2: this service against GDAL and shapely on the same objects.

Run as ``python -m bench.inventory`` (or ``./run bench inventory``) with the pilot district imported into the database
that the settings name. The peer reads GeoPackages of the same layers (with their spatial index) through pyogrio, by
the zone's box, and tests every object with shapely; its counts must be equal to ours.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import geopandas
import numpy as np
import orjson
import pyogrio
import shapely
from sqlalchemy import Connection, func, select

from bench.lib.result import Goal, row, save
from cim.access import Caller
from cim.crs import from_geographic, to_geographic
from cim.db import database_url, make_engine
from cim.settings import read_settings
from layers.catalogue import district_extent
from layers.queries.inventory import take_inventory
from layers.queries.search import search
from layers.queries.visible import visible_layers
from layers.queries.zone import parse_zone

ADMIN = Caller("admin")
RUNS = 20
GOAL_MS = Goal(100.0)
AREA_M2 = 2_000_000.0
SMALLEST_SIDE_M = 3000.0


def measured_side_m(extent: tuple[float, float, float, float], metric_crs: str) -> float:
    """Return the shorter side of the district in metres."""
    (west, east), (south, north) = from_geographic(metric_crs).points([extent[0], extent[2]], [extent[1], extent[3]])
    return float(min(east - west, north - south))


def zones(extent: tuple[float, float, float, float], metric_crs: str, corners: int) -> list[shapely.Geometry]:
    """Return irregular polygons of 2 km2 within the district, the same ones every time."""
    random = np.random.default_rng(20250601)
    to_metric, to_degrees = from_geographic(metric_crs), to_geographic(metric_crs)
    (west, east), (south, north) = to_metric.points([extent[0], extent[2]], [extent[1], extent[3]])
    made = []
    for _ in range(RUNS):
        angles = np.sort(random.uniform(0, 2 * np.pi, corners))
        radius = random.uniform(0.7, 1.0, corners) if corners < 100 else 1 + 0.05 * np.sin(angles * 40)
        shape = shapely.Polygon(np.column_stack([np.cos(angles), np.sin(angles)]) * radius[:, None])
        scale = np.sqrt(AREA_M2 / shape.area)
        center = random.uniform([west + 1000, south + 1000], [east - 1000, north - 1000])
        shape = shapely.transform(shape, lambda points, s=scale, c=center: points * s + c)
        made.append(to_degrees.geometries(np.array([shape], dtype=object))[0])
    return made


def export(connection: Connection, folder: Path) -> dict[str, Path]:
    """Write every layer with geometry as a GeoPackage, without its attributes."""
    files = {}
    for layer in visible_layers(connection, ADMIN):
        if "geom" not in layer.table.c:
            continue
        query = select(layer.table.c.id, func.ST_AsBinary(layer.table.c.geom)).where(
            layer.table.c.layer_id == layer.id, layer.table.c.geom.is_not(None)
        )
        rows = connection.execute(query).all()
        if rows:
            shapes = shapely.force_2d(shapely.from_wkb([bytes(row[1]) for row in rows]))
            frame = geopandas.GeoDataFrame({"id": [row[0] for row in rows]}, geometry=shapes, crs="EPSG:4490")
            files[layer.id] = folder / f"{layer.id}.gpkg"
            pyogrio.write_dataframe(frame, files[layer.id])
    return files


def brute_force(files: dict[str, Path], zone: shapely.Geometry) -> dict[str, int]:
    """Count the objects of every layer in a zone with GDAL and shapely."""
    counts = {}
    shapely.prepare(zone)
    for layer_id, path in files.items():
        frame = pyogrio.read_dataframe(path, bbox=zone.bounds)
        counts[layer_id] = int(shapely.intersects(zone, frame.geometry.values).sum()) if len(frame) else 0
    return counts


def our_counts(answer: dict[str, Any]) -> dict[str, int]:
    return {entry["id"]: entry["count"] for theme in answer["themes"] for entry in theme["layers"]}


def compare(connection: Connection, shapes: list[shapely.Geometry], files: dict[str, Path]) -> tuple[float, float, int]:
    """Return the median milliseconds of ours and of the peer, and the mean number of objects; counts must agree."""
    ours, theirs, totals = [], [], []
    bodies = [{"geometry": orjson.loads(shapely.to_geojson(zone))} for zone in shapes]
    take_inventory(connection, parse_zone(bodies[0]), ADMIN)
    for zone, body in zip(shapes, bodies, strict=True):
        began = time.perf_counter()
        answer = take_inventory(connection, parse_zone(body), ADMIN)
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        counted = brute_force(files, zone)
        theirs.append(time.perf_counter() - began)
        found = our_counts(answer)
        different = {key: (found[key], count) for key, count in counted.items() if found[key] != count}
        if different:
            sys.exit(f"the counts differ: {different}")
        totals.append(answer["total"])
    return 1000 * median(ours), 1000 * median(theirs), round(sum(totals) / len(totals))


def search_times(connection: Connection) -> float:
    """Return the median milliseconds of searches as people type them."""
    texts = ["龙", "龙岗", "花园", "大厦A", "医院", "4403070010010000358", "阀门", "龙平大道12号", "wall", "中心大夏"]
    for text in texts:
        search(connection, text, ADMIN)
    times = []
    for text in texts * 2:
        began = time.perf_counter()
        search(connection, text, ADMIN)
        times.append(time.perf_counter() - began)
    return 1000 * median(times)


def main() -> None:
    settings = read_settings()
    engine = make_engine(database_url(settings))
    rows = []
    with engine.connect() as connection, tempfile.TemporaryDirectory() as folder:
        extent = district_extent(connection)
        if extent is None:
            sys.exit("the database is empty; make and import the pilot district first")
        if measured_side_m(extent, settings.metric_crs) < SMALLEST_SIDE_M:
            sys.exit("the district is smaller than the zones of 2 km2; make and import the pilot district")
        files = export(connection, Path(folder))
        peer = f"pyogrio {pyogrio.__version__} + shapely {shapely.__version__}, spatial index, counts only"
        for corners in (12, 1000):
            ours, theirs, total = compare(connection, zones(extent, settings.metric_crs, corners), files)
            work = f"inventory of 2 km2, {corners} corners, {total} objects"
            rows.append(row(work, ours, "ms", peer=peer, peer_value=theirs, goal=GOAL_MS))
        rows.append(row("search, 10 texts", search_times(connection), "ms", goal=GOAL_MS))
    save("inventory", rows)


if __name__ == "__main__":
    main()
