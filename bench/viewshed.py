"""Viewsheds: one alone, those of a whole district, and the same surfaces through GRASS r.viewshed.

Run as ``python -m bench.viewshed [DISTRICT]`` (or ``./run bench viewshed``), DISTRICT being a folder that ``cim
district make`` wrote; one of the pilot's size is made where none is named. Its buildings, cameras and ground are
imported into a database of their own. GRASS is taken from Debian (``apt-get install grass-core``): for some cameras
both look all round over the very same cells, heights at their centres, the same eye and the same height of targets.
Both visible and hidden cells count; ours are compared before the ground inside of buildings is left out.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import numpy as np
import psutil
import rasterio
from rasterio import Affine
from sqlalchemy import Connection, func, select

from bench.lib.processes import proportional_mb
from bench.lib.result import Goal, row, save
from bench.lib.scratch import command, make_district, scratch_database
from cim.db import make_engine
from cim.settings import Settings, read_settings
from cim.tables import camera_viewshed
from layers.live.cameras.batch import compute_viewsheds, plan_viewsheds
from layers.live.cameras.camera import Camera, cameras_of, select_cameras
from layers.live.cameras.kept import Ground, surface_for
from layers.live.cameras.rays import rounded_reach
from layers.live.cameras.sight import Sector, look
from layers.live.cameras.surface import Surface
from layers.live.cameras.viewshed import TARGET_HEIGHT_M, see, viewshed_of

FILES = ("raster/dem_5m.tif", "gis/buildings.gpkg", "registers/cameras.csv")
ALONE = 200
COMPARED = 24
WORKERS = 2
GOAL_MS = Goal(30.0)
GOAL_S = Goal(300.0)
GOAL_AGREEMENT = Goal(99.0, is_least=True)


def one_by_one(connection: Connection, ground: Ground, cameras: list[Camera]) -> list[dict[str, Any]]:
    """Return the rows of single viewsheds: from the database to the outline, and the sight alone."""
    whole, sight = [], []
    for warm in (True, False):
        for one in cameras:
            began = time.perf_counter()
            surface = surface_for(connection, ground, [one])
            read = time.perf_counter()
            viewshed_of(surface, one, ground.metric_crs)
            whole.append(time.perf_counter() - began)
            sight.append(whole[-1] - (read - began))
        if warm:
            whole.clear()
            sight.clear()
    rows = []
    for work, spent in (("one viewshed, surface read and outline made", whole), ("of it sight and outline", sight)):
        rows += [
            row(f"{work}, {name} of {len(spent)}", float(np.percentile(spent, share)) * 1000, "ms", goal=GOAL_MS)
            for name, share in (("median", 50), ("p95", 95))
        ]
    return rows


class Weight:
    """The most memory that this process and those below it had."""

    def __init__(self) -> None:
        self.most_mb = 0.0
        self._over = threading.Event()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look every two seconds."""
        watcher = threading.Thread(target=self._watch)
        watcher.start()
        try:
            yield
        finally:
            self._over.set()
            watcher.join()

    def _watch(self) -> None:
        own = psutil.Process()
        while not self._over.wait(2.0):
            try:
                self.most_mb = max(self.most_mb, proportional_mb(own))
            except psutil.NoSuchProcess:
                continue


def whole_district(url: str, settings: Settings) -> list[dict[str, Any]]:
    """Return the rows of all cameras in processes, planned, computed and kept."""
    engine = make_engine(url)
    weight = Weight()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    with weight.watched():
        plan = plan_viewsheds(engine, settings.metric_crs)
        done = sum(compute_viewsheds(engine, Ground(settings.files, settings.metric_crs), plan, workers=WORKERS))
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    with engine.connect() as connection:
        kept = connection.execute(
            select(func.count()).where(camera_viewshed.c.dirty_at.is_(None), camera_viewshed.c.geom.is_not(None))
        ).scalar_one()
    engine.dispose()
    if kept != done:
        raise SystemExit(f"{done} viewsheds were computed, {kept} are kept")
    return [
        row(f"{done} viewsheds, {WORKERS} processes", seconds, "s", goal=GOAL_S),
        row(f"{done} viewsheds, processor time of the {WORKERS} processes", busy, "s"),
        row(f"{done} viewsheds, memory with all processes", weight.most_mb, "MB"),
    ]


class Compared(NamedTuple):
    """A camera looking all round: the surface in its square, and what ours sees of it.

    Attributes
    ----------
    seen, is_open
        (side, side): ours; and where open ground is.
    is_sector
        The cells of the camera's own sector.
    """

    number: int
    eye_x: float
    eye_y: float
    mount_m: float
    range_m: float
    square: Any
    corner: tuple[float, float]
    is_inside: Any
    seen: Any
    is_open: Any
    is_sector: Any


def all_round(surface: Surface, one: Camera, number: int) -> tuple[Compared, float]:
    """Return what ours sees all round, and the seconds that it took."""
    eye = see(surface, one, TARGET_HEIGHT_M).eye
    cells = one.range_m / surface.cell_m
    reach = rounded_reach(cells)
    top, left = eye.row - reach - 1, eye.column - reach - 1
    part = slice(top, top + 2 * reach + 3), slice(left, left + 2 * reach + 3)
    square = surface.heights[part]
    began = time.perf_counter()
    sight = look(square, eye.height_m, Sector(0.0, 360.0, cells), reach)
    spent = time.perf_counter() - began
    flat = np.zeros((2 * reach + 1) ** 2, bool)
    inside, sector = flat.copy(), flat.copy()
    inside[sight.cells] = True
    flat[sight.cells] = sight.lowest_m <= square[1:-1, 1:-1].ravel()[sight.cells] + TARGET_HEIGHT_M
    sector[look(square, eye.height_m, Sector(one.azimuth_deg, one.hfov_deg, cells), reach).cells] = True
    shape = (2 * reach + 1,) * 2
    x = surface.west + (eye.column + 0.5) * surface.cell_m
    y = surface.north - (eye.row + 0.5) * surface.cell_m
    corner = surface.west + left * surface.cell_m, surface.north - top * surface.cell_m
    own_m = eye.height_m - float(surface.heights[eye.row, eye.column])
    open_ground = ~surface.is_building[part][1:-1, 1:-1]
    found = Compared(number, x, y, own_m, one.range_m, square, corner, *(a.reshape(shape) for a in (inside, flat)),
                     open_ground, sector.reshape(shape))  # fmt: skip
    return found, spent


SCRIPT = """
r.in.gdal -o --q input={folder}/s{number}.tif output=s{number}
g.region raster=s{number}
began=$(date +%s.%N)
r.viewshed -b --q input=s{number} output=v{number} coordinates={x},{y} observer_elevation={mount} \
target_elevation={target} max_distance={range} memory=500
echo "spent $began $(date +%s.%N)"
r.out.gdal --q -c input=v{number} output={folder}/v{number}.tif format=GTiff type=Byte
"""


def grass_sees(compared: list[Compared], metric_crs: str, cell_m: dict[int, float]) -> tuple[list[Any], list[float]]:
    """Return what GRASS sees, camera by camera, and the seconds of each r.viewshed."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        script = ["set -e"]
        for one in compared:
            cell = cell_m[one.number]
            side = len(one.square)
            profile = {"driver": "GTiff", "count": 1, "height": side, "width": side, "dtype": "float32"}
            place = Affine(cell, 0, one.corner[0], 0, -cell, one.corner[1])
            with rasterio.open(folder / f"s{one.number}.tif", "w", crs=metric_crs, transform=place, **profile) as file:
                file.write(one.square.astype(np.float32), 1)
            script.append(
                SCRIPT.format(
                    folder=folder, number=one.number, x=one.eye_x, y=one.eye_y, mount=one.mount_m,
                    target=TARGET_HEIGHT_M, range=one.range_m,
                )
            )  # fmt: skip
        (folder / "run.sh").write_text("\n".join(script))
        subprocess.run(["grass", "-c", metric_crs, str(folder / "location"), "-e"], check=True, capture_output=True)
        run = subprocess.run(
            ["grass", str(folder / "location" / "PERMANENT"), "--exec", "bash", str(folder / "run.sh")],
            check=True, capture_output=True, text=True, env=os.environ | {"GRASS_OVERWRITE": "1"},
        )  # fmt: skip
        times = [line.split()[1:] for line in run.stdout.splitlines() if line.startswith("spent ")]
        seen = []
        for one in compared:
            with rasterio.open(folder / f"v{one.number}.tif") as file:
                seen.append(file.read(1)[1:-1, 1:-1] == 1)
    return seen, [float(end) - float(start) for start, end in times]


def against_grass(connection: Connection, ground: Ground, cameras: list[Camera]) -> list[dict[str, Any]]:
    """Return the rows of the comparison with GRASS."""
    compared, spent, cells = [], [], {}
    for number, one in enumerate(cameras):
        # A surface for all directions.
        surface = surface_for(connection, ground, [one._replace(hfov_deg=360.0)])
        for _ in range(2):
            found, seconds = all_round(surface, one, number)
        compared.append(found)
        spent.append(seconds)
        cells[number] = surface.cell_m
    if shutil.which("grass") is None:
        return [row(f"sight all round, mean of {len(cameras)}", mean(spent) * 1000, "ms", peer="GRASS: not installed")]
    theirs, times = grass_sees(compared, ground.metric_crs, cells)
    rows = [
        row(
            f"sight all round, mean of {len(cameras)}",
            mean(spent) * 1000,
            "ms",
            peer="GRASS r.viewshed",
            peer_value=mean(times) * 1000,
        )
    ]
    for work, cells_of in (
        ("all cells in range", lambda one: one.is_inside),
        ("open ground in range", lambda one: one.is_inside & one.is_open),
        ("the cameras' own sectors", lambda one: one.is_sector),
    ):
        shares = [
            100 * float((one.seen == their)[cells_of(one)].mean()) for one, their in zip(compared, theirs, strict=True)
        ]
        count = sum(int(cells_of(one).sum()) for one in compared)
        same = sum(int((one.seen == their)[cells_of(one)].sum()) for one, their in zip(compared, theirs, strict=True))
        rows.append(row(f"same as GRASS, {work}, {count} cells", 100 * same / count, "%", goal=GOAL_AGREEMENT))
        rows.append(row(f"same as GRASS, {work}, worst of {len(cameras)}", min(shares), "%"))
    return rows


def measure(district: Path) -> list[dict[str, Any]]:
    with scratch_database() as url, tempfile.TemporaryDirectory() as home:
        settings = read_settings().model_copy(update={"home": Path(home)})
        paths = [str(district / name) for name in FILES]
        environment = os.environ | {"CIM_DATABASE_URL": url, "CIM_HOME": home}
        subprocess.run(command("import", *paths), check=False, env=environment, capture_output=True)
        engine = make_engine(url)
        ground = Ground(settings.files, settings.metric_crs)
        with engine.connect() as connection:
            cameras = cameras_of(connection.execute(select_cameras()).all(), settings.metric_crs)
            if not cameras:
                raise SystemExit(f"no camera came out of {district}")
            some = [cameras[place] for place in np.linspace(0, len(cameras) - 1, ALONE).astype(int)]
            rows = one_by_one(connection, ground, some)
            rows += against_grass(connection, ground, some[:: len(some) // COMPARED][:COMPARED])
        engine.dispose()
        return rows + whole_district(url, settings)


def main() -> None:
    if len(sys.argv) > 1:
        rows = measure(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as directory:
            rows = measure(make_district(Path(directory) / "district", "--only", "gis"))
    save("viewshed", rows)


if __name__ == "__main__":
    main()
