"""Devices speak MQTT to a real broker; what they say is in the model, once, or in the quarantine with its reason."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import Engine, func, select, text

from bench.lib.processes import free_port
from cim.access import OPEN_CALLER
from cim.db import make_engine
from cim.errors import InvalidSetting
from cim.tables import event, last_observation, observation, quarantine
from layers.live.sensors.mqtt import Broker, Listener, read_broker
from layers.live.sensors.mqtt_message import Message, write_messages
from layers.live.tracks.read import Asked, find_units
from tests.layers.events_town import build_town

CODE = "440307RQ00000001"


@pytest.fixture
def town(engine: Engine) -> dict[str, int]:
    with engine.begin() as connection:
        return build_town(connection)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        pytest.skip("needs mosquitto (apt-get install mosquitto)")
    port = free_port()
    configuration = tmp_path / "mosquitto.conf"
    configuration.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 200\n")
    process = subprocess.Popen([program, "-c", str(configuration)], stderr=subprocess.DEVNULL)
    try:
        yield Broker("127.0.0.1", port, False, None, None, "city")
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def listening(broker: Broker, engine: Engine) -> Iterator[Listener]:
    listener = Listener(broker, engine, name="test")
    thread = threading.Thread(target=listener.run)
    thread.start()
    try:
        assert listener.is_listening.wait(15)
        yield listener
    finally:
        listener.stop()
        thread.join(15)
        assert not thread.is_alive()


def publish(broker: Broker, *messages: tuple[str, bytes]) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect(broker.host, broker.port)
    client.loop_start()
    for topic, payload in messages:
        client.publish(f"{broker.prefix}/{topic}", payload, qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def until(condition: Callable[[], bool], limit_s: float = 20) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def line(minute: int, value: object, code: str = CODE) -> dict[str, object]:
    return {"code": code, "time": f"2026-03-01T08:{minute:02}:00+08:00", "value": value}


def test_messages_of_every_topic(broker: Broker, engine: Engine, town: dict[str, int]) -> None:
    told = {"source": "mqtt", "source_key": "1", "type": "路面积水", "longitude": 114.22, "latitude": 22.7}
    with listening(broker, engine) as listener:
        publish(
            broker,
            (
                f"v1.1/Datastreams({town['gas']})/Observations",
                b'{"phenomenonTime": "2026-03-01T08:00:00+08:00", "result": 1}',
            ),
            ("observations", orjson.dumps([line(1, 2.5), line(2, 3.5), line(3, "x"), line(4, 1, "nobody"), 7])),
            ("events", orjson.dumps([told, told | {"source_key": None}])),
            ("observations", b"not json"),
            ("v1.1/Datastreams(999999999)/Observations", b'{"result": 1}'),
            (
                f"v1.1/Datastreams({town['gas']})/Observations",
                b'{"phenomenonTime": "1970-01-01T00:00:00Z", "result": 1}',
            ),
        )
        until(lambda: listener.counts.broken >= 6)
        assert (listener.counts.readings, listener.counts.events, listener.counts.broken) == (4, 1, 6)
    with engine.connect() as connection:
        values = connection.execute(select(observation.c.value).order_by(observation.c.phenomenon_time)).scalars().all()
        assert values == [1, 2.5, 3.5, None]
        assert connection.execute(select(func.count()).select_from(event)).scalar_one() == 1
        rows = connection.execute(select(quarantine.c.detail).where(quarantine.c.dataset_name == "mqtt")).scalars()
        details = " | ".join(rows)
    for word in ("not JSON", "'nobody'", "source_key are missing", "Datastreams(999999999)", "1970", "is like"):
        assert word in details


def test_positions_of_units(broker: Broker, engine: Engine, town: dict[str, int]) -> None:
    now = datetime.now(UTC)
    said = {"code": "V1", "kind": "vehicle", "longitude": 114.22, "latitude": 22.7, "time": now.isoformat()}
    stamp, stale = (moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (now, now + timedelta(minutes=5)))
    cot = (
        f'<event version="2.0" uid="D1" type="a-f-A-M-H-Q" how="m-g" time="{stamp}" start="{stamp}" stale="{stale}">'
        '<point lat="22.71" lon="114.23" hae="120" ce="5" le="9"/></event>'
    )
    with listening(broker, engine) as listener:
        publish(
            broker,
            ("tracks", orjson.dumps([said, said | {"latitude": 95}])),
            ("tracks", cot.encode()),
            ("tracks", b"<x"),
        )
        until(lambda: listener.counts.broken >= 2 and listener.counts.positions >= 2)
        assert (listener.counts.positions, listener.counts.broken) == (2, 2)
    with engine.connect() as connection:
        units = find_units(connection, Asked(), OPEN_CALLER)
    places = {unit["properties"]["code"]: unit["geometry"]["coordinates"][:2] for unit in units["features"]}
    assert places == {"V1": [114.22, 22.7], "D1": [114.23, 22.71]}


def test_what_comes_while_nobody_listens_and_while_the_database_is_away(
    broker: Broker, engine: Engine, database_url: str, town: dict[str, int]
) -> None:
    with listening(broker, engine):
        publish(broker, ("observations", orjson.dumps([line(0, 0)])))
    publish(broker, *[("observations", orjson.dumps([line(minute, minute)])) for minute in range(1, 11)])
    name = engine.url.database
    administration = make_engine(engine.url.set(database="postgres").render_as_string(hide_password=False))

    def close(is_open: bool) -> None:
        with administration.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f'alter database "{name}" allow_connections {str(is_open).lower()}'))
            if not is_open:
                ended = "select pg_terminate_backend(pid) from pg_stat_activity where datname = :name"
                connection.execute(text(ended), {"name": name})

    close(False)
    try:
        with listening(broker, engine) as listener:
            publish(broker, *[("observations", orjson.dumps([line(minute, minute)])) for minute in range(11, 21)])
            time.sleep(1.5)
            assert listener.counts.readings == 0
            close(True)
            until(lambda: listener.counts.readings >= 20)
    finally:
        close(True)
        administration.dispose()
    with engine.connect() as connection:
        values = connection.execute(select(observation.c.value).order_by(observation.c.phenomenon_time)).scalars().all()
        assert values == list(range(21))
        assert connection.execute(select(last_observation.c.value)).scalar_one() == 20


def test_messages_together_are_written_at_once(engine: Engine, town: dict[str, int]) -> None:
    messages = [Message("observations", orjson.dumps([line(minute, minute)])) for minute in range(60)]
    for expected in (60, 60):
        with engine.begin() as connection:
            assert write_messages(connection, messages, "").readings == expected
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(observation)).scalar_one() == 60


def test_addresses_of_brokers() -> None:
    found = read_broker("mqtts://us%40er:p%3Aw@broker.example/city/one/")
    assert found == Broker("broker.example", 8883, True, "us@er", "p:w", "city/one")
    assert read_broker("mqtt://h").port == 1883
    for wrong in ("http://h", "mqtt://", "mqtt://h:x", "broker"):
        with pytest.raises(InvalidSetting) as refused:
            read_broker(wrong.replace("h", "user:secret@h", 1) if wrong.startswith("http") else wrong)
        assert "secret" not in str(refused.value)


def test_the_command_listens_until_it_is_ended(
    broker: Broker, engine: Engine, database_url: str, town: dict[str, int], tmp_path: Path
) -> None:
    program = "import typer; from layers.live.sensors.mqtt_command import listen; typer.run(listen)"
    environment = os.environ | {
        "CIM_DATABASE_URL": database_url,
        "CIM_HOME": str(tmp_path),
        "CIM_MQTT_URL": f"mqtt://{broker.host}:{broker.port}/{broker.prefix}",
    }
    process = subprocess.Popen([sys.executable, "-c", program], env=environment, stderr=subprocess.PIPE, text=True)
    try:
        # Until its session is there the broker keeps nothing for it.
        until(lambda: _is_taken(broker, engine), 30)
    finally:
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=20)
    assert process.returncode == 0, told
    assert f"listening to {broker.host}:{broker.port}" in told
    assert "0 broken" in told


def _is_taken(broker: Broker, engine: Engine) -> bool:
    publish(broker, ("observations", orjson.dumps([line(0, 1)])))
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(observation)).scalar_one() == 1
