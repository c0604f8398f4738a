"""A district in a database of its own, imported as an operator does it: cells, networks, cameras, sensors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine

from bench.layer_import import Server, measure
from bench.lib.scratch import command
from cim import cluster
from cim.db import make_engine
from cim.settings import Settings, read_settings

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
