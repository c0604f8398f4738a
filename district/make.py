"""The order of work: from a seed and a scale to a folder of files."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from district.admin import Division, admin_layers, make_cells, make_division
from district.bim.site import ModelSite, author_models
from district.buildings import Buildings, make_buildings
from district.devices import make_cameras, make_observations, make_sensors
from district.events import make_events
from district.faults import (
    BUILDINGS_FILE,
    BUILDINGS_LAYER,
    CELLS_FILE,
    CELLS_LAYER,
    REGISTER_FILE,
    plant_dangling_pipe,
    plant_footprint_faults,
    plant_overlaps,
    plant_register_faults,
)
from district.faulty_files import write_gbk, write_gcj02, write_no_crs, write_swapped
from district.grids import grid_cells, old_grids
from district.models import known_buildings, model_faults, model_sites, placements
from district.pipes import GAS, WATER, Network, make_drainage, make_pressure_network, network_layers
from district.places import make_parking, make_resources
from district.plan import Plan, make_plan
from district.readme import readme
from district.rivers import make_river_areas, make_rivers
from district.roads import Roads, make_roads, road_lines, road_nodes
from district.scales import Scale
from district.truth import Fault, Truth, earlier_truth
from district.units import building_register, units_per_floor, write_units
from district.write import GBK_CODE_PAGE, Delivery, fixed_dates

Half = Literal["gis", "ifc"]
#: Called with a sentence and the share of the work that is done.
OnStep = Callable[[str, float], None]


@dataclass(frozen=True)
class Town:
    """What the files are written from."""

    plan: Plan
    roads: Roads
    division: Division
    buildings: Buildings


def make_town(scale: Scale, seed: int) -> Town:
    """Draw the town in memory."""
    plan = make_plan(scale, seed)
    roads = make_roads(plan)
    division = make_division(plan)
    return Town(plan, roads, division, make_buildings(plan, roads, division))


def make_district(
    directory: Path,
    scale: Scale,
    seed: int,
    only: Half | None = None,
    processes: int = 2,
    on_step: OnStep = lambda step, share: None,
) -> dict[str, Any]:
    """Write a district as ordinary files; the same seed and scale give the same content.

    Parameters
    ----------
    directory
        Made when missing; files of an earlier run are replaced.
    only
        Write only one half; what an earlier run of the same seed said of the other half stays in the truth.

    Returns
    -------
    dict
        ``directory``, ``scale``, ``seed``, ``seconds``, ``files`` with their rows, ``faults`` planted.
    """
    began = time.monotonic()
    on_step("drawing the plan", 0.0)
    town = make_town(scale, seed)
    earlier = earlier_truth(directory / "truth.json", seed, scale.name)
    delivery = Delivery(directory, earlier.counts)
    if only == "ifc":
        faults = [fault for fault in earlier.faults if not fault.file.startswith("ifc/")]
    else:
        faults = _write_gis(delivery, town, on_step)
    sites = model_sites(town.buildings)
    faults += model_faults(sites)
    delivery.csv("ifc/placements.csv", placements(sites))
    if only != "gis":
        _write_models(delivery, sites, seed, processes, on_step)
    known = known_buildings(town.buildings, sites, faults)
    _write_truth(delivery, scale, truth := Truth(seed, scale.name, delivery.counts, faults, known))
    on_step("done", 1.0)
    return _summary(directory, truth, time.monotonic() - began)


def _summary(directory: Path, truth: Truth, seconds: float) -> dict[str, Any]:
    return {
        "directory": str(directory),
        "scale": truth.scale,
        "seed": truth.seed,
        "seconds": round(seconds, 2),
        "files": truth.counts,
        "faults": len(truth.faults),
    }


def _write_truth(delivery: Delivery, scale: Scale, truth: Truth) -> None:
    truth.write(delivery.path("truth.json"))
    delivery.path("README.txt").write_text(readme(scale, truth.seed, truth.counts), encoding="utf-8")


def _write_models(delivery: Delivery, sites: list[ModelSite], seed: int, processes: int, on_step: OnStep) -> None:
    total = max(1, sum(site.program.products for site in sites))
    done = 0

    def on_done(site: ModelSite, products: int) -> None:
        nonlocal done
        done += site.program.products
        delivery.counts[f"ifc/{site.program.slug}.ifc"] = products
        on_step(f"ifc/{site.program.slug}.ifc", 0.5 + 0.5 * done / total)

    author_models(sites, delivery.directory / "ifc", seed, processes, on_done)
    delivery.counts = dict(sorted(delivery.counts.items()))


def _write_gis(delivery: Delivery, town: Town, on_step: OnStep) -> list[Fault]:
    """Write all but the models, and say which faults were planted."""
    steps: tuple[tuple[str, Callable[[Delivery, Town], list[Fault]]], ...] = (
        ("terrain and rivers", _write_ground),
        ("streets and administrative units", _write_streets),
        ("buildings and registers", _write_buildings),
        ("pipes, devices and live data", _write_services),
        ("management grids", _write_grids),
    )
    faults: list[Fault] = []
    with fixed_dates():
        for number, (name, write) in enumerate(steps):
            on_step(name, 0.05 + 0.45 * number / len(steps))
            faults += write(delivery, town)
    return faults


def _write_ground(delivery: Delivery, town: Town) -> list[Fault]:
    delivery.terrain("raster/dem_5m.tif", town.plan.terrain, town.plan.scale)
    delivery.geojson("gis/rivers.geojson", make_rivers(town.plan))
    delivery.geojson("gis/river_areas.geojson", make_river_areas(town.plan))
    return []


def _write_streets(delivery: Delivery, town: Town) -> list[Fault]:
    roads = {"道路中心线": road_lines(town.plan, town.roads), "道路节点": road_nodes(town.roads)}
    delivery.geopackage("gis/roads.gpkg", roads)
    return [write_gbk(delivery, town.plan, town.roads)]


def _write_buildings(delivery: Delivery, town: Town) -> list[Fault]:
    plan, buildings = town.plan, town.buildings
    footprints, faults = plant_footprint_faults(buildings, plan.seed)
    delivery.geopackage(BUILDINGS_FILE, {BUILDINGS_LAYER: footprints})
    per_floor = units_per_floor(plan, buildings)
    register = building_register(buildings, per_floor)
    faults += plant_register_faults(buildings, register, plan.seed)
    delivery.csv(REGISTER_FILE, register)
    units = "registers/units.csv"
    delivery.counts[units] = write_units(delivery.path(units), plan, buildings, per_floor)
    faults.append(write_gcj02(delivery, plan, buildings))
    faults.append(write_swapped(delivery, plan, buildings))
    return faults


def _write_pipes(delivery: Delivery, town: Town, sewers: Network) -> list[Fault]:
    faults = []
    networks = [make_pressure_network(town.plan, town.roads, service) for service in (WATER, GAS)]
    for network in (*networks, sewers):
        file = f"gis/{network.service.file}.gpkg"
        layers = network_layers(town.plan, network)
        faults += plant_dangling_pipe(layers, file)
        delivery.geopackage(file, layers)
    return faults


def _write_services(delivery: Delivery, town: Town) -> list[Fault]:
    plan, roads, buildings = town.plan, town.roads, town.buildings
    sewers = make_drainage(plan, roads)
    faults = _write_pipes(delivery, town, sewers)
    sensors = make_sensors(plan, roads, buildings, sewers)
    delivery.csv("registers/cameras.csv", make_cameras(plan, roads))
    delivery.csv("registers/sensors.csv", sensors)
    delivery.csv("registers/parking.csv", make_parking(plan, buildings))
    delivery.csv("registers/resources.csv", make_resources(plan, buildings))
    delivery.csv("live/events.csv", make_events(plan, buildings))
    delivery.csv("live/observations.csv", make_observations(plan, sensors))
    return [*faults, write_no_crs(delivery, plan, sewers)]


def _write_grids(delivery: Delivery, town: Town) -> list[Fault]:
    plan, division = town.plan, town.division
    cells, label = make_cells(plan, division)
    delivery.geopackage("gis/admin.gpkg", admin_layers(division, cells, label))
    merged = grid_cells(division, cells, label)
    faults = plant_overlaps(merged, plan.seed)
    delivery.geopackage(CELLS_FILE, {CELLS_LAYER: merged})
    for name, grid in old_grids(plan, division).items():
        file = f"gis/grids/{name}.shp"
        in_gbk = name == "城管网格"
        delivery.shapefile(file, grid, "GBK" if in_gbk else "UTF-8")
        if in_gbk:
            delivery.forget_encoding(file, GBK_CODE_PAGE)
            detail = "GBK text and column names; no .cpg, only the code page in the .dbf"
            faults.append(Fault("gbk_without_cpg", file, None, file, detail, "report"))
    return faults
