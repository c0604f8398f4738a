"""The queue: files become jobs, a worker runs them, a killed worker's job runs again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, text

from cim import jobs
from cim.importing import ImportOptions
from cim.settings import Settings
from cim.tables import resource

REGISTER = (
    "编码,名称,类别,经度,纬度,容量\nH1,龙岗中心医院,医院,114.25,22.71,800\nF1,宝龙消防站,消防站,114.27,22.72,30\n"
)


@pytest.fixture
def register(tmp_path: Path) -> Path:
    path = tmp_path / "resources.csv"
    path.write_text(REGISTER, encoding="utf-8-sig")
    return path


def _work(settings: Settings) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"CIM_DATABASE_URL": str(settings.database_url), "CIM_HOME": str(settings.home)}
    return subprocess.run(
        [sys.executable, "-m", "cim", "worker", "--until-idle"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_queued_file_is_imported_once(engine: Engine, settings: Settings, register: Path) -> None:
    options = ImportOptions(layer="resources")
    assert jobs.defer_imports(str(settings.database_url), [register], options) == 1
    assert jobs.defer_imports(str(settings.database_url), [register], options) == 0
    done = _work(settings)
    assert done.returncode == 0, done.stderr
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(resource)).scalar_one() == 2
        assert jobs.counts(connection) == {"succeeded": 1}


def test_a_job_of_a_killed_worker_runs_again(engine: Engine, settings: Settings, register: Path) -> None:
    jobs.defer_imports(str(settings.database_url), [register], ImportOptions(layer="resources"))
    with engine.begin() as connection:
        # What a worker that was killed leaves: a job in progress, of a worker whose heart has stopped.
        connection.execute(
            text(
                "with dead as (insert into procrastinate_workers (last_heartbeat) values (now() - interval '1 hour')"
                " returning id) update procrastinate_jobs set status = 'doing', worker_id = dead.id from dead"
            )
        )
    done = _work(settings)
    assert done.returncode == 0, done.stderr
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(resource)).scalar_one() == 2
