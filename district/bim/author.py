"""Authors many models in worker processes, the largest first."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from types import MappingProxyType

from district.bim.furnishing import Furnishing
from district.bim.kinds import factory, hospital, metro, office, school, tower
from district.bim.model import Model
from district.bim.site import ModelSite

_KINDS: Mapping[str, Callable[[Model, Furnishing], None]] = MappingProxyType(
    {
        "tower": tower.author,
        "office": office.author,
        "school": school.author,
        "hospital": hospital.author,
        "factory": factory.author,
        "metro_station": metro.author,
    }
)
#: Written with the schema's plain name in the header, as several products do; the content is IFC4X3_ADD2.
PLAIN_IFC4X3_SLUGS = frozenset({"tower_13", "metro_station_01"})


def build(site: ModelSite, seed: int) -> Model:
    """Build one model in memory.

    Furniture, lamps and sprinklers fill up to ``program.products``; the structure is never cut short for it.
    """
    model = Model(site, seed)
    furnishing = Furnishing(model)
    _KINDS[site.program.kind](model, furnishing)
    furnishing.settle(max(0, site.program.products - model.count))
    model.close()
    return model


def write(site: ModelSite, directory: Path, seed: int) -> int:
    """Build one model and write its file; return its number of products."""
    model = build(site, seed)
    slug = site.program.slug
    model.document.write(directory / f"{slug}.ifc", "IFC4X3" if slug in PLAIN_IFC4X3_SLUGS else None)
    return model.count


def author_all(
    sites: Sequence[ModelSite],
    directory: Path,
    seed: int,
    processes: int,
    on_done: Callable[[ModelSite, int], None],
) -> None:
    """Write all models; see `district.bim.site.author_models`."""
    directory.mkdir(parents=True, exist_ok=True)
    ordered = sorted(sites, key=lambda site: (-site.program.products, site.program.slug))
    if processes <= 1:
        for site in ordered:
            on_done(site, write(site, directory, seed))
        return
    # Spawned, not forked: the caller may have threads, and GDAL or a database driver loaded.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        tasks = {pool.submit(write, site, directory, seed): site for site in ordered}
        for task in as_completed(tasks):
            on_done(tasks[task], task.result())
