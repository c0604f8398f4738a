"""A flood by rain: how deep the water gets while it runs over the ground and gathers, and where it all went."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cim.errors import TooLarge
from layers.water.apart import run_apart
from layers.water.asked import Rain
from layers.water.overland import ALPHA
from layers.water.window import Metres, Window

#: Wet ground, not a flood: the film that runs off everywhere.
FILM_M = 0.05
#: The largest window, and the widest cells that still say where water gathers.
MAX_AREA_M2 = 30e6
MAX_CELL_M = 60.0
#: What one is let wait for, and the time at which the engine is ended, seconds.
_WANTED_S, _LIMIT_S = 12.0, 90.0
#: Of the engine, as measured on two cores: seconds a step and seconds a step and cell; and the depth that rules steps.
_A_STEP_S, _A_CELL_S, _RULING_DEPTH_M = 6e-4, 1.5e-7, 2.0
_REMEDY = "say a smaller 'within', or fewer hours"


class RainFlood(NamedTuple):
    """Depths in metres, the deepest of each cell and those at the end, and the balance of volumes."""

    peak: Metres
    final: Metres
    balance: dict[str, Any]


def after_hours(rain: Rain) -> float:
    """Return how long is looked on after the rain: half its time, at most half an hour."""
    return min(rain.hours / 2, 0.5)


def cells_for(rain: Rain) -> Callable[[float, float], float]:
    """Return the rule for the width of cells with which the engine is done soon.

    Raises
    ------
    TooLarge
        Cells would be so wide, or the window is so large, that depths say nothing.
    """

    def width(area: float, pixel: float) -> float:
        if area > MAX_AREA_M2:
            raise TooLarge(f"rain is computed on at most {MAX_AREA_M2 / 1e6:g} km2, and this window has"
                           f" {area / 1e6:.4g}: {_REMEDY}", "rain_too_large", km2=area / 1e6,
                           most_km2=MAX_AREA_M2 / 1e6)  # fmt: skip
        for factor in range(1, math.ceil(MAX_CELL_M / pixel) + 1):
            if _seconds(area, factor * pixel, rain) <= _WANTED_S:
                return factor * pixel
        raise TooLarge(f"cells would be wider than {MAX_CELL_M:g} m: {_REMEDY}", "rain_too_coarse", most_m=MAX_CELL_M)

    return width


def _seconds(area: float, cell_m: float, rain: Rain) -> float:
    steps = (rain.hours + after_hours(rain)) * 3600 / (ALPHA * cell_m / math.sqrt(9.81 * _RULING_DEPTH_M))
    return steps * (_A_STEP_S + _A_CELL_S * area / cell_m**2)


def rain_on(window: Window, rain: Rain) -> RainFlood:
    """Return what a rain does to a window; raises Busy, TooLarge, EngineFailure."""
    with tempfile.TemporaryDirectory(prefix="cim-rain-") as name:
        folder = Path(name)
        np.savez(folder / "ground.npz", heights=window.heights)
        told = {"cell_m": window.cell_m, "mm": rain.mm * rain.runoff, "hours": rain.hours,
                "after_hours": after_hours(rain)}  # fmt: skip
        (folder / "rain.json").write_text(json.dumps(told), "utf-8")
        run_apart("layers.water.overland", folder, _LIMIT_S, _REMEDY)
        depths = np.load(folder / "depth.npz")
        sums = json.loads((folder / "sums.json").read_text("utf-8"))
        return RainFlood(depths["peak"], depths["final"], _balance(sums, window, rain))


def _balance(sums: dict[str, float], window: Window, rain: Rain) -> dict[str, Any]:
    """Return volumes of the ellipsoid's area; what fell must be what is stored and what has left."""
    scale = window.cell_area_m2 / window.cell_m**2
    ran, stored, left = (sums[name] * scale for name in ("rain_m3", "stored_m3", "left_m3"))
    return {
        "fallen_m3": round(ran / rain.runoff, 1),
        "soaked_m3": round(ran / rain.runoff - ran, 1),
        "run_off_m3": round(ran, 1),
        "stored_m3": round(stored, 1),
        "left_m3": round(left, 1),
        "error_percent": round(100 * (ran - stored - left) / ran, 4),
        "steps": int(sums["steps"]),
    }
