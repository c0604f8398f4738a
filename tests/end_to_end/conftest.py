"""The pilot district, made and imported once: all GIS files, and the models that carry faults with two that do not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from cim.db import make_engine
from cim.importing import ImportContext, ImportOptions, import_paths
from cim.reports import ImportReport
from cim.settings import Settings
from district.bim.site import author_models
from district.make import make_district, make_town
from district.models import model_sites
from district.scales import SCALES

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


def _clone(server_url: str, template: str) -> str:
    name = f"cim_pilot_{uuid4().hex[:8]}"
    engine = create_engine(make_url(server_url).set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'create database "{name}" template "{template}"'))
    engine.dispose()
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


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
    pilot_files: Path, server_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pilot]:
    """The pilot district in a database of its own."""
    url = _clone(server_url, template_database)
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
