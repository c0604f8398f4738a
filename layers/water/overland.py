"""Rain that runs over the ground, by landlab's OverlandFlow; run apart (``layers.water.apart``).

The equations are those of de Almeida, Bates, Freer & Souvignet (2012), 'Improving the stability of a simple
formulation of the shallow water equations for 2-D flood modeling', Water Resources Research 48, W05528; Adams et al.
(2017), 'The Landlab v1.0 OverlandFlow component', Geoscientific Model Development 10.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layers.water.apart import serve

#: Manning's n of mixed built-up ground, s/m^(1/3).
MANNING = 0.05
_GRAVITY = 9.81
#: Share of the time step of Courant, Friedrichs and Lewy. With the engine's own 0.7 still water over smooth ground
#: swings up by decimetres; at 0.5 it lies level.
ALPHA = 0.5
#: The engine's own steps are far too long as long as there is hardly any water: they are those of this depth.
_LEAST_DEPTH_M = 0.2
#: Below this, metres, the engine takes a cell for dry.
_FILM_M = 1e-6


def work(folder: Path) -> None:
    """Compute the depths of ``ground.npz`` (heights in metres, north up, NaN void) and ``rain.json``."""
    heights = np.load(folder / "ground.npz")["heights"]
    rain = json.loads((folder / "rain.json").read_text("utf-8"))
    peak, final, sums = run(heights, rain["cell_m"], rain["mm"], rain["hours"], rain["after_hours"])
    np.savez(folder / "depth.npz", peak=peak, final=final)
    (folder / "sums.json").write_text(json.dumps(sums), "utf-8")


def run(
    heights: NDArray[np.float64], cell_m: float, mm: float, hours: float, after_hours: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[str, float]]:
    """Return the deepest and the last depth of each cell (metres), and sums of volumes (cubic metres).

    Water leaves over the window's edge freely; none comes in. Void cells are closed.
    """
    # One ring of cells more, as high as those beside them: the boundary that takes what leaves.
    padded = np.pad(np.flipud(heights), 1, mode="edge")
    is_void = np.isnan(padded)
    grid, flow = _engine(np.where(is_void, np.nanmax(heights), padded), is_void, cell_m)
    depth, core = grid.at_node["surface_water__depth"], grid.core_nodes
    rate = mm / 1000 / (hours * 3600)
    began = float(depth[core].sum())
    edge = _Edge(grid)
    longest = ALPHA * cell_m / np.sqrt(_GRAVITY * _LEAST_DEPTH_M)
    peak, left, steps = depth.copy(), 0.0, 0
    for seconds, intensity in ((hours * 3600, rate), (after_hours * 3600, 0.0)):
        flow.rainfall_intensity = intensity
        time = 0.0
        while time < seconds - 1e-6:
            step = min(float(flow.calc_time_step()), longest, seconds - time)
            flow.overland_flow(dt=step)
            left += edge.outflow() * cell_m * step
            np.maximum(peak, depth, out=peak)
            time, steps = time + step, steps + 1
    sums = {
        "rain_m3": mm / 1000 * len(core) * cell_m**2,
        "stored_m3": (float(depth[core].sum()) - began) * cell_m**2,
        "left_m3": left,
        "steps": steps,
    }
    return _cells(peak, padded.shape, is_void), _cells(depth, padded.shape, is_void), sums


def _engine(ground: NDArray[np.float64], is_void: NDArray[np.bool_], cell_m: float) -> tuple[Any, Any]:
    """Return landlab's grid of ground (metres, south up, known everywhere) with a film of water, and its flow."""
    # Slow to load (three seconds) and needed in this process only.
    from landlab import RasterModelGrid
    from landlab.components import OverlandFlow

    grid = RasterModelGrid(ground.shape, xy_spacing=cell_m)
    grid.add_field("topographic__elevation", ground.ravel(), at="node")
    grid.add_zeros("surface_water__depth", at="node")
    grid.status_at_node[is_void.ravel()] = grid.BC_NODE_IS_CLOSED
    return grid, OverlandFlow(grid, h_init=_FILM_M, alpha=ALPHA, mannings_n=MANNING, steep_slopes=True)


class _Edge:
    """The links of a grid that lead out of its core."""

    def __init__(self, grid: Any) -> None:
        is_core = np.zeros(grid.number_of_nodes, bool)
        is_core[grid.core_nodes] = True
        active = grid.active_links
        tail, head = is_core[grid.node_at_link_tail[active]], is_core[grid.node_at_link_head[active]]
        self._out, self._back = active[tail & ~head], active[~tail & head]
        self._discharge = grid.at_link["surface_water__discharge"]

    def outflow(self) -> float:
        """Return what leaves, square metres a second: a discharge for each metre of width."""
        return float(self._discharge[self._out].sum() - self._discharge[self._back].sum())


def _cells(values: NDArray[np.float64], shape: tuple[int, ...], is_void: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return values of nodes as cells, north up, without the ring."""
    cells = np.where(is_void, 0.0, values.reshape(shape))[1:-1, 1:-1]
    return np.flipud(np.where(cells < 2 * _FILM_M, 0.0, cells))


if __name__ == "__main__":
    serve(work)
