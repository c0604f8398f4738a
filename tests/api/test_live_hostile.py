"""Hostile input to the live city: nothing fails, nothing is given away, and who is right is served all the same."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as drawn
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode
from sqlalchemy import Engine, delete, func, select

from api.app import make_app
from api.frontend import Frontend
from api.problem import Problem
from cim.errors import InvalidFile, InvalidInput
from cim.settings import Settings
from cim.tables import event, event_clock, event_type, observation, threshold, unit_position
from layers.live.events.incoming import read_incoming
from layers.live.events.responsibility import replace_responsibilities
from layers.live.events.types import COLUMNS, replace_types, seed_types
from layers.live.sensors.describe import describe_sensors
from layers.live.sensors.mqtt import Broker
from layers.live.tracks.positions import as_notice, take_positions
from layers.live.webhooks.target import check_target
from tests.api import hostile_corpus as corpus
from tests.api.hostile_corpus import BASE, LIVE, ROLES, House, check, nested, opened
from tests.layers.events_town import build_town
from tests.layers.test_sensors_mqtt import broker, listening, publish, until
from tests.layers.test_tracks import place

__all__ = ["broker"]

#: Drawn for each address and method. CIM_FUZZ_EXAMPLES=1000 CIM_FUZZ_SEED=7 draws longer, and others.
EXAMPLES = int(os.environ.get("CIM_FUZZ_EXAMPLES", "15"))
SEED = int(os.environ.get("CIM_FUZZ_SEED", "20260301"))
ADMIN = ("admin", None)
STA = "/sta/v1.1"
#: What is there, so that not all that is drawn asks for nothing.
ENTITIES = ("Things", "Things(1)", "Datastreams", "Observations", "Sensors(1)", "Locations(1)/Things", "Locations",
            "ObservedProperties(1)/Datastreams", "FeaturesOfInterest", "HistoricalLocations",
            "Things(1)/name/$value")  # fmt: skip
WRITTEN = (
    ("POST", "/events"), ("POST", "/events/1/state"), ("POST", "/events/1/merge"), ("POST", "/tracks"),
    ("POST", "/webhooks"), ("POST", "/sensors/thresholds"), ("POST", "/parking/counts"), ("POST", f"{STA}/Things"),
    ("POST", f"{STA}/CreateObservations"), ("POST", f"{STA}/Locations"), ("PATCH", f"{STA}/Things(1)"),
    ("PUT", f"{STA}/Things(1)"), ("POST", "/cameras/seeing"), ("POST", "/cameras/blind-spots"),
    ("POST", "/cameras/suggest"),
)  # fmt: skip


@pytest.fixture
def town(engine: Engine) -> dict[str, int]:
    with engine.begin() as connection:
        ids = build_town(connection)
        describe_sensors(connection)
    return ids


@pytest.fixture
def house(
    settings: Settings, database_url: str, frontend: Frontend, town: dict[str, int], make_key: Callable[..., str]
) -> Iterator[House]:
    keys = {(role, area): make_key(role, area) for role in ROLES for area in (None, "440307001001")}
    with opened(make_app(settings, database_url, frontend), keys) as made:
        yield made


def now(**before: float) -> str:
    return (datetime.now(UTC) - timedelta(**before)).isoformat()


def event_said(key: str, **more: Any) -> dict[str, Any]:
    return {"source": "网格", "source_key": key, "longitude": 114.2195, "latitude": 22.6995} | more


def position_said(code: str, **more: Any) -> dict[str, Any]:
    return {"code": code, "time": now(), "longitude": 114.2195, "latitude": 22.6995} | more


@pytest.mark.slow
def test_whatever_is_drawn_from_the_description_is_answered_as_described(house: House) -> None:
    document = house.ask(ADMIN, "GET", "/api/openapi.json").json()
    found = [each.ok() for each in schemathesis.openapi.from_dict(document).get_all_operations()]
    operations = [each for each in found if each.path.startswith(LIVE)]
    assert len(operations) > 30
    house.ask(ADMIN, "POST", "/events", json=[event_said(str(n)) for n in range(3)])
    house.ask(ADMIN, "POST", "/tracks", json=position_said("unit"))
    for operation in operations:
        _draw(house, operation)


def _draw(house: House, operation: Any) -> None:
    cases = st.one_of(operation.as_strategy(GenerationMode.POSITIVE), operation.as_strategy(GenerationMode.NEGATIVE))
    there = st.tuples(st.booleans(), st.integers(1, 40), st.sampled_from(ENTITIES))

    @seed(SEED)
    @drawn(
        max_examples=EXAMPLES, database=None, deadline=None, phases=[Phase.generate], report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(cases, st.sampled_from(sorted(house.keys, key=str)), there)
    def run(case: Any, who: tuple[str, str | None], there: tuple[bool, int, str]) -> None:
        if there[0]:
            known = {"id": there[1], "path": there[2], "code": "unit"}
            case.path_parameters |= {name: known[name] for name in case.path_parameters}
        sent = case.as_transport_kwargs(base_url=BASE)
        headers = {name: str(value) for name, value in (sent.get("headers") or {}).items()}
        answer = house.ask(
            who, sent["method"], sent["url"], params=sent.get("params"), headers=headers, json=sent.get("json"),
            content=sent.get("data"),
        )  # fmt: skip
        check(answer, (operation.label, sent))
        described = operation.definition.raw["responses"]
        assert str(answer.status) in described, (operation.label, answer.status, answer.body[:300])
        content = described[str(answer.status)].get("content", {})
        assert answer.media_type in content or not (answer.body or content), (operation.label, answer.media_type)

    run()


def test_times_are_times(house: House, town: dict[str, int]) -> None:
    house.ask(ADMIN, "POST", "/tracks", json=position_said("unit"))
    line = {"phenomenonTime": "2026-03-01T00:00:00Z", "result": 1}
    assert house.ask(ADMIN, "POST", f"{STA}/Datastreams({town['gas']})/Observations", json=line).status == 201
    asked = [f"/events?{name}=" for name in ("since", "until")] + [
        f"/tracks/unit?{name}=" for name in ("since", "until")
    ]
    asked += [f"/sensors/{town['gas']}/series?{name}=" for name in ("from", "to")]
    asked += ["/sensors/last?since=", "/parking/nearest?lon=114&lat=22&since="]
    for path, moment in product(asked, corpus.MOMENTS):
        check(house.ask(ADMIN, "GET", path + quote(moment)), (path, moment), is_refused=True, said=moment)
    for path, moment in product(asked, corpus.EDGES):
        check(house.ask(ADMIN, "GET", path + quote(moment)), (path, moment))
    for moment in (*corpus.MOMENTS, *corpus.EDGES[:4], *corpus.VALUES[1:]):
        if moment == "":
            continue
        for path, body in (
            ("/tracks", position_said("late", time=moment)),
            ("/parking/counts", [{"code": "P", "free": 1, "time": moment}]),
            ("/events", event_said("late", occurred_at=moment)),
        ):
            # a bare date and a number of seconds are no moments; a zone that is half there neither
            check(house.ask(ADMIN, "POST", path, json=body), (path, moment), is_refused=True, said=str(moment))


def test_ids_are_ids(house: House) -> None:
    for said, path in product(
        corpus.IDS,
        ("/events/{}", "/events/{}/context", "/events/{}/cap", "/events/{}/units", "/cameras/{}/viewshed",
         "/sensors/{}/series", "/webhooks/{}/deliveries", "/tracks/{}", STA + "/Things({})",
         STA + "/Observations('{}-{}')"),
    ):  # fmt: skip
        check(house.ask(ADMIN, "GET", path.format(said, said)), (path, said), is_refused=True)
    for said, (method, path) in product(
        corpus.IDS,
        (("POST", "/events/{}/state"), ("DELETE", "/events/{}/merge?by=a"), ("DELETE", "/webhooks/{}"),
         ("POST", "/webhooks/{}/resend"), ("DELETE", "/sensors/thresholds/{}"), ("DELETE", STA + "/Things({})")),
    ):  # fmt: skip
        body = {"state": "file", "by": "a"} if method == "POST" else None
        check(house.ask(ADMIN, method, path.format(said), json=body), (path, said), is_refused=True)


def test_questions_have_bounds(house: House) -> None:
    for plural, question in product(("Things", "Datastreams", "Observations"), corpus.QUESTIONS):
        name, _, value = question.partition("=")
        check(house.ask(ADMIN, "GET", f"{STA}/{plural}?{name}={quote(value)}"), (plural, question), said=value)
    circle = "$expand=Datastreams($expand=Thing($expand=Datastreams($expand=Thing($expand=Datastreams))))"
    assert house.ask(ADMIN, "GET", f"{STA}/Things?{circle}").status == 400


@pytest.mark.parametrize(("method", "path"), WRITTEN)
def test_bodies_are_read_with_care(house: House, method: str, path: str) -> None:
    kinds = ("application/json", "application/cloudevents+json", "application/cloudevents-batch+json; charset=utf-16",
             "text/plain", "application/octet-stream", "multipart/form-data", "", "*/*",
             "application/json;" * 50)  # fmt: skip
    for body, kind in product(corpus.BODIES, kinds if path == "/events" else kinds[:1]):
        headers = {"Content-Type": kind} | ({"Content-Encoding": "gzip"} if body[:2] == b"\x1f\x8b" else {})
        answer = house.ask(ADMIN, method, path, content=body, headers=headers)
        check(answer, (path, body[:60]))
        # of a list each thing has its own answer
        assert answer.status >= 400 or body[:1] == b"[" or path.startswith(STA), (path, body[:60], answer)
        assert answer.status >= 400 or b"created" not in answer.body


@pytest.mark.slow
def test_values_are_read_with_care(house: House, town: dict[str, int], engine: Engine) -> None:
    stream = f"{STA}/Datastreams({town['gas']})/Observations"
    good: dict[str, tuple[str, dict[str, Any]]] = {
        "/events": ("POST", event_said("k", type="a", title="t", description="d", severity=2, accuracy_m=1, height_m=1,
                                       address="a", storey_number=1, room="r", device="d", attributes={}, area=None)),
        "/events/1/state": ("POST", {"state": "file", "by": "a", "note": "n", "responsible": "r"}),
        "/tracks": ("POST", position_said("k", height_m=1, speed_m_s=1, heading_deg=1, stale_at=now(), name="n",
                                          kind="drone", owner="o", state="s", area_code="4", attributes={})),
        "/webhooks": ("POST", {"url": "http://10.0.0.1/", "name": "n", "types": ["A"], "steps": ["file"], "severity": 1,
                               "area_code": "4", "bbox": [1, 2, 3, 4]}),
        "/sensors/thresholds": ("POST", {"sensor_id": town["gas"], "kind": None, "direction": "above", "limit_value": 1,
                                         "attribute": "a", "hysteresis": 1, "duration_s": 1, "type_code": "A01"}),
        "/parking/counts": ("POST", {"code": "c", "free": 1, "time": now()}),
        stream: ("POST", {"phenomenonTime": now(), "result": 1, "resultTime": now(), "validTime": now(),
                          "resultQuality": 1, "parameters": {}, "FeatureOfInterest": None}),
        f"{STA}/Things": ("POST", {"name": "n", "description": "d", "properties": {}, "Locations": [],
                                   "Datastreams": []}),
        f"{STA}/Locations": ("POST", {"name": "n", "description": "", "encodingType": "application/geo+json",
                                      "location": {"type": "Point", "coordinates": [114.2, 22.7]}, "Things": []}),
        f"{STA}/ObservedProperties": ("POST", {"name": "n", "description": "", "definition": "", "properties": {}}),
        "/cameras/suggest": ("POST", {"geometry": 1, "height_m": 1, "offline": True, "range_m": 20, "candidates": 2}),
    }  # fmt: skip
    for path, (method, body) in good.items():
        for name, value in product(body, corpus.VALUES):
            said = body | {name: value}
            sent = json.dumps([said] if path == "/parking/counts" else said).encode()
            headers = {"Content-Type": "application/json"}
            check(house.ask(ADMIN, method, path, content=sent, headers=headers), (path, name, value), said=str(value))
    # whatever of it was taken in can be read again
    for path in ("/events?limit=1000", "/tracks", "/sensors/last", f"/sensors/{town['gas']}/series", f"{STA}/Locations",
                 f"{STA}/Things?$expand=Locations,Datastreams", f"{stream}?$top=1000",
                 "/sensors/thresholds"):  # fmt: skip
        assert house.ask(ADMIN, "GET", path).status == 200, path


def test_of_half_bad_batches_the_good_half_is_in(house: House, town: dict[str, int], engine: Engine) -> None:
    bad = [{"source": "a"}, 1, None, event_said("x", severity=9), event_said("y", attributes=nested(300))]
    told = house.ask(ADMIN, "POST", "/events", json=[event_said("1"), *bad, event_said("2")])
    assert [one["status"] for one in told.json()["events"]] == ["created"] + ["refused"] * 5 + ["created"]
    bad = [position_said("x", longitude=181), [], position_said("y", attributes={"a": nested(300)}), {}]
    told = house.ask(ADMIN, "POST", "/tracks", json=[position_said("1"), *bad, position_said("2")])
    assert [one["status"] for one in told.json()["positions"]] == ["new"] + ["refused"] * 4 + ["new"]
    lines = [["2026-03-01T00:00:00Z", 1], ["x", 1], ["2026-03-01T00:00:01Z"], ["2026-03-01T00:00:02Z", nested(300)], [],
             ["2026-03-01T00:00:03Z", 2, 3], ["2026-03-01T00:00:04Z", 3]]  # fmt: skip
    arrays = {"Datastream": {"@iot.id": town["gas"]}, "components": ["phenomenonTime", "result"],
              "dataArray@iot.count": 999, "dataArray": lines}  # fmt: skip
    told = house.ask(ADMIN, "POST", f"{STA}/CreateObservations", json=[arrays])
    assert [line.startswith("error") for line in told.json()] == [False, True, True, True, True, True, False]
    for path, one in (("/events", event_said("z")), ("/tracks", position_said("z"))):
        check(house.ask(ADMIN, "POST", path, json=[one] * 1001), path, is_refused=True)
    huge = [arrays | {"dataArray": [["2026-03-01T00:00:00Z", 1]] * 100_001}]
    check(house.ask(ADMIN, "POST", f"{STA}/CreateObservations", json=huge), "huge", is_refused=True)
    # of counts nothing is taken where one is wrong
    counts = [{"code": "P", "free": 1, "time": now()}, {"code": "P", "free": -1, "time": now()}]
    check(house.ask(ADMIN, "POST", "/parking/counts", json=counts), "counts", is_refused=True)
    check(house.ask(ADMIN, "POST", "/parking/counts", json=counts[:1] * 5001), "counts", is_refused=True)
    with engine.connect() as connection:
        for table, count in ((event, 2), (observation, 2), (unit_position, 2)):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == count, table.name


ALERT = (
    '<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>1</identifier><sender>s</sender>'
    f"<sent>{now(hours=1)}</sent><status>Actual</status><msgType>Alert</msgType><scope>Public</scope><info>"
    "<event>HERE</event><area><areaDesc>a</areaDesc>%s</area></info></alert>"
)
COT = (
    f'<event version="2.0" uid="HERE" type="a-f-G-U-C" time="{now(minutes=1)}" stale="{now()}" how="m-g">'
    '<point lat="22.7" lon="114.2" hae="10" ce="5" le="5"/></event>'
)


def test_no_xml_reaches_beyond_itself(house: House, engine: Engine) -> None:
    for path, plain in (("/events", ALERT % ""), ("/tracks", COT)):
        for name, body in corpus.xml_corpus(plain):
            answer = house.ask(ADMIN, "POST", path, content=body, headers={"Content-Type": "application/xml"})
            check(answer, (path, name), is_refused=name not in ("long text", "included"))
            assert b"root:" not in answer.body
            assert "no such" in name or "type" not in name or b"document type" in answer.body, (name, answer)
        other = plain.replace(">1<", ">2<").replace("HERE", "two")
        assert house.ask(ADMIN, "POST", path, content=other, headers={"Content-Type": "text/xml"}).status == 201
    shapes = ("<circle>22.7,114.2 1e308</circle>", "<circle>90,180 20000</circle>",
              "<polygon>0,0 1,1 0,1 1,0 0,0</polygon>", "<circle>1,1</circle>",
              "<polygon>" + "0,0 " * 60_000 + "</polygon>", "<polygon>0,0 0,0 0,0 0,0</polygon>",
              "<polygon>" + " ".join(f"{n % 90},{n % 179}" for n in range(40_000)) + " 0,0</polygon>",
              "<circle>nan,1 1</circle>", "<polygon>1e400,0 1,1 0,1 1e400,0</polygon>", "<circle>1,1 -1</circle>",
              "<polygon>22.70,114.20 22.71,114.20 22.71,114.21 22.70,114.20</polygon>" * 5_000)  # fmt: skip
    for shape in shapes:
        alert = (ALERT % shape).replace(">1<", f">{hash(shape)}<")
        check(house.ask(ADMIN, "POST", "/events", content=alert, headers={"Content-Type": "text/xml"}), shape[:60])
    for moment in (*corpus.EDGES, *corpus.MOMENTS):
        for name in ("time", "stale"):
            turned = COT.replace(f'{name}="', f'{name}="{moment}" x="')
            check(
                house.ask(ADMIN, "POST", "/tracks", content=turned, headers={"Content-Type": "text/xml"}),
                (name, moment),
            )
    with engine.connect() as connection:
        codes = connection.execute(select(event.c.type, event.c.title)).all()
        assert not any("root:" in str(row) for row in codes)


def test_messages_of_every_kind_leave_the_listener_listening(
    broker: Broker, engine: Engine, town: dict[str, int]
) -> None:
    bodies = [body for body in corpus.BODIES if len(body) < 1_000_000]
    bodies += [orjson.dumps(value) for value in corpus.VALUES[:12]]
    bodies += [
        b'{"code": "a", "time": "%s", "value": %s}' % (now().encode(), b"[" * n + b"]" * n) for n in (250, 300, 900)
    ]
    bodies += [
        b'{"source": "a", "source_key": "b", "attributes": {"a": %s}}' % (b"[" * n + b"]" * n) for n in (300, 900)
    ]
    bodies += [body for plain in (ALERT % "", COT) for _, body in corpus.xml_corpus(plain) if len(body) < 200_000]
    topics = ("events", "tracks", "observations", f"v1.1/Datastreams({town['gas']})/Observations",
              "v1.1/Datastreams(99999999999999999999)/Observations", "v1.1/x/Observations")  # fmt: skip
    with listening(broker, engine) as listener:
        publish(broker, *((topic, body) for topic, body in product(topics, bodies)))
        publish(broker, ("events", orjson.dumps(event_said("good"))), ("tracks", orjson.dumps(position_said("good"))))
        until(lambda: listener.counts.events >= 1 and listener.counts.positions >= 1, 60)
        assert listener.counts.broken > 300
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).where(event.c.source_key == "good")).scalar_one() == 1


def test_no_webhook_leads_inside(house: House, engine: Engine) -> None:
    for target in corpus.TARGETS:
        body = json.dumps({"url": target}).encode()
        answer = house.ask(ADMIN, "POST", "/webhooks", content=body, headers={"Content-Type": "application/json"})
        check(answer, target, is_refused=True, said=target)
    assert house.ask(ADMIN, "GET", "/webhooks").json() == {"webhooks": []}


@pytest.mark.parametrize(
    "found", [["10.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["2606:2800::1", "::ffff:10.0.0.1"], []]
)
def test_no_name_leads_inside(found: list[str]) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return found

    with pytest.raises(InvalidInput, match=r"not public|cannot be resolved"):
        asyncio.run(check_target("https://example.org/", [], resolve))


def test_tables_of_many_columns_and_no_text_are_refused(engine: Engine, town: dict[str, int], tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    head = ",".join(COLUMNS)
    wide = ",".join(f"c{n}" for n in range(10_000))
    bodies = (b"", b"\x00" * 100, b"\xff\xfe\x00", head.encode("utf-16"), f"{head}\n{'x' * 200_000}".encode(),
              f"{wide}\n{wide}".encode(), f'{head}\n"X00'.encode(), f"{head}\nX00,a,b,1,g,nan,1,".encode(),
              f"{head}\nX00,a,b,1,g,1e400,1,".encode(), f"{head}\nX00,a,b,1,g,1,99999999999,".encode(),
              f"{head}\nX00,a,b,1,g,-5,1,".encode(), f"{head},{wide}\nX00,a,b,1,g,1,1\x00,".encode(),
              f"party\n{'x' * 200_000}".encode(), b"party\n\xff", b"party,area_code\na,44\xff")  # fmt: skip
    for body in bodies:
        path.write_bytes(body)
        for replace in (replace_types, replace_responsibilities):
            with engine.begin() as connection, pytest.raises((InvalidInput, InvalidFile)):
                replace(connection, path)
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(event_type)).scalar_one() > 10


def test_without_types_of_events_the_remedy_is_told(house: House, town: dict[str, int], engine: Engine) -> None:
    with engine.begin() as connection:
        for table in (threshold, event_clock, event_type):
            connection.execute(delete(table))
    refused = house.ask(ADMIN, "POST", "/events", json=event_said("1"))
    assert (refused.status, refused.headers["retry-after"]) == (503, "5")
    assert "run 'cim init'" in refused.json()["detail"]
    with engine.begin() as connection:
        seed_types(connection)
    assert house.ask(ADMIN, "POST", "/events", json=event_said("1")).status == 201


def test_long_titles_are_told_in_as_many_notices_as_it_takes(house: House) -> None:
    many = [event_said(str(n), source="🦄" * 59 + chr(65 + n), title="🦄" * 300, type="X00") for n in range(25)]
    told = house.ask(ADMIN, "POST", "/events", json=many)
    assert {one["status"] for one in told.json()["events"]} <= {"created", "merged"}


def test_a_position_of_any_zone_is_told(engine: Engine, town: dict[str, int]) -> None:
    local = datetime.now(timezone(timedelta(hours=8))).replace(microsecond=0)
    with engine.begin() as connection:
        [kept] = take_positions(connection, [place("local").model_copy(update={"time": local})])
    assert as_notice(kept)["time"] == local.astimezone(UTC).isoformat(timespec="milliseconds")


def test_what_has_no_bytes_is_told_all_the_same() -> None:
    body = Problem(400, "a\ud800b", extra={"errors": [{"where": "\udfff"}]}).body()
    assert orjson.loads(body)["detail"] == "a?b"


def test_nobody_names_an_area_of_its_own() -> None:
    with pytest.raises(InvalidInput, match="unknown fields: within"):
        read_incoming(event_said("1", within="4"))
    with pytest.raises(InvalidInput, match="unknown field: within"):
        place("1", within="4")
