"""``cim serve`` as a process: what it prints and refuses, raw requests, streams, its end."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
from sqlalchemy import Engine, func, select

from cim.settings import Settings

HUGE = "9" * 400
LEAKS = (b"select ", b"psycopg", b"sqlalchemy", b"traceback", b"site-packages", b"host=/")

HOSTILE_PATHS = [
    "/nothing",
    "/..",
    "/../../etc/passwd",
    "/assets/../../secret.txt",
    "/assets/..%2f..%2fsecret.txt",
    "/assets/%2e%2e/%2e%2e/secret.txt",
    "/assets/",
    "/assets//etc/passwd",
    "/%00",
    "/assets/%00",
    "/%ff%fe",
    "/" + "a" * 9000,
    "/tiles/buildings/99/1/1.mvt",
    "/tiles/buildings/1/-1/1.mvt",
    "/tiles/buildings/1/2/1.mvt",
    "/tiles/buildings/1/1/1e3.mvt",
    f"/tiles/buildings/{HUGE}/1/1.mvt",
    "/tiles/buildings/٣/1/1.mvt",
    "/tiles/buildings/1/1.mvt",
    "/tiles//1/1/1.mvt",
    "/tiles/nope/1/1/1.mvt",
    "/tiles/buildings,nope/1/1/1.mvt",
    "/tiles/buildings,buildings/1/1/1.mvt",
    "/tiles/" + ",".join(f"l{n}" for n in range(50)) + "/1/1/1.mvt",
    "/tiles/' or 1=1 --/1/1/1.mvt",
    "/tiles/../x/1/1/1.mvt",
    "/tiles/" + "x" * 3000 + "/1/1/1.mvt",
    "/tiles/units/1/1/1.mvt",
    "/tiles/terrain/1/1/1.mvt",
    "/tiles/nope.json",
    "/tiles/" + ",".join(f"l{n}" for n in range(50)) + ".json",
    "/tiles/.json",
    "/tiles/buildings/1/1/1.png",
    "/terrain/99/1/1.png",
    "/terrain/1/-1/1.png",
    "/terrain/a/b/c.png",
    f"/terrain/1/1/{HUGE}.png",
    "/3d/models/0/tileset.json",
    "/3d/models/-1/tileset.json",
    f"/3d/models/{HUGE}/tileset.json",
    "/3d/models/x/tileset.json",
    "/3d/models/1/tileset.json",
    "/3d/models/1/../../x.glb",
    "/3d/models/1/x.glb",
    "/3d/models/1/tileset.json?ground=moon",
]


def environment(settings: Settings) -> dict[str, str]:
    assert settings.database_url
    return os.environ | {"CIM_HOME": str(settings.home), "CIM_DATABASE_URL": settings.database_url}


@contextmanager
def serving(settings: Settings, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run the command on a free port; gives the process and the address it prints."""
    command = [sys.executable, "-m", "cim", "serve", "--port", "0", "--json", *options]
    with subprocess.Popen(
        command, env=environment(settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        try:
            lines = b""
            while b"}" not in lines:
                line = process.stdout.readline()
                assert line, process.stderr.read().decode() if process.stderr else ""
                lines += line
            yield process, orjson.loads(lines)["address"]
        finally:
            process.terminate()
            process.wait(20)


def raw_get(address: str, path: str) -> tuple[int, dict[str, str], bytes]:
    """Send a path as it is; no client tidies it."""
    url = httpx.URL(address)
    connection = http.client.HTTPConnection(url.host, url.port or 80, timeout=30)
    connection.putrequest("GET", "/")
    connection._buffer[0] = b"GET " + path.encode() + b" HTTP/1.1"  # type: ignore[attr-defined]
    connection.endheaders()
    answer = connection.getresponse()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    body = answer.read()
    connection.close()
    return answer.status, headers, body


def test_hostile_addresses_get_a_problem_and_never_a_failure(settings: Settings) -> None:
    with serving(settings) as (_, address):
        for path in HOSTILE_PATHS:
            status, headers, body = raw_get(address, path)
            assert 400 <= status < 500, (path, status, body[:300])
            if headers.get("server") == "granian":  # what the HTTP parser itself refuses has no body
                assert headers["content-type"] == "application/problem+json", path
                assert orjson.loads(body)["status"] == status
            assert len(body) < 4000
            assert not [leak for leak in LEAKS if leak in body.lower()], (path, body)


def test_a_zone_of_millions_of_corners_is_refused_before_it_is_read(settings: Settings) -> None:
    ring = b",".join([b"[114.1234567,22.1234567]"] * 10_000)
    with serving(settings) as (process, address):
        before = memory_bytes(process.pid)

        def body() -> Iterator[bytes]:
            yield b'{"type":"Polygon","coordinates":[['
            for _ in range(1000):
                yield ring + b","
            yield b"[0,0]]]}"

        try:
            answer = httpx.post(address + "/query/inventory", content=body(), timeout=60)
            assert answer.status_code == 413
            assert answer.headers["content-type"] == "application/problem+json"
        except (httpx.WriteError, httpx.RemoteProtocolError):
            pass  # the server has closed the connection while the client was still sending
        assert httpx.get(address + "/healthz").status_code == 200
        assert memory_bytes(process.pid) - before < 100 * 1024 * 1024


def memory_bytes(pid: int) -> int:
    """Return the resident memory of a process and of its children."""
    pids = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    return sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) * 4096 for one in pids)


def test_another_address_than_this_machine_is_refused_until_a_key_exists(
    settings: Settings, make_key: Callable[..., str]
) -> None:
    command = [sys.executable, "-m", "cim", "serve", "--port", "0", "--host", "0.0.0.0"]
    done = subprocess.run(command, env=environment(settings), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "cim key create" in done.stderr
    assert "Traceback" not in done.stderr
    key = make_key("admin")
    with serving(settings, "--host", "0.0.0.0") as (_, address):
        here = address.replace("0.0.0.0", "127.0.0.1")
        assert httpx.get(here + "/session").status_code == 401
        assert httpx.get(here + "/session", headers={"Authorization": f"Bearer {key}"}).json()["role"] == "admin"


def test_a_port_in_use_is_said_plainly(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "cim", "serve", "--port", port]
        done = subprocess.run(
            command, env=environment(settings), capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 1
    assert port in done.stderr
    assert "Traceback" not in done.stderr


def notify(engine: Engine, payload: Any) -> None:
    text = payload if isinstance(payload, str) else orjson.dumps(payload).decode()
    with engine.begin() as connection:
        connection.execute(select(func.pg_notify("cim_live", text)))


def next_event(lines: Iterator[str]) -> tuple[str, dict[str, Any], str | None]:
    """Return kind, data and id of the next event of a stream."""
    fields: dict[str, str] = {}
    for line in lines:
        if line == "" and "data" in fields:
            return fields["event"], orjson.loads(fields["data"]), fields.get("id")
        name, _, value = line.partition(": ")
        fields[name] = value
    raise AssertionError("the stream has ended")


def test_changes_are_told_as_they_happen_and_again_after_a_gap(settings: Settings, engine: Engine) -> None:
    with serving(settings, "--workers", "1") as (_, address):
        with httpx.stream("GET", address + "/live", timeout=30) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = stream.iter_lines()
            assert next_event(lines)[0] == "hello"
            for odd in ("garbage", [1], {"type": "unknown"}, {"no": "type"}):
                notify(engine, odd)
            notify(engine, {"type": "layer", "layer": "nowhere", "version": 1})
            notify(engine, {"type": "layer", "layer": "buildings", "version": 7, "dataset": "楼", "bounds": None})
            kind, data, last_id = next_event(lines)
        assert (kind, data) == ("layer", {"layer": "buildings", "version": 7, "dataset": "楼", "bounds": None})
        notify(engine, {"type": "model", "id": 5, "name": "A", "bounds": [1, 2, 3, 4]})
        time.sleep(0.5)  # the notice must have been told before the stream is opened, or nothing is replayed
        headers = {"Last-Event-ID": last_id or ""}
        with httpx.stream("GET", address + "/live", headers=headers, timeout=30) as stream:
            lines = stream.iter_lines()
            assert next_event(lines)[0] == "hello"
            assert next_event(lines)[:2] == ("model", {"id": 5, "name": "A", "bounds": [1, 2, 3, 4]})


def test_it_ends_soon_with_an_open_stream_and_leaves_no_process(settings: Settings) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        with serving(settings) as (process, address), httpx.stream("GET", address + "/live", timeout=30) as stream:
            assert next(stream.iter_raw())
            workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            assert workers
            process.send_signal(how)
            process.wait(15)
            deadline = time.monotonic() + 10
            while any(Path(f"/proc/{pid}").exists() for pid in workers):
                assert time.monotonic() < deadline, "a worker has outlived its command"
                time.sleep(0.05)


def test_several_workers_share_their_figures(settings: Settings) -> None:
    with serving(settings, "--workers", "2") as (_, address):
        for _ in range(40):
            assert httpx.get(address + "/healthz").status_code == 200
        text = httpx.get(address + "/metrics").text
    line = next(line for line in text.splitlines() if line.startswith("cim_requests_total") and "/healthz" in line)
    assert float(line.rsplit(" ", 1)[1]) == 40
