"""What nobody should send to tiles, terrain, 3D tiles, styles and scenes, and clients that hang or leave."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import product

import httpx
import orjson
import pytest
from sqlalchemy import Engine, select, text

from api.byte_range import without_odd_range
from api.edge import SILENCE_S
from api.service import TILES_AT_ONCE
from cim.settings import Settings
from cim.tables import camera
from tests.api.test_serve import HUGE, LEAKS, memory_bytes, raw_get, serving
from tests.api.test_tile_path import ADDRESS, FOUND
from tiles.scene import static_files

MOST_GROWTH = 40 * 1024 * 1024
#: What stands where a tile's address has a number.
NO_NUMBERS = (
    "-1", "99", "+1", "1.5", "1e3", "0x1", "", "null", "%20", "%D9%A3", "%ff", "%00", "..", "%2e%2e", "1%2f1",
    "1%252f1", "1;drop", "1'--", "999999999", HUGE,
)  # fmt: skip
TILED = (
    "/tiles/buildings/{}/{}/{}.mvt", "/terrain/{}/{}/{}.png", "/terrain/contours/{}/{}/{}.mvt",
    "/scenes/data/pipes/{}/{}/{}.geojson", "/3d/buildings/content/{}/{}/{}.glb",
    "/3d/buildings/subtrees/{}/{}/{}.subtree",
)  # fmt: skip
#: What stands where an address has a name.
NO_NAMES = (
    "nope", "", ",", "buildings,", "buildings,buildings", ",".join(["buildings"] * 50), "buildings%2Froads", "..",
    "..%2fx", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%252e%252e%252fx", "a\\..\\b", "%00", "buildings%00", "%ff%fe",
    "%0d%0aX:1", "'%20or%201=1%20--", "%3Cscript%3E", "%7B%7D", "units;x", "x" * 7000, HUGE,
)  # fmt: skip
NAMED = (
    "/tiles/{}.json", "/tiles/{}/14/1/1.mvt", "/styles/{}.json", "/styles/theme-{}.json", "/scenes/{}.html",
    "/scenes/static/{}", "/scenes/data/{}/14/1/1.geojson", "/3d/{}/tileset.json", "/3d/{}/content/0/0/0.glb",
    "/3d/{}/subtrees/0/0/0.subtree", "/terrain/{}",
)  # fmt: skip
#: Parameters that mean nothing here.
NO_PARAMETERS = (
    "z=1", "filter=garbage%20((", "filter=%27;drop%20table%20x", "bbox=1,2", "limit=-1", "asof=nonsense", "%", "%zz",
    "a=%ff%fe", "&&==&;;", "token=../../etc", "&".join(f"a{number}={number}" for number in range(900)),
)  # fmt: skip
#: Addresses that answer, and what they answer with.
ANSWERED = {
    f"/tiles/buildings/{ADDRESS}": 200, "/tiles/buildings,roads.json": 200, "/terrain/14/1/1.png": 204,
    "/terrain.json": 200, "/terrain/contours.json": 200, "/terrain/contours/14/1/1.mvt": 204,
    "/3d/buildings/tileset.json": 200, "/3d/buildings/content/0/0/0.glb": 200,
    "/3d/buildings/subtrees/0/0/0.subtree": 200, "/styles/base.json": 200, "/scenes/overview.html": 200,
    "/scenes/data/pipes/14/1/1.geojson": 200, "/scenes/static/scene.js": 200,
}  # fmt: skip
REFUSED_PARAMETERS = (
    "/styles/base.json?lang=xx", "/styles/base.json?lang=", "/scenes/overview.html?lang=xx",
    "/3d/buildings/content/0/0/0.glb?ground=moon", "/3d/buildings/tileset.json?without=%00",
    f"/tiles/buildings/{ADDRESS}?" + "a" * 9000, "/terrain.json?%00",
)  # fmt: skip


@pytest.fixture
def address(settings: Settings, city: Engine) -> Iterator[str]:
    """The address of a served city."""
    with serving(settings) as (_, found):
        yield found


def check_refused(address: str, path: str) -> None:
    """Send a path as it is, and check that a problem without any secret comes back."""
    status, headers, body = raw_get(address, path)
    assert 400 <= status < 500, (path[:200], status, body[:300])
    assert headers["content-type"] == "application/problem+json", path[:200]
    told = orjson.loads(body)
    assert (told["status"], bool(told["title"]), bool(told["detail"])) == (status, True, True), path[:200]
    assert len(body) < 4000
    assert not [leak for leak in (*LEAKS, b"/work", b"/var/") if leak in body.lower()], (path[:200], body)


def test_what_is_no_address_is_refused(address: str) -> None:
    for template, place, wrong in product(TILED, range(3), NO_NUMBERS):
        parts = ["1", "1", "1"]
        parts[place] = wrong
        check_refused(address, template.format(*parts))
    for template, wrong in product(NAMED, NO_NAMES):
        check_refused(address, template.format(wrong))
    for path in REFUSED_PARAMETERS:
        check_refused(address, path)


def test_parameters_that_mean_nothing_change_nothing(address: str) -> None:
    with httpx.Client(base_url=address) as client:
        plain = {path: client.get(path) for path in ANSWERED}
        assert {path: answer.status_code for path, answer in plain.items()} == ANSWERED
        for path, parameters in product(ANSWERED, NO_PARAMETERS):
            answer = client.get(f"{path}?{parameters}")
            assert (answer.status_code, answer.content) == (ANSWERED[path], plain[path].content), (path, parameters)
            assert answer.headers.get("etag") == plain[path].headers.get("etag"), (path, parameters)
        figures = client.get("/metrics").text
    # a tile, and a tileset, a subtree and a content: parameters must not fill the memory with the same bodies
    [built] = [line for line in figures.splitlines() if line.startswith('cim_built_bodies_total{answer="built"}')]
    assert float(built.rsplit(" ", 1)[1]) == 4


STATIC = "/scenes/static/pydeck.js"
WHOLES = (f"/tiles/buildings/{ADDRESS}", "/3d/buildings/content/0/0/0.glb", "/tiles/buildings.json")
#: What is asked for, and the first byte and the one after the last that have to come.
RANGES = {
    "bytes=0-5": (0, 6),
    "Bytes=3000-8999": (3000, 9000),
    "bytes=5-": (5, None),
    "bytes=-10": (-10, None),
    "bytes=7-99999999999": (7, None),
}
NO_RANGES = (
    "bytes=5-2", "bytes=abc", "bytes=", "bytes=-", "bytes=--1", "items=0-1", "bytes=0-1,3-4", "bytes=0 - 1",
    "bytes=0-0" + ",2-2" * 1000, "bytes=" + "9" * 30 + "-",
)  # fmt: skip


def test_ranges_are_answered_rightly_or_not_at_all(address: str) -> None:
    whole = static_files()["pydeck.js"].read_bytes()
    with httpx.Client(base_url=address) as client:
        for (asked, (first, end)), encoding in product(RANGES.items(), ("gzip", "identity")):
            answer = client.get(STATIC, headers={"Range": asked, "Accept-Encoding": encoding})
            start, stop, _ = slice(first, end).indices(len(whole))
            assert (answer.status_code, answer.content) == (206, whole[start:stop]), asked
            assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(whole)}"
        for asked in NO_RANGES:
            answer = client.get(STATIC, headers={"Range": asked})
            assert (answer.status_code, answer.content == whole) == (200, True), asked
        beyond = client.get(STATIC, headers={"Range": f"bytes={len(whole)}-"})
        assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(whole)}")
        assert beyond.headers["content-type"] == "application/problem+json"
        assert beyond.json()["status"] == 416
        assert str(len(whole)) in beyond.json()["detail"]
        other_version = client.get(STATIC, headers={"Range": "bytes=0-5", "If-Range": '"of yesterday"'})
        assert (other_version.status_code, len(other_version.content)) == (200, len(whole))
        head = client.head(STATIC, headers={"Range": "bytes=0-5", "Accept-Encoding": "identity"})
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(whole)))
        for path in WHOLES:
            plain = client.get(path)
            for asked in (*RANGES, *NO_RANGES, "bytes=99999999-"):
                answer = client.get(path, headers={"Range": asked})
                assert (answer.status_code, answer.content) == (200, plain.content), (path, asked)
                assert "content-range" not in answer.headers


@pytest.mark.parametrize(
    ("method", "asked", "is_kept"),
    [("GET", [b"bytes=0-1"], True), ("HEAD", [b"bytes=0-1"], False), ("POST", [b"bytes=0-1"], False),
     ("GET", [b"bytes=0-1", b"bytes=5-6"], False), ("GET", [b"bytes=2-1"], False), ("GET", [b" bytes=-1 "], True)],
)  # fmt: skip
def test_ranges_of_other_methods_and_many_are_taken_away(method: str, asked: list[bytes], is_kept: bool) -> None:
    other = (b"accept", b"*/*")
    given = [other, *((b"range", value) for value in asked)]
    assert without_odd_range(given, method) == (given if is_kept else [other])


def send(address: str, request: bytes) -> socket.socket:
    """Open a connection and send what may be no whole request."""
    url = httpx.URL(address)
    connection = socket.create_connection((url.host, url.port or 80), timeout=3 * SILENCE_S)
    connection.sendall(request)
    return connection


def line(path: str, method: str = "GET", *headers: str) -> bytes:
    """Return the head of a request."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


def is_closed(connection: socket.socket) -> bool:
    """Wait until the other side ends a connection."""
    try:
        return connection.recv(100) == b""
    except TimeoutError:
        return False


EVERY = 40
TILE = line(f"/tiles/buildings/{ADDRESS}")
UNFINISHED = line("/terrain/profile", "POST", "Content-Length: 1000", "Content-Type: application/json") + b'{"type'


def test_clients_that_hang_hold_up_nobody(settings: Settings, city: Engine) -> None:
    with serving(settings) as (process, address), ExitStack() as opened:
        httpx.get(address + f"/tiles/buildings/{ADDRESS}")
        # What a server loads for its first viewshed, which it makes by itself, is no growth.
        with city.connect() as connection:
            number = connection.execute(select(camera.c.id)).scalar_one()
        httpx.get(address + f"/cameras/{number}/viewshed").raise_for_status()
        before = memory_bytes(process.pid)
        silent, halfway, bodiless, _unread = (
            [opened.enter_context(send(address, said)) for _ in range(EVERY)]
            for said in (b"", TILE[:-10], UNFINISHED, line(STATIC))
        )
        began = time.monotonic()
        for path in (f"/tiles/roads/{ADDRESS}", STATIC, "/terrain.json", "/3d/buildings/tileset.json"):
            assert httpx.get(address + path, timeout=5).status_code == 200
        assert time.monotonic() - began < 5
        # who says no more is told so, or let go
        for connection in bodiless:
            answer = connection.recv(4000)
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b"application/problem+json" in answer
        assert all(map(is_closed, [*silent, *halfway]))
        assert time.monotonic() - began < 2 * SILENCE_S
        assert memory_bytes(process.pid) - before < MOST_GROWTH


def test_clients_that_leave_at_once_leave_nothing_behind(settings: Settings, city: Engine) -> None:
    # different tiles, so that each is a build of its own
    tiles = [f"/tiles/buildings,roads/{FOUND.z}/{FOUND.x + n % 15}/{FOUND.y + n // 15}.mvt" for n in range(200)]
    building = text(
        "select count(*) from pg_stat_activity where datname = current_database() and state = 'active'"
        " and pid <> pg_backend_pid() and query like '%geom_3857%'"
    )
    with (
        serving(settings) as (process, address),
        city.connect() as holder,
        city.connect().execution_options(isolation_level="AUTOCOMMIT") as observer,
    ):
        for _ in range(3):
            holder.execute(text("lock table cim.building in access exclusive mode"))
            connections = [send(address, line(path)) for path in tiles]
            until(lambda: observer.execute(building).scalar_one() > 0)
            for connection in connections:
                connection.close()
            assert httpx.get(address + f"/tiles/roads/{ADDRESS}", timeout=5).status_code == 200
            assert observer.execute(building).scalar_one() <= TILES_AT_ONCE
            # while the table is locked: nobody who left is still waited upon
            until(lambda: observer.execute(building).scalar_one() == 0)
            holder.rollback()
            until(lambda: observer.execute(building).scalar_one() == 0)
        before = memory_bytes(process.pid)
        for _ in range(200):
            send(address, UNFINISHED).close()
        for path in tiles:
            send(address, line(path)).close()
        assert httpx.get(address + tiles[0], timeout=5).status_code == 200
        until(lambda: observer.execute(building).scalar_one() == 0)
        assert memory_bytes(process.pid) - before < MOST_GROWTH
        process.terminate()
        process.wait(20)
        assert process.stderr is not None
        # one who leaves is no fault of ours to be logged
        assert b"unexpected error" not in process.stderr.read()


def until(is_so: Callable[[], bool], patience_s: float = 15) -> None:
    """Wait until something is so."""
    end = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)
