"""Many models at once: in processes, on a Dask cluster, and against each other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text, update

from bim_import.importer import IfcImporter
from cim.batch import Job, import_batch, run_job
from cim.errors import InvalidSetting
from cim.importing import ImportContext, ImportOptions, import_paths, import_source
from cim.reports import DatasetDescription, ImportReport, LayerCounts, WriteResult
from cim.settings import Settings
from cim.sources import Source
from cim.tables import building, dataset, element, layer, mesh, mesh_instance, model

House = Callable[..., Any]


def street(make_house: House, folder: Path, count: int) -> list[Path]:
    """Houses of different storeys' widths, 100 m apart; all have the roof and the parapets in common."""
    folder.mkdir(exist_ok=True)
    paths = []
    for index in range(count):
        made = make_house(place=False)
        made.georeference(522000.0 + 100 * index, 2512000.0, 50.0, 0.0, 1.0)
        made.file.by_type("IfcWall")[0].Representation = made.box(9.0 - index / 10, 0.3, 2.8)
        (code,) = [one for one in made.file.by_type("IfcPropertySingleValue") if one.Name == "建筑编码"]
        code.NominalValue = made.file.create_entity("IfcLabel", f"44030700000{index}")
        paths.append(made.write(folder / f"house{index}.ifc"))
    return paths


def totals(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0
            for table in (dataset, model, element, mesh, mesh_instance, building)
        }


def check_street(engine: Engine, reports: list[ImportReport], count: int) -> None:
    assert sorted(report.file for report in reports) == sorted(f"house{index}.ifc" for index in range(count))
    assert {(report.status, report.error) for report in reports} == {("imported", None)}
    # One mesh of each house is its own; slabs and roof, the other walls, the parapet and the space are shared.
    assert totals(engine) == {
        "dataset": count, "model": count, "element": 8 * count, "mesh": 4 + count, "mesh_instance": 11 * count,
        "building": count,
    }  # fmt: skip


def test_a_folder_of_models_goes_to_processes(
    engine: Engine, settings: Settings, make_house: House, tmp_path: Path
) -> None:
    paths = street(make_house, tmp_path / "models", 3)
    broken = tmp_path / "models" / "broken.ifc"
    broken.write_bytes(paths[0].read_bytes()[:2000])
    context = ImportContext(ImportOptions(workers=2), settings)
    reports = list(import_batch(engine, [tmp_path / "models"], context, [IfcImporter()]))
    (refused,) = [report for report in reports if report.status == "refused"]
    assert "broken.ifc" in str(refused.error)
    assert "cut off" in str(refused.error)
    check_street(engine, [report for report in reports if report is not refused], 3)
    broken.unlink()
    again = list(import_batch(engine, [tmp_path / "models"], context, [IfcImporter()]))
    assert {report.status for report in again} == {"unchanged"}


def test_a_dask_cluster_imports_models(engine: Engine, settings: Settings, make_house: House, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    street(make_house, tmp_path / "models", 4)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        there = settings.model_copy(update={"dask_address": cluster.scheduler_address})
        context = ImportContext(ImportOptions(), there)
        reports = list(import_batch(engine, [tmp_path / "models"], context, [IfcImporter()]))
    check_street(engine, reports, 4)


def test_a_cluster_that_does_not_answer_is_named(
    engine: Engine, settings: Settings, make_house: House, tmp_path: Path
) -> None:
    pytest.importorskip("distributed")
    paths = street(make_house, tmp_path / "models", 1)
    there = settings.model_copy(update={"dask_address": "nonsense://127.0.0.1:1"})
    with pytest.raises(InvalidSetting, match="no Dask scheduler answers"):
        list(import_batch(engine, paths, ImportContext(ImportOptions(), there), [IfcImporter()]))


def test_a_worker_that_does_not_see_the_file_says_so(tmp_path: Path, database_url: str) -> None:
    options = {"place": None, "mapping": None, "dataset": None}
    (report,) = run_job(Job(str(tmp_path / "elsewhere.ifc"), options, database_url, ("ifc",)))
    assert report.status == "refused"
    assert "cannot read 'elsewhere.ifc'" in str(report.error)
    assert "shared file system" in str(report.error)


def test_reimports_beside_each_other_end_like_one_after_the_other(
    engine: Engine, settings: Settings, make_house: House, tmp_path: Path
) -> None:
    """Two models of one building, each in turn as version A and B, at the same time."""
    folders = [tmp_path / "a", tmp_path / "b"]
    for number, folder in enumerate(folders):
        folder.mkdir()
        for name in ("left.ifc", "right.ifc"):
            made = make_house()
            made.file.by_type("IfcBuilding")[0].LongName = f"house {number}"
            for wall in made.file.by_type("IfcWall"):
                wall.Representation = made.box(10.0 - number, 0.3, 2.8)
            if number:
                made.file.remove(made.file.by_type("IfcSpace")[0])
            made.write(folder / name)

    importers = {name: IfcImporter() for name in ("left.ifc", "right.ifc")}

    def run(name: str) -> set[str]:
        context = ImportContext(ImportOptions(dataset=name, workers=1), settings)
        statuses = set()
        for number in (0, 1, 0, 1, 0, 1):
            (report,) = import_paths(engine, [folders[number] / name], context, [importers[name]])
            statuses.add(f"{report.status} {report.error}")
        return statuses

    with ThreadPoolExecutor(2) as threads:
        assert [future.result() for future in [threads.submit(run, name) for name in importers]] == [
            {"imported None"}, {"imported None"},
        ]  # fmt: skip
    found = totals(engine)
    assert (found["dataset"], found["model"], found["element"], found["mesh_instance"]) == (2, 2, 16, 20)
    with engine.connect() as connection:
        assert set(connection.scalars(select(model.c.name))) == {"house 1"}
        assert (
            connection.scalar(
                text("select count(*) from cim.mesh where hash not in (select mesh_hash from cim.mesh_instance)")
            )
            == 0
        )
    for importer in importers.values():
        importer.pool(1).close()


class _Entangled:
    """A written file that the database has to end once: it waits for one who waits for it."""

    is_repeatable = True
    description = DatasetDescription("test")

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine, self._name, self.attempts = engine, name, 0
        self._thread: threading.Thread | None = None

    def write(self, connection: Any, dataset_id: int) -> WriteResult:
        self.attempts += 1
        row = update(layer).where(layer.c.id == "cameras").values(position=layer.c.position)
        if self.attempts == 1:
            self._thread = threading.Thread(target=self._other, args=(row,))
            self._thread.start()
            waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
            while not connection.execute(text(waiting)).scalar_one():
                pass
        connection.execute(row)
        return WriteResult({"cameras": LayerCounts()})

    def _other(self, row: Any) -> None:
        with self._engine.begin() as connection:
            # Of the two the other one has to notice.
            connection.execute(text("set local deadlock_timeout = '10min'"))
            connection.execute(row)
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(self._name, 0))))

    def join(self) -> None:
        assert self._thread is not None
        self._thread.join()


def test_an_import_that_the_database_ends_for_a_deadlock_tries_again(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "file.xyz"
    path.write_text("content")
    entangled = _Entangled(engine, "file.xyz")

    class Importer:
        name = "test"

        def recognise(self, source: Source) -> bool:
            return True

        def prepare(self, source: Source, context: ImportContext) -> _Entangled:
            return entangled

    report = import_source(
        engine, Source(path, path.name, tmp_path, path), [Importer()], ImportContext(ImportOptions(), settings)
    )
    entangled.join()
    assert (report.status, report.error) == ("imported", None)
    assert entangled.attempts == 2


def test_options_reach_the_processes(engine: Engine, settings: Settings, make_house: House, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    street(make_house, folder, 2)
    context = ImportContext(replace(ImportOptions(workers=2), dry_run=True), settings)
    reports = list(import_batch(engine, [folder], context, [IfcImporter()]))
    assert {report.status for report in reports} == {"imported"}
    assert set(totals(engine).values()) == {0}
