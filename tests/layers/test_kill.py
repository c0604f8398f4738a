"""kill -9 of an import at any moment: what was there stays, and the import repeated ends as an undisturbed one does."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from importlib.metadata import entry_points
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, text

from cim.db import make_engine
from cim.importing import ImportContext, ImportOptions, import_paths
from cim.settings import Settings
from cim.tables import OBJECT_TABLES, building, building_source, conflict, dataset, metadata
from district.make import make_district
from district.scales import SCALES

pytestmark = pytest.mark.slow

#: Small enough to be imported twenty times.
SCALE = replace(SCALES["sample"], buildings=600)

#: In this order; each is killed at these shares of its statements.
FILES = {
    "gis/buildings.gpkg": (0.1, 0.5, 0.9),
    "registers/buildings.csv": (0.3, 0.6, 0.95),
    "registers/units.csv": (0.2, 0.8),
    "gis/water_supply.gpkg": (0.4, 0.99),
}
#: Children are forked from a process that has loaded what an import needs, which takes seconds.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__, *(point.module for point in entry_points(group="cim.importers"))])


def run_import(url: str, home: Path, path: Path, stop: int, told: Connection) -> None:
    """Import a file; stop for good before one of its statements, or tell how many there were."""
    engine, count = make_engine(url), 0

    @event.listens_for(engine, "before_cursor_execute")
    def before(*_: Any) -> None:
        nonlocal count
        count += 1
        if count == stop:
            told.send("here")
            time.sleep(3600)

    settings = Settings(home=home, database_url=url)
    for report in import_paths(engine, [path], ImportContext(ImportOptions(), settings)):
        assert report.status in ("imported", "unchanged"), report
    told.send(count)


@contextmanager
def child(engine: Engine, home: Path, path: Path, stop: int = 0) -> Iterator[tuple[BaseProcess, Any]]:
    """Run an import beside the test; the process and the first thing that it tells."""
    url = engine.url.render_as_string(hide_password=False)
    heard, told = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=run_import, args=(url, home, path, stop, told))
    process.start()
    told.close()
    with heard:
        yield process, heard.recv()  # ends with EOFError where the import failed
    process.join()
    process.close()


def finish(engine: Engine, home: Path, path: Path) -> int:
    """Import undisturbed and return the number of statements."""
    with child(engine, home, path) as (_, count):
        return int(count)


def kill(engine: Engine, home: Path, path: Path, stop: int) -> None:
    """Import and kill the process before the statement of this number."""
    with child(engine, home, path, stop) as (process, word):
        assert word == "here"
        process.kill()


@pytest.fixture(scope="module")
def district(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kill") / "district"
    make_district(folder, SCALE, 20260301, only="gis")
    return folder


@pytest.fixture
def other(clone_database: Callable[[], AbstractContextManager[str]]) -> Iterator[Engine]:
    """A second database, for the undisturbed import."""
    with clone_database() as url:
        made = make_engine(url)
        yield made
        made.dispose()


def fingerprint(engine: Engine) -> list[Any]:
    """Return what tells whether anything was written: row versions of all tables."""
    tables = [*OBJECT_TABLES, "building_source", "conflict", "dataset", "quarantine", "repair", "object_history"]
    with engine.connect() as connection:
        return [
            connection.execute(
                text(f"select count(*), md5(string_agg(xmin::text || ctid, ' ' order by ctid)) from cim.{name}")
            ).one()
            for name in tables
        ]


#: Of the database, not of the model.
_OWN = {"id", "dataset_id", "recorded_at", "content_hash", "geom_3857"}


def said(engine: Engine) -> dict[str, dict[Any, Any]]:
    """By table and source key all that was written; ids as the keys of what they name."""
    tables = [metadata.tables[f"cim.{name}"] for name in OBJECT_TABLES]
    found: dict[str, dict[Any, Any]] = {}
    with engine.connect() as connection:
        names = {row.id: row.name for row in connection.execute(select(dataset.c.id, dataset.c.name))}
        keys = {
            row.id: (names.get(row.dataset_id), row.source_key)
            for table in tables
            for row in connection.execute(select(table.c.id, table.c.source_key, table.c.dataset_id))
        }
        sources = {
            row.id: (names[row.dataset_id], row.source_key)
            for row in connection.execute(
                select(building_source.c.id, building_source.c.dataset_id, building_source.c.source_key)
            )
        }
        for table in [*tables, building_source]:
            rows = found.setdefault(table.name, {})
            for row in connection.execute(select(table)).mappings():
                key = (names.get(row["dataset_id"]), row.get("layer_id", ""), row["source_key"])
                rows[key] = {
                    name: _meant(name, value, keys, sources) for name, value in row.items() if name not in _OWN
                }
        for row in connection.execute(select(conflict)):
            claims = sorted((str(sources[claim["source_id"]]), claim["value"]) for claim in row.claims)
            found.setdefault("conflict", {})[keys[row.building_id], row.field] = (claims, row.severity, row.status)
    return found


def _meant(name: str, value: Any, keys: dict[int, Any], sources: dict[int, Any]) -> Any:
    if name == "provenance":
        return {
            field: origin | {"source_id": sources.get(origin["source_id"])} if isinstance(origin, dict) else origin
            for field, origin in value.items()
        }
    if name.endswith("_id") and isinstance(value, int):
        return keys[value]
    return str(value)


def test_an_import_killed_at_any_moment_and_repeated_is_as_if_undisturbed(
    district: Path, engine: Engine, other: Engine, tmp_path: Path
) -> None:
    for name, shares in FILES.items():
        statements = finish(other, tmp_path / "other", district / name)
        before = fingerprint(engine)
        for share in shares:
            kill(engine, tmp_path / "home", district / name, max(1, int(share * statements)))
            assert fingerprint(engine) == before, (name, share)
        finish(engine, tmp_path / "home", district / name)
        assert fingerprint(engine) != before
    disturbed, undisturbed = said(engine), said(other)
    for table in undisturbed:
        assert disturbed[table] == undisturbed[table], table
    assert len(undisturbed[building.name]) == SCALE.buildings
    assert len(undisturbed["unit"]) > 15_000
    assert len(undisturbed["pipe"]) > 100
