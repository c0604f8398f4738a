"""kill -9 of an import, of its geometry workers or of PostgreSQL: the rerun ends as an undisturbed import does."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.exc import OperationalError

from bim_import.importer import IfcImporter
from cim import cluster, schema
from cim.db import make_engine
from cim.errors import DatabaseUnavailable
from cim.importing import ImportContext, ImportOptions, import_paths
from cim.reports import ImportReport
from cim.settings import Settings
from cim.tables import OBJECT_TABLES, building_source, dataset, mesh, mesh_instance, metadata

#: Imports a file, and says so and stops for good at the moment of interest.
SCRIPT = """
import sys, time
from pathlib import Path
import bim_import.importer as importer
from cim.db import make_engine
from cim.importing import ImportContext, ImportOptions, import_paths
from cim.settings import Settings

url, path, moment = sys.argv[1:]

def stop(*arguments, **options):
    print("here", flush=True)
    time.sleep(3600)

if moment == "prepare":
    importer.map_rows = stop
else:
    import bim_import.writing as writing
    writing.write_instances = stop
settings = Settings(home=Path(path).parent, database_url=url)
context = ImportContext(ImportOptions(), settings)
list(import_paths(make_engine(url), [Path(path)], context, [importer.IfcImporter()]))
"""


def contents(engine: Engine) -> dict[str, Any]:
    tables = ("dataset", "model", "storey", "space", "element", "mesh", "mesh_instance", "building_source", "building")
    with engine.connect() as connection:
        return {
            table: connection.execute(
                text(f"select md5(string_agg(t::text, '|' order by t::text)) from cim.{table} t")
            ).all()
            for table in tables
        }


@pytest.mark.parametrize("moment", ["prepare", "write"])
def test_a_killed_import_leaves_nothing(
    moment: str,
    engine: Engine,
    settings: Settings,
    make_house: Any,
    run_import: Callable[..., ImportReport],
    tmp_path: Path,
) -> None:
    run_import(make_house().write(tmp_path / "first.ifc"))
    before = contents(engine)
    path = make_house(unit_m=0.001).write(tmp_path / "second.ifc")
    assert settings.database_url is not None
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, settings.database_url, str(path), moment], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        children = _children(process.pid)
        assert children, "the geometry workers run beside it"
        os.kill(process.pid, signal.SIGKILL)
    assert contents(engine) == before
    for _ in range(100):
        if not any(_is_alive(child) for child in children):
            break
        time.sleep(0.1)
    assert not any(_is_alive(child) for child in children), "the geometry workers go with it"
    run_import(path)
    disturbed = said(engine)
    run_import(copied(path, "undisturbed.ifc"))
    assert disturbed["second.ifc"] == said(engine)["undisturbed.ifc"]


#: What the database says of itself and not of the model: ids, times, hashes that cover ids, and how the building was
#: matched with what was there before.
_OWN = {"id", "dataset_id", "recorded_at", "content_hash", "geom_3857", "score", "reason"}


def copied(path: Path, name: str) -> Path:
    """The same bytes under another name."""
    return Path(shutil.copy(path, path.with_name(name)))


def said(engine: Engine) -> dict[str, dict[str, Any]]:
    """By dataset, table and source key: all that an import wrote; references by the keys that they point to."""
    found: dict[str, dict[str, Any]] = defaultdict(lambda: defaultdict(dict))
    tables = [metadata.tables[f"cim.{name}"] for name in OBJECT_TABLES if name != "building"]
    with engine.connect() as connection:
        names = {row.id: row.name for row in connection.execute(select(dataset.c.id, dataset.c.name))}
        keys = {
            row.id: (table.name, row.source_key, names.get(row.dataset_id))
            for table in tables
            for row in connection.execute(select(table.c.id, table.c.source_key, table.c.dataset_id))
        }
        for table in [*tables, building_source]:
            for row in connection.execute(select(table)):
                record = {
                    column.name: _meant(column.name, row._mapping[column.name], keys)
                    for column in table.c if column.name not in _OWN
                }  # fmt: skip
                found[names[row.dataset_id]][table.name][row.source_key] = record
        drawings = select(mesh_instance, mesh.c.positions, mesh.c.triangles).join(
            mesh, mesh.c.hash == mesh_instance.c.mesh_hash
        )
        for row in connection.execute(drawings):
            _, key, name = keys[row.element_id]
            found[str(name)]["drawing"][key] = [
                row.mesh_hash,
                row.placement,
                row.materials,
                row.positions,
                row.triangles,
            ]
    return {name: dict(rows) for name, rows in found.items()}


def _meant(name: str, value: Any, keys: dict[int, tuple[str, str, str | None]]) -> Any:
    if name == "building_id":  # one building may be said by many models
        return value is not None
    if name.endswith("_id") and isinstance(value, int):
        return keys[value][:2]
    return str(value)


def test_what_is_said_of_two_like_imports_is_the_same_and_of_others_not(
    engine: Engine, make_house: Any, run_import: Callable[..., ImportReport], tmp_path: Path
) -> None:
    run_import(make_house().write(tmp_path / "one.ifc"))
    other = make_house()
    other.file.by_type("IfcWall")[0].Name = "other"
    run_import(other.write(tmp_path / "other.ifc"))
    found = said(engine)
    counts = {name: len(rows) for name, rows in found["one.ifc"].items()}
    assert counts | {
        "model": 1, "storey": 4, "space": 3, "element": 8, "drawing": 11, "building_source": 1,
    } == counts  # fmt: skip
    different = [
        (name, key) for name, rows in found["one.ifc"].items() for key, row in rows.items()
        if found["other.ifc"][name][key] != row
    ]  # fmt: skip
    # The file's hash stands in the model's row.
    assert {name for name, _ in different} == {"element", "model"}
    assert len(different) == 2


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_killed_worker_changes_nothing_of_the_outcome(
    signal_number: int,
    engine: Engine,
    settings: Settings,
    make_house: Any,
    run_import: Callable[..., ImportReport],
    tmp_path: Path,
) -> None:
    path = make_house().write(tmp_path / "disturbed.ifc")
    killed: list[int] = []
    importer = IfcImporter()

    def progress(step: str, done: int, total: int | None) -> None:
        if step == "geometry" and not killed:
            killed.append(importer.pool(2).process_ids[0])
            os.kill(killed[0], signal_number)

    (report,) = import_paths(engine, [path], ImportContext(ImportOptions(), settings, progress), [importer])
    importer.pool(2).close()
    assert killed
    assert report.status == "imported"
    run_import(copied(path, "undisturbed.ifc"))
    found = said(engine)
    assert found["disturbed.ifc"] == found["undisturbed.ifc"]


def test_a_killed_database_leaves_nothing(make_house: Any, importer: IfcImporter, tmp_path: Path) -> None:
    """The server itself is killed between the rows and the commit, and recovers from its log."""
    home = Path(tempfile.mkdtemp(prefix="cim-kill-"))
    home.chmod(0o755)
    made = cluster.ensure_running(home)
    try:
        upgraded = make_engine(made.url)
        schema.upgrade(upgraded)
        upgraded.dispose()
        settings = Settings(home=home, database_url=made.url)
        first = make_house().write(tmp_path / "first.ifc")
        path = make_house(unit_m=0.001).write(tmp_path / "second.ifc")
        engine = make_engine(made.url)
        context = ImportContext(ImportOptions(), settings)
        list(import_paths(engine, [first], context, [importer]))
        before = contents(engine)

        def kill(_connection: Connection) -> None:
            (pid, *_) = next(home.rglob("postmaster.pid")).read_text().split()
            children = _children(int(pid))
            os.kill(int(pid), signal.SIGKILL)
            for child in children:
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)

        with pytest.raises((OperationalError, DatabaseUnavailable)):
            list(import_paths(engine, [path], replace(context, inspect=kill), [importer]))
        engine.dispose()
        made = cluster.ensure_running(home)
        engine = make_engine(made.url)
        assert contents(engine) == before
        list(import_paths(engine, [path], context, [importer]))
        list(import_paths(engine, [copied(path, "third.ifc")], context, [importer]))
        found = said(engine)
        assert found["second.ifc"] == found["third.ifc"]
        engine.dispose()
    finally:
        cluster.stop(made)
        shutil.rmtree(home, ignore_errors=True)


def _children(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(entry.parent.name))
    return found


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
