"""The way of a file into the model, with a real but small importer: whole or not at all, once and not twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import ClassVar

import pytest
import shapely
from sqlalchemy import Connection, Engine, func, select, text

from cim.errors import InvalidFile, UnplacedModel
from cim.importing import ImportContext, ImportOptions, import_paths
from cim.reports import DatasetDescription, ImportReport, Rejected, WriteResult
from cim.settings import Settings
from cim.sources import Source
from cim.store import merge, stage
from cim.tables import dataset, feature, layer, object_history, quarantine

COLUMNS = ["layer_id", "source_key", "name", "attributes", "geom"]


class _Prepared:
    description = DatasetDescription("lines")

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    def write(self, connection: Connection, dataset_id: int) -> WriteResult:
        point = shapely.to_wkb(shapely.Point(114, 22), hex=True)
        good = [line for line in self.lines if not line.startswith("bad")]
        rows = [("lamps", line, line, "{}", point) for line in good]
        staging = stage(connection, feature, COLUMNS, rows)
        counts = merge(connection, feature, staging, COLUMNS, dataset_id=dataset_id, layer_id="lamps")
        rejected = [Rejected(str(i), "bad", "it is bad") for i, x in enumerate(self.lines, 1) if x.startswith("bad")]
        counts.read, counts.quarantined = len(self.lines), len(rejected)
        if "explode" in self.lines:
            raise InvalidFile("it explodes at the end")
        return WriteResult({"lamps": counts}, rejected)


class LineImporter:
    """Takes text files that begin with 'lines'."""

    name: ClassVar[str] = "lines"

    def recognise(self, source: Source) -> bool:
        return source.head.startswith((b"lines", b"model"))

    def prepare(self, source: Source, context: ImportContext) -> _Prepared:
        lines = source.path.read_text().split()
        if lines[0] == "model":
            raise UnplacedModel("it has no place; give it with --place FILE")
        return _Prepared(lines[1:])


@pytest.fixture
def lamps(engine: Engine) -> Engine:
    with engine.begin() as connection:
        connection.execute(text("insert into theme values ('test', '测', 'T') on conflict do nothing"))
        connection.execute(
            layer.insert().values(
                id="lamps",
                theme_id="test",
                title_zh="灯",
                title_en="Lamps",
                table_name="feature",
                geometry_type="point",
            )
        )
    return engine


def _import(engine: Engine, settings: Settings, path: Path, **options: object) -> ImportReport:
    context = ImportContext(ImportOptions(**options), settings)  # type: ignore[arg-type]
    (report,) = import_paths(engine, [path], context, [LineImporter()])
    return report


def _count(engine: Engine, table: object) -> int:
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]


def _version(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(select(layer.c.version).where(layer.c.id == "lamps")).scalar_one())


def test_once_and_not_twice(lamps: Engine, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "lamps.txt"
    path.write_text("lines a b bad1 c")
    first = _import(lamps, settings, path)
    assert (first.status, first.quarantined, _count(lamps, feature)) == ("imported", 1, 3)
    version = _version(lamps)
    second = _import(lamps, settings, path)
    assert (second.status, _version(lamps), _count(lamps, quarantine)) == ("unchanged", version, 1)


def test_a_new_version_is_a_difference_and_keeps_history(lamps: Engine, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "lamps.txt"
    path.write_text("lines a b bad1")
    _import(lamps, settings, path)
    path.write_text("lines b c")
    report = _import(lamps, settings, path)
    counts = report.layers["lamps"]
    assert (counts.added, counts.removed, counts.unchanged) == (1, 1, 1)
    assert _count(lamps, quarantine) == 0
    assert _count(lamps, object_history) == 1
    assert _count(lamps, dataset) == 1


def test_a_namesake_from_elsewhere_is_asked_about(lamps: Engine, settings: Settings, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "lamps.txt").write_text(f"lines {folder}")
    _import(lamps, settings, tmp_path / "one" / "lamps.txt")
    refused = _import(lamps, settings, tmp_path / "two" / "lamps.txt")
    assert refused.status == "refused"
    assert "--dataset" in str(refused.error)
    taken = _import(lamps, settings, tmp_path / "two" / "lamps.txt", dataset="lamps.txt")
    assert (taken.status, taken.layers["lamps"].removed) == ("imported", 1)


def test_an_error_at_the_end_leaves_nothing(lamps: Engine, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "lamps.txt"
    path.write_text("lines a b bad1 explode")
    report = _import(lamps, settings, path)
    assert (report.status, report.error) == ("refused", "'lamps.txt': it explodes at the end")
    assert [_count(lamps, table) for table in (feature, dataset, quarantine)] == [0, 0, 0]


def test_a_dry_run_says_what_would_happen_and_keeps_nothing(lamps: Engine, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "lamps.txt"
    path.write_text("lines a b bad1")
    report = _import(lamps, settings, path, dry_run=True)
    assert (report.layers["lamps"].added, report.quarantined) == (2, 1)
    assert [_count(lamps, table) for table in (feature, dataset, quarantine)] == [0, 0, 0]


def test_a_model_without_a_place_waits(lamps: Engine, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "house.txt"
    path.write_text("model")
    report = _import(lamps, settings, path)
    assert report.status == "waiting"
    with lamps.connect() as connection:
        row = connection.execute(select(quarantine)).one()
    assert (row.dataset_name, row.reason) == ("house.txt", "unplaced_model")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b"\x00\x01 nonsense", "no importer recognises"), (b"hello", "GeoPackage")],
)
def test_bad_content_is_refused_with_a_remedy(
    lamps: Engine, settings: Settings, tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "thing.ifc"
    path.write_bytes(content)
    report = _import(lamps, settings, path)
    assert report.status == "refused"
    assert words in str(report.error)
    assert "thing.ifc" in str(report.error)
    assert _count(lamps, dataset) == 0


def test_kill_in_the_middle_leaves_the_database_as_it_was(lamps: Engine, database_url: str, tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import sys, time
        from sqlalchemy import text
        from cim.db import make_engine
        engine = make_engine(sys.argv[1])
        connection = engine.connect()
        connection.begin()
        connection.execute(text("insert into feature (layer_id, source_key) select 'lamps', g::text"
                                " from generate_series(1, 10000) g"))
        print("written", flush=True)
        time.sleep(60)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", program, database_url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert _count(lamps, feature) == 0
