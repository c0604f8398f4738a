"""Whatever is asked or sent: the answer says what is wrong; no fault of the server, and nothing of its inside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, func, select

from cim.tables import datastream, observation
from layers.live.sensors.describe import describe_sensors
from tests.api.conftest import Clients
from tests.layers.events_town import build_town

pytestmark = pytest.mark.anyio
ROOT = "/sta/v1.1"
LEAKS = ("select ", "psycopg", "sqlalchemy", "traceback", "site-packages", "host=/", "cim.sensor", "lark", "/var/")
NINES = "9" * 400

PATHS = [
    "/Nothing",
    "/Things()",
    "/Things(0)",
    "/Things(-1)",
    f"/Things({NINES})",
    "/Things('x')",
    "/Things(1;drop)",
    "/Things(1)/Nothing",
    "/Things(1)(2)",
    "/Things(1)/name/x",
    "/Things/name",
    "/Things/$value",
    "/Things(1)/$value",
    "/Things(1)/name/$ref",
    "/Things/Datastreams",
    "/Things(1)/Datastreams/Observations",
    "/$ref",
    "/$value",
    "//",
    "/Observations('1')",
    "/Observations(1)",
    f"/Observations('{NINES}-1')",
    f"/Observations('1-{NINES}')",
    "/Observations('1-99999999999999999')",
    "/Observations('a-b')",
    "/Observations('1-1' or 1=1)",
    "/Things(%27)",
    "/Things(1" + "/Datastreams(1)/Thing" * 20,
    "/Things(٣)",
    "/Things(1.5)",
    "/Things(1e3)",
    "/Things(١)",
    "/Things(9223372036854775807)",
    "/Things(9223372036854775808)",
    "/Datastreams(1)/Observations(1)/Datastream(1)",
]
FILTERS = [
    "",
    "(",
    ")",
    "((((",
    "'",
    "''",
    "name",
    "name eq",
    "eq 1",
    "name eq 1",
    "name eq 'x",
    "1 eq 1 or",
    "nothing eq 1",
    "name eq 'x' and",
    "not",
    "not not not name eq 'x'",
    "(" * 40 + "1 eq 1" + ")" * 40,
    "not " * 100 + "true",
    " or ".join(["name eq 'x'"] * 400),
    "name eq 'x'; drop table cim.sensor",
    "name eq '' or 1=1 --",
    "length(name)",
    "length() eq 1",
    "length(name,name) eq 1",
    "length(1) eq 1",
    "unknown(name) eq 1",
    "sleep(5) eq 1",
    "pg_sleep(5) eq 1",
    "substring(name,-1) eq 'x'",
    "substring(name,99999999999999) eq 'x'",
    "substring(name,0,-5) eq 'x'",
    "year(name) eq 1",
    "name gt 5",
    "id eq 'x'",
    "id gt null",
    "null eq null",
    "name add 1 eq 2",
    "1 div 0 eq 1",
    "1 mod 0 eq 1",
    "5 div 0 gt 1",
    f"id eq {NINES}",
    f"id eq {NINES}.5",
    "id eq 1e999",
    "1e308 mul 1e308 eq 1",
    "geo.distance(name,'x') lt 1",
    "geo.distance(name,geography'POINT(1 1)') lt 1",
    "st_within(name,geography'x') eq true",
    "st_within(geography'POINT(1 1)',geography'POLYGON((0 0,1 1,0 1,1 0,0 0))')",
    "geography'POINT(999 999)' eq null",
    "geo.intersects(geography'POINT EMPTY',geography'POINT(1 1)')",
    "geo.length(geography'POINT(1 1)') eq 0",
    "Datastreams/Thing/Datastreams/Thing/Datastreams/Thing/name eq 'x'",
    "Datastreams eq 1",
    "Datastreams/nothing eq 1",
    "properties/a/b/c/d/e/f gt 1",
    "properties eq 'x'",
    "properties/x lt 'a'",
    "name/x eq 1",
    "description eq null",
    "now() sub duration'P99999D' gt now()",
    "now() add duration'P99999D' add duration'P99999D' gt now()",
    "now() sub duration'x' gt now()",
    "2026-13-45T99:99:99Z eq now()",
    "now() eq 'yesterday'",
    "now() mul 2 eq 1",
    "mindatetime() sub duration'P1D' lt now()",
    "maxdatetime() add duration'P99999D' lt now()",
    "true",
    "false eq 1",
    "\u0000",
    "名称 eq '龙岗'",
    "name eq '\U0001f600'",
    "round('x') eq 1",
    "concat(name,1) eq 'x'",
    "name like '%'",
]
OPTIONS = [
    "$top=-1",
    "$top=x",
    f"$top={NINES}",
    "$top=1.5",
    "$top=",
    "$skip=-1",
    f"$skip={NINES}",
    "$count=maybe",
    "$nothing=1",
    "$top=1&$top=2",
    "$select=nothing",
    "$select=",
    "$select=name,,",
    "$expand=",
    "$expand=nothing",
    "$expand=Datastreams(",
    "$expand=Datastreams)",
    "$expand=Datastreams($top=x)",
    "$expand=Datastreams($filter=()",
    "$expand=Datastreams()",
    "$expand=Datastreams($expand=Thing($expand=Datastreams($expand=Thing($expand=Datastreams))))",
    "$skiptoken=x",
    "$expand=" + "Datastreams/Thing/" * 20 + "Datastreams",
    "$expand=" + ",".join(["Datastreams"] * 300),
    "$expand=" + "Datastreams($expand=" * 200 + "Thing" + ")" * 200,
    "$orderby=nothing",
    "$orderby=",
    "$orderby=name up",
    "$orderby=name desc desc",
    "$orderby=name,name,name,",
    "$orderby=(select 1)",
    "$orderby=Datastreams/Thing/name",
    "$orderby=properties/x",
    "$orderby=Datastreams/Observations/result",
    "$resultFormat=csv",
    "$resultFormat=dataArray",
    "$skiptoken=' or 1=1",
    "top=1",
    "$filter=name eq 'x'&$filter=true",
    "=",
    "&&&",
    "$top",
    "%24top=1&%24skip=x",
]
TIMES = [
    "",
    "x",
    "2026",
    "2026-03-01",
    "2026-03-01T00:00:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "24:00",
    "2026-02-30T00:00:00Z",
    "2026-03-01T00:00:00+99:00",
    "1969-12-31T23:59:59Z",
    "-1",
    5,
    1.5,
    True,
    [],
    {},
    "a/b",
    "2026-03-01T00:00:00Z/2025-03-01T00:00:00Z",
    "2026-03-01T00:00:00Z/",
    "/",
    "2026-W09-1",
    NINES,
    "\u0000",
]
STREAM = {"name": "d", "description": "", "observationType": "x", "unitOfMeasurement": {}}
BODIES: list[Any] = [
    None,
    [],
    1,
    "x",
    {},
    {"name": 1, "description": ""},
    {"name": "x" * 20_000, "description": ""},
    {"name": "x"},
    {"name": "\u0000", "description": ""},
    {"name": "a", "description": "", "nothing": 1},
    {"name": "a", "description": None},
    {"name": "a", "description": "", "properties": []},
    {"name": "a", "description": "", "properties": {"a": "\u0000"}},
    {"name": "a", "description": "", "properties": {"a": "x" * 40_000}},
    {"name": "a", "description": "", "Locations": {}},
    {"name": "a", "description": "", "Locations": [1]},
    {"name": "a", "description": "", "Locations": [{"@iot.id": 10**12}]},
    {"name": "a", "description": "", "Locations": [{"@iot.id": "x"}]},
    {"name": "a", "description": "", "Datastreams": [{}]},
    {"name": "a", "description": "", "Datastreams": [STREAM]},
    {"name": "a", "description": "", "Datastreams": [STREAM | {"Sensor": 1, "ObservedProperty": 1}]},
    {"name": "a", "description": "", "Datastreams": [{"x": 1}] * 5_000},
] + [
    {
        "name": "a",
        "description": "",
        "Locations": [{"name": "l", "description": "", "encodingType": "application/geo+json", "location": place}],
    }
    for place in (
        None,
        1,
        "x",
        {},
        {"type": "Point"},
        {"type": "Point", "coordinates": []},
        {"type": "Point", "coordinates": [500, 500]},
        {"type": "Point", "coordinates": ["a", "b"]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 1], [1, 0], [0, 0]]]},
        {"type": "Nothing"},
    )
]


@pytest.fixture
async def stream(engine: Engine) -> int:
    with engine.begin() as connection:
        found = build_town(connection)["gas"]
        describe_sensors(connection)
    return found


@pytest.fixture
async def client(clients: Clients, stream: int) -> AsyncIterator[httpx.AsyncClient]:
    async with clients() as made:
        yield made


def check(answer: httpx.Response, what: Any, *, refused: bool = False) -> None:
    shown = str(what)[:200]
    assert answer.status_code < 500, (shown, answer.text)
    if refused:
        assert answer.status_code >= 400, (shown, answer.text[:300])
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json", shown
        # What was said may be said again.
        told = answer.text.lower().replace(str(what).lower(), "").replace(str(what).partition("=")[2].lower(), "")
        for word in LEAKS:
            assert word not in told, (shown, word, answer.text)


async def test_paths(client: httpx.AsyncClient) -> None:
    for path in PATHS:
        for method in ("GET", "PATCH", "PUT", "DELETE"):
            answer = await client.request(method, f"{ROOT}{path}", json={} if method in ("PATCH", "PUT") else None)
            check(answer, path, refused=path not in ("//",) or method != "GET")


async def test_filters(client: httpx.AsyncClient) -> None:
    for plural in ("Things", "Observations", "Locations"):
        for text in FILTERS:
            check(await client.get(f"{ROOT}/{plural}", params={"$filter": text}), text)


async def test_options(client: httpx.AsyncClient) -> None:
    for option in OPTIONS:
        check(await client.get(f"{ROOT}/Things?{option}"), option)


async def test_times(client: httpx.AsyncClient, stream: int, engine: Engine) -> None:
    for time in TIMES:
        body = {"phenomenonTime": time, "result": 1}
        answer = await client.post(f"{ROOT}/Datastreams({stream})/Observations", json=body)
        check(answer, time, refused=time not in ("2026-03-01T00:00:00Z/",))
        arrays = [
            {"Datastream": {"@iot.id": stream}, "components": ["phenomenonTime", "result"], "dataArray": [[time, 1]]}
        ]
        told = await client.post(f"{ROOT}/CreateObservations", json=arrays)
        check(told, time)
        assert told.json()[0].startswith("error") or time == "2026-03-01T00:00:00Z/"
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(observation)).scalar_one() <= 1


async def test_bodies(client: httpx.AsyncClient, engine: Engine) -> None:
    for body in BODIES:
        check(await client.post(f"{ROOT}/Things", json=body), "body", refused=True)
        check(await client.post(f"{ROOT}/CreateObservations", json=body), "body", refused=True)
        for plural in (
            "Datastreams",
            "Sensors",
            "ObservedProperties",
            "FeaturesOfInterest",
            "HistoricalLocations",
            "Observations",
            "Locations",
        ):
            check(await client.post(f"{ROOT}/{plural}", json=body), "body", refused=True)
    for raw in (b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 1000, b"NaN", b'[{"dataArray": [[1]]}]'):
        for path in ("/Things", "/CreateObservations", "/Observations"):
            check(await client.post(f"{ROOT}{path}", content=raw), "raw", refused=True)
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(datastream)).scalar_one() == 1


async def test_data_arrays(client: httpx.AsyncClient, stream: int) -> None:
    good = {"Datastream": {"@iot.id": stream}, "components": ["phenomenonTime", "result"], "dataArray": []}
    for change in (
        {"Datastream": None},
        {"Datastream": {"@iot.id": -1}},
        {"Datastream": {"@iot.id": 2**63}},
        {"components": []},
        {"components": ["result", "result"]},
        {"components": ["nothing", "result"]},
        {"components": [{}, "result"]},
        {"components": ["phenomenonTime"]},
        {"dataArray": {}},
        {"dataArray": [[]] * 100_001},
        {"components": [["result"]]},
    ):
        check(await client.post(f"{ROOT}/CreateObservations", json=[good | change]), change, refused=True)
    lines = [
        [],
        1,
        None,
        "ab",
        {},
        ["2026-03-01T00:00:00Z"],
        [None, None],
        ["2026-03-01T00:00:00Z", "\u0000"],
        ["2026-03-01T00:00:00Z", "x" * 40_000],
    ]
    answer = await client.post(f"{ROOT}/CreateObservations", json=[good | {"dataArray": lines}])
    check(answer, "lines")
    assert all(line.startswith("error") for line in answer.json())
    huge = b'[{"Datastream": {"@iot.id": 1}}' + b" " * (9 * 1024 * 1024) + b"]"
    check(await client.post(f"{ROOT}/CreateObservations", content=huge), "huge", refused=True)


async def test_the_other_addresses(client: httpx.AsyncClient, stream: int) -> None:
    for path in (
        "/sensors/last?bbox=1,2,3",
        "/sensors/last?since=x",
        "/sensors/x/series",
        f"/sensors/{NINES}/series",
        f"/sensors/{stream}/series?points=0",
        f"/sensors/{stream}/series?from=x",
        "/parking/nearest",
        f"/sensors/{stream}/series?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z",
        "/parking/nearest?lon=500&lat=1",
        "/parking/nearest?lon=nan&lat=1",
    ):
        check(await client.get(path), path, refused=True)
    span = "from=0001-01-01T00:00:00Z&to=9999-12-31T00:00:00Z"
    check(await client.get(f"/sensors/{stream}/series?{span}"), span)
    for body in (None, {}, [1], [{"code": "x"}], [{"code": "\u0000", "free": 1, "time": "2026-03-01T00:00:00Z"}]):
        check(await client.post("/parking/counts", json=body), body, refused=True)
    for limit in (
        {},
        {"kind": "x", "limit_value": 1, "direction": "up"},
        {"kind": "\u0000", "limit_value": 1},
        {"sensor_id": 10**12, "limit_value": 1},
        {"kind": "x", "limit_value": 1, "sensor_id": 1},
    ):
        check(await client.post("/sensors/thresholds", json=limit), limit, refused=True)
