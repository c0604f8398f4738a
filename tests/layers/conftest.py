"""Importing small files the way the command does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from cim.importing import ImportContext, ImportOptions, import_paths, importers
from cim.reports import ImportReport
from cim.settings import Settings

Take = Callable[..., ImportReport]
Ask = Callable[..., list[Any]]


@pytest.fixture
def take(engine: Engine, settings: Settings) -> Take:
    """Import one file with all that follows an import, and return its report; the row identity is checked each time."""

    def run(path: Path, **options: Any) -> ImportReport:
        context = ImportContext(ImportOptions(**options), settings)
        known = [importer for importer in importers() if importer.name != "ifc"]
        [report] = list(import_paths(engine, [path], context, known))
        for layer, counts in report.layers.items():
            assert counts.read == counts.added + counts.changed + counts.unchanged + counts.quarantined, layer
        return report

    return run


@pytest.fixture
def ask(engine: Engine) -> Ask:
    """Run a query and return its rows."""

    def run(statement: str, **parameters: Any) -> list[Any]:
        with engine.connect() as connection:
            return list(connection.execute(text(statement), parameters))

    return run
