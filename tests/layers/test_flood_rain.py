"""Rain on the ground: water that is neither made nor lost, and depths that hydraulics say by hand."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from sqlalchemy import Engine

from cim.access import Caller
from cim.errors import Busy, TooLarge
from cim.settings import Settings
from layers.water import apart
from layers.water.apart import EngineFailure, run_apart
from layers.water.asked import Rain, parse_flood
from layers.water.flood import flood
from layers.water.overland import MANNING
from layers.water.rain import FILM_M, cells_for, rain_on
from tests.layers.flood_ground import window

ADMIN = Caller("admin")


def test_a_basin_keeps_all_of_its_rain_at_one_level() -> None:
    x, y = np.meshgrid(np.arange(41) - 20.0, np.arange(41) - 20.0)
    heights = np.minimum((x**2 + y**2) * 0.005, 1.5)
    heights[[0, -1]], heights[:, [0, -1]] = np.nan, np.nan  # void: closed, and no rain on it
    found = rain_on(window(heights, 4.0), Rain(100.0, 0.5, 0.8))
    balance = found.balance
    area = 39 * 39 * 16
    assert balance["fallen_m3"] == pytest.approx(area * 0.1, abs=0.1)
    assert balance["run_off_m3"] == pytest.approx(area * 0.08, abs=0.1)
    assert abs(balance["error_percent"]) < 0.1
    assert balance["left_m3"] == 0
    assert found.final.sum() * 16 == pytest.approx(balance["run_off_m3"], rel=1e-3)
    # the level of the pond that takes this volume, by halves
    low, high = 0.0, 9.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if np.nansum(np.clip(middle - heights, 0, None)) < area * 0.005 else (low, middle)
    levels = (heights + found.final)[heights < low - 0.05]
    assert np.ptp(levels) < 0.005
    assert np.median(levels) == pytest.approx(low, abs=0.015)  # a film still runs down
    assert (found.peak >= found.final - 1e-12).all()


def test_a_plane_stores_what_the_kinematic_wave_says() -> None:
    """At equilibrium q = i x and h = (n q / sqrt S)^(3/5): Henderson & Wooding (1964)."""
    slope, cell, count = 0.02, 5.0, 40
    heights = np.tile((count - np.arange(count))[:, None] * cell * slope, (1, 6))
    heights[:, [0, -1]] = np.nan
    rain = Rain(120.0, 0.6, 1.0)
    found = rain_on(window(heights, cell), rain)
    # what a cell hands down is what fell above its lower side
    x = (np.arange(count) + 1.0) * cell
    depth = (MANNING * (rain.mm / 1000 / (rain.hours * 3600)) * x / np.sqrt(slope)) ** 0.6
    # not at the ends: the crest has no inflow, the foot falls over the edge
    assert np.allclose(found.peak[4:-4, 3], depth[4:-4], rtol=0.01)
    assert abs(found.balance["error_percent"]) < 0.1
    assert found.balance["left_m3"] > 0.9 * found.balance["run_off_m3"]


def test_rain_on_sant_boi_balances_and_gathers_in_hollows(
    shared_data: Path, take: Any, engine: Engine, settings: Settings
) -> None:
    path = shared_data / "place_santboi" / "santboi_dem_5m.tif"
    take(path)
    with rasterio.open(path) as raster:
        west, north = raster.transform.c + 500, raster.transform.f - 1000
        box = rasterio.warp.transform_bounds(raster.crs, "EPSG:4326", west, north - 300, west + 300, north)
    body = {"rain": {"mm": 60, "hours": 0.25}, "within": json.loads(shapely.to_geojson(shapely.box(*box)))}
    with engine.connect() as connection:
        answer = flood(connection, settings.files, "EPSG:25831", parse_flood(body), ADMIN)
    balance, ground = answer["rain"], answer["ground"]
    area = (ground["cells"] - ground["voids"]) * ground["cell_m"] ** 2
    assert 90_000 < area < 110_000
    assert balance["fallen_m3"] == pytest.approx(area * 0.06, rel=2e-3)
    assert balance["soaked_m3"] == pytest.approx(0.1 * balance["fallen_m3"], rel=1e-3)
    assert abs(balance["error_percent"]) < 0.1
    assert balance["stored_m3"] + balance["left_m3"] == pytest.approx(balance["run_off_m3"], rel=1e-3)
    assert answer["area_m2"] * FILM_M <= answer["volume_m3"] < balance["run_off_m3"] * 2
    assert 0 < answer["area_m2"] < area
    assert {note["code"] for note in answer["notes"]} >= {"peak", "drains", "window"}
    assert "OverlandFlow" in answer["receipt"]["parameters"]["method"]


def test_cells_are_as_wide_as_the_work_allows() -> None:
    assert cells_for(Rain(80, 0.5))(2e5, 5.0) == 5.0
    wide = [cells_for(Rain(80, hours))(2e6, 5.0) for hours in (1, 6, 12)]
    assert wide == sorted(wide)
    assert wide[0] < wide[-1]
    with pytest.raises(TooLarge, match="30 km2"):
        cells_for(Rain(80, 2))(5e7, 5.0)
    with pytest.raises(TooLarge, match="wider than 60 m"):
        cells_for(Rain(80, 24))(3e7, 5.0)


def test_an_engine_is_ended_after_its_time_and_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="smaller window"):
        run_apart("layers.water.overland", tmp_path, 0.01, "say a smaller window")
    with pytest.raises(EngineFailure, match=r"ground\.npz"):
        run_apart("layers.water.overland", tmp_path, 30.0, "say a smaller window")


def test_only_a_few_compute_at_one_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "PATIENCE_S", 0.01)
    monkeypatch.setattr(apart, "_places", threading.BoundedSemaphore(1))
    with apart._places, pytest.raises(Busy):
        run_apart("layers.water.overland", tmp_path, 1.0, "wait")


def test_the_engines_are_not_loaded_by_who_asks_them() -> None:
    code = (
        "import sys, layers.water.flood, layers.water.drainage; print({'landlab', 'pyswmm', 'swmm'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
