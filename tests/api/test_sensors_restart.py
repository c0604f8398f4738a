"""The database is killed and comes back while readings stream in: nothing is lost, nothing is there twice."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, insert, select

from cim import cluster, schema
from cim.db import make_engine
from cim.settings import Settings
from cim.tables import event, last_observation, observation, sensor
from layers.live.events.types import seed_types
from layers.live.sensors.thresholds import Threshold, set_threshold
from tests.api.test_serve import serving

SENSORS, BATCHES = 40, 150
START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="cim-restart-"))
    folder.chmod(0o755)
    yield folder
    cluster.stop(cluster.locate(folder))
    shutil.rmtree(folder, ignore_errors=True)


def send(address: str, ids: list[int], statuses: list[int]) -> None:
    """Send batches one after the other; each again until it is taken, as a client does that must not lose any."""
    with httpx.Client(base_url=address, timeout=30) as client:
        for number in range(BATCHES):
            moment = (START + timedelta(seconds=number)).isoformat()
            # Every batch of fifty crosses the threshold once.
            value = 99.0 if number % 50 == 25 else float(number % 7)
            body = [{"Datastream": {"@iot.id": one}, "components": ["phenomenonTime", "result"],
                     "dataArray": [[moment, value]]} for one in ids]  # fmt: skip
            while True:
                answer = client.post("/sta/v1.1/CreateObservations", json=body)
                statuses.append(answer.status_code)
                if answer.status_code == 201:
                    assert not any(line.startswith("error") for line in answer.json())
                    break
                assert answer.status_code == 503, answer.text
                assert "retry-after" in answer.headers
                time.sleep(0.1)
            time.sleep(0.02)


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_is_twice(home: Path) -> None:
    made = cluster.ensure_running(home)
    engine = make_engine(made.url)
    schema.upgrade(engine)
    with engine.begin() as connection:
        seed_types(connection)
        rows = [{"layer_id": "sensors", "source_key": f"S{n}", "code": f"S{n}", "kind": "k"} for n in range(SENSORS)]
        ids = list(connection.execute(insert(sensor).returning(sensor.c.id), rows).scalars())
        set_threshold(connection, Threshold(ids[0], None, "above", 50.0, None, 1.0, 0, "A05", 2))
    statuses: list[int] = []
    with serving(Settings(home=home, database_url=made.url)) as (_, address):
        sending = threading.Thread(target=send, args=(address, ids, statuses))
        sending.start()
        for is_killed in (True, False):
            reached = len(statuses) + 20
            while len(statuses) < reached:
                time.sleep(0.02)
            if is_killed:
                os.kill(int((made.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
            else:
                cluster.stop(made)
            time.sleep(0.5)
            cluster.ensure_running(home)
        sending.join(120)
        assert not sending.is_alive()
    assert statuses.count(201) == BATCHES
    assert 503 in statuses
    engine.dispose()
    with engine.connect() as connection:
        per_sensor = select(func.count(), func.count(observation.c.phenomenon_time.distinct()))
        for number in ids:
            found = connection.execute(per_sensor.where(observation.c.sensor_id == number)).one()
            assert tuple(found) == (BATCHES, BATCHES)
        last = connection.execute(select(last_observation.c.phenomenon_time)).scalars().all()
        assert last == [START + timedelta(seconds=BATCHES - 1)] * SENSORS
        raised = select(event.c.occurred_at).where(event.c.source == "sensor").order_by(event.c.occurred_at)
        times = connection.execute(raised).scalars().all()
        assert times == [START + timedelta(seconds=second) for second in (25, 75, 125)]
    engine.dispose()
