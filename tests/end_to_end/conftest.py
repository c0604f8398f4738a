"""The pilot district, made and imported once: all GIS files, and the models that carry faults with two that do not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from api.app import make_app
from cim.db import make_engine
from cim.importing import ImportContext, ImportOptions, import_paths
from cim.reports import ImportReport
from cim.settings import Settings
from district.bim.site import author_models
from district.make import make_district, make_town
from district.models import model_sites
from district.scales import SCALES
from tests.api.conftest import running

SEED = 20260301
SOUND_MODELS = {"factory_01", "tower_13"}


@dataclass(frozen=True)
class Pilot:
    """What the tests look at."""

    folder: Path
    truth: dict[str, Any]
    engine: Engine
    settings: Settings
    reports: dict[str, ImportReport]

    def faults(self, kind: str) -> list[dict[str, Any]]:
        """Return the planted faults of one kind; there is at least one."""
        found = [fault for fault in self.truth["faults"] if fault["kind"] == kind]
        assert found, kind
        return found

    def rows(self, statement: str, **parameters: Any) -> list[Any]:
        """Return the rows of a query."""
        with self.engine.connect() as connection:
            return list(connection.execute(text(statement), parameters).all())


@pytest.fixture(scope="session")
def pilot_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pilot district's files, and of its models those with faults and two without."""
    folder = tmp_path_factory.mktemp("pilot")
    make_district(folder, SCALES["pilot"], SEED, only="gis")
    sites = model_sites(make_town(SCALES["pilot"], SEED).buildings)
    chosen = [site for site in sites if site.fault or site.program.slug in SOUND_MODELS]
    author_models(chosen, folder / "ifc", SEED, 2, lambda _site, _products: None)
    return folder


@pytest.fixture(scope="session")
def pilot(
    pilot_files: Path,
    clone_database: Callable[[], AbstractContextManager[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Pilot]:
    """The pilot district in a database of its own."""
    with clone_database() as url:
        yield from _imported(pilot_files, url, tmp_path_factory)


def _imported(pilot_files: Path, url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pilot]:
    settings = Settings(home=tmp_path_factory.mktemp("pilot-home"), database_url=url)
    engine = make_engine(url)
    context = ImportContext(ImportOptions(), settings)
    reports: dict[str, ImportReport] = {}
    for part in ("gis", "raster", "registers", "live", "faults", "ifc"):
        for report in import_paths(engine, [pilot_files / part], context):
            name = f"{part}/{report.file}"
            assert name not in reports
            reports[name] = report
    truth = json.loads((pilot_files / "truth.json").read_text(encoding="utf-8"))
    yield Pilot(pilot_files, truth, engine, settings, reports)
    engine.dispose()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(pilot: Pilot) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app(pilot.settings, str(pilot.settings.database_url))
    async with running(app):
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 50000))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000", timeout=60) as made:
            yield made
