"""A district in a database of its own, imported as an operator does it: cells, networks, cameras, sensors."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine

from bench.layer_import import Server, measure
from bench.lib.scratch import command, make_district
from cim import cluster
from cim.db import make_engine
from cim.settings import Settings, read_settings

Rows = list[dict[str, Any]]

#: Registers that say no more of a place than footprints do here.
LEFT_OUT = ("units.csv", "buildings.csv")
PARTS = ("gis", "raster", "registers")


class LiveCity(NamedTuple):
    """What a server needs to be started on it, a connection of the benchmark's own, and the settings of both."""

    environment: dict[str, str]
    engine: Engine
    settings: Settings


@contextmanager
def live_city(home: Path, district: Path) -> Iterator[LiveCity]:
    """Import a district that ``cim district make`` wrote, serve its database, and stop it at the end.

    Parameters
    ----------
    home
        An empty folder that others may enter.
    """
    server = Server(home)
    try:
        environment = server.environment(server.database("live"))
        measure(command("init"), environment)
        folders = [district / name for name in PARTS if (district / name).is_dir()]
        files = [
            str(file) for folder in folders for file in sorted(folder.iterdir())
            if file.name not in LEFT_OUT and file.is_file()
        ]  # fmt: skip
        measure(command("import", *files), environment)
        engine = make_engine(environment["CIM_DATABASE_URL"])
        settings = read_settings().model_copy(update={"home": Path(environment["CIM_HOME"])})
        try:
            yield LiveCity(environment, engine, settings)
        finally:
            engine.dispose()
    finally:
        cluster.stop(server.cluster)


def by_scale(work_on: Callable[[LiveCity], Rows]) -> Rows:
    """Return what work on the districts of the command line gives, else on the pilot and the full one, made anew.

    Each row says of which district it is; figures of a second district have those of the first beside them, whose ratio
    is the growth.
    """
    given: list[Path | None] = [Path(name) for name in sys.argv[1:]] or [None, None]
    scales = ("pilot", "full") if len(given) > 1 else ("full",)
    found = [
        (district.name if district else scale, _measured(district, scale, work_on))
        for scale, district in zip(scales, given, strict=True)
    ]
    first, rows = found[0]
    report = [one | {"work": f"{first}: {one['work']}"} for one in rows]
    for scale, others in found[1:]:
        report += [one | {"work": f"{scale}: {one['work']}"} for one in _beside(others, rows, first)]
    return report


def _measured(district: Path | None, scale: str, work_on: Callable[[LiveCity], Rows]) -> Rows:
    with tempfile.TemporaryDirectory(prefix="cim-bench-") as directory:
        home = Path(directory)
        home.chmod(0o755)
        folder = district or make_district(home / "district", "--scale", scale, "--only", "gis")
        with live_city(home, folder) as city:
            return work_on(city)


def _beside(rows: Rows, others: Rows, name: str) -> Rows:
    """Return rows with the figures of another district beside them, where they have no peer yet and it has the same."""
    of_work = {work: other["ours"] for work, other in zip(_works(others), others, strict=True)}
    return [
        one if one["peer"] or work not in of_work else one | _growth(one["ours"], of_work[work], name)
        for work, one in zip(_works(rows), rows, strict=True)
    ]


def _works(rows: Rows) -> list[tuple[str, str]]:
    """Return of each row the work that it is of: one that is indented belongs to the last that is not."""
    found, whole = [], ""
    for row in rows:
        whole = whole if row["work"].startswith(" ") else row["work"]
        found.append((whole, row["work"]))
    return found


def _growth(ours: float, other: float, name: str) -> dict[str, Any]:
    return {"peer": name, "peer_value": other, "ratio": round(ours / other, 3) if other else None}
