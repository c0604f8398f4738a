"""kill -9 of a whole import, in the middle of either half, leaves the database as it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from cim.reports import ImportReport
from cim.settings import Settings

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
    # And the rerun ends as an undisturbed run does.
    assert run_import(path).status == "imported"


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
