"""Where a building model stands, and what is wrong with it on purpose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from district.bim.program import ModelProgram

FAULTS = (
    "mm_missing_scale",
    "georeferenced_twice",
    "storeys_disagree",
    "height_disagrees",
    "no_place",
)


@dataclass(frozen=True)
class ModelSite:
    """One model on the plan.

    Attributes
    ----------
    program
        What the footprint layer and the register say of the building.
    building_code
        The code that the footprint layer and the register use.
    easting_m, northing_m
        EPSG:4547 of the local origin, the footprint's lower-left corner in local axes.
    base_height_m
        Ground floor level above the Yellow Sea datum (EPSG:5737).
    rotation_deg
        Of the local x axis, counter-clockwise from grid east.
    address_zh
        Postal address.
    fault
        None or one of `FAULTS`.
    """

    program: ModelProgram
    building_code: str
    easting_m: float
    northing_m: float
    base_height_m: float
    rotation_deg: float
    address_zh: str
    fault: str | None


def as_authored(site: ModelSite) -> ModelProgram:
    """Give the building that the IFC file holds: the program, changed by the two faults that disagree with it.

    ``storeys_disagree`` has two storeys more in the same height; ``height_disagrees`` has the same storeys, each a
    quarter higher.
    """
    program = site.program
    if site.fault == "storeys_disagree":
        storeys = program.storeys_above + 2
        height_m = program.storeys_above * program.storey_height_m
        return replace(program, storeys_above=storeys, storey_height_m=round(height_m / storeys, 4))
    if site.fault == "height_disagrees":
        return replace(program, storey_height_m=round(program.storey_height_m * 1.25, 4))
    return program


def author_models(
    sites: Sequence[ModelSite],
    directory: Path,
    seed: int,
    processes: int,
    on_done: Callable[[ModelSite, int], None],
) -> None:
    """Write ``directory/<slug>.ifc`` for each site; the same seed gives the same bytes.

    Parameters
    ----------
    sites
        The models, each slug once.
    directory
        Made when missing.
    seed
        Drives names, colours and GlobalIds.
    processes
        Worker processes; 1 authors in this one.
    on_done
        Called in this process after each file with its number of products.
    """
    from district.bim.author import author_all  # ifcopenshell loads only when models are authored

    author_all(sites, directory, seed, processes, on_done)
