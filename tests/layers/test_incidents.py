"""Incidents: opened, gathered into, corrected, closed; what was known at a moment stays what it was."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, Engine, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DBAPIError

from cim.access import Caller
from cim.errors import Busy, CimError, Conflict, Forbidden, InvalidInput, NotFound
from cim.tables import event, incident_entry, layer, receipt
from layers.incidents import timeline as timelines
from layers.incidents.entries import add_entry
from layers.incidents.incident import change_incident, close_incident, list_incidents, open_incident, read_incident
from layers.incidents.replay import replay, trails
from layers.incidents.timeline import Asked, timeline
from layers.incidents.wish import parse_change, parse_entry, parse_incident
from layers.live.events.intake import take_in
from layers.live.events.states import advance
from layers.live.tracks.days import add_days
from layers.live.tracks.incoming import read_position
from layers.live.tracks.positions import take_positions
from layers.zones.wish import parse_wish
from layers.zones.zones import change_zone, create_zone, drop_zone
from tests.layers.events_town import at, build_town, said
from tests.layers.test_zones import drawn

LEADER = Caller("commander")
HASH = "sha256:" + "ab" * 32


@pytest.fixture
def town(connection: Connection) -> dict[str, int]:
    return build_town(connection)


def keep(connection: Connection, role: str = "viewer", digest: str = HASH) -> str:
    """Keep a receipt, as the service does for each analysis; returns its hash."""
    values = {"hash": digest, "role": role, "area_code": "", "method": "GET", "path": "/query/route", "query": "",
              "layers": {"roads": {"version": 3, "found": 9}}, "parts": {}}  # fmt: skip
    connection.execute(upsert(receipt).values(values).on_conflict_do_nothing())
    return digest


def opened(connection: Connection, caller: Caller = LEADER, **more: Any) -> int:
    body = {"name": "坪翔二街燃气泄漏", "by": "张三", "kind": "燃气", "position": list(at(100, 100))} | more
    return int(open_incident(connection, parse_incident(body), caller)["id"])


def added(connection: Connection, number: int, caller: Caller = LEADER, **entry: Any) -> dict[str, Any]:
    return add_entry(connection, number, parse_entry({"by": "张三"} | entry), caller)


def told(connection: Connection, number: int, caller: Caller = LEADER, **asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = timeline(connection, number, Asked(**asked), caller)["entries"]
    return found


def happened(connection: Connection, key: str = "1", **more: Any) -> int:
    lon, lat = at(*more.pop("place", (130, 110)))
    [taken] = take_in(connection, [said(key, type="燃气浓度超限", longitude=lon, latitude=lat, **more)], actor="12345")
    return int(taken.id or 0)


def zoned(connection: Connection, size: int = 100) -> dict[str, Any]:
    wish = parse_wish({"name": "封控区", "by": "张三", "geometry": drawn(-size, -size, size, size)})
    return create_zone(connection, wish, LEADER)


def now(connection: Connection) -> datetime:
    found: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return found


def test_an_incident_gathers_and_what_happens_meanwhile_follows(connection: Connection, town: dict[str, int]) -> None:
    number = opened(connection, note="居民报警")
    gas, zone = happened(connection), zoned(connection)
    added(connection, number, kind="event", ref=gas)
    added(connection, number, kind="zone", ref=str(zone["id"]), text="一级")
    added(connection, number, kind="note", text="已关阀", position=list(at(10, 10)))
    added(connection, number, kind="analysis", ref=keep(connection), summary={"persons": 3}, text="停气影响")
    # by itself: nobody tells the incident
    advance(connection, gas, "file", LEADER, actor="李四")
    wish = {"name": "封控区", "by": "王五", "geometry": drawn(-150, -150, 150, 150), "version": 1}
    change_zone(connection, zone["id"], parse_wish(wish, is_new=False), LEADER)
    drop_zone(connection, zone["id"], LEADER, by="王五")
    entries = told(connection, number, geometry=True)
    said_or_done = [(one["kind"], one["origin"], one["text"], one["by"]) for one in entries]
    assert sorted(said_or_done, key=str) == sorted([
        ("state", "said", "open", "张三"),
        ("event", "log", "collect", "12345"), ("event", "said", None, "张三"), ("event", "log", "file", "李四"),
        ("zone", "log", "create", "张三"), ("zone", "said", "一级", "张三"), ("zone", "log", "change", "王五"),
        ("zone", "log", "drop", "王五"), ("note", "said", "已关阀", "张三"), ("analysis", "said", "停气影响", "张三"),
    ], key=str)  # fmt: skip
    assert [one["at"] for one in entries] == sorted(one["at"] for one in entries)
    # each as it was at its moment
    states = [one["snapshot"]["state"] for one in entries if one["kind"] == "event" and "state" in one["snapshot"]]
    assert sorted(states) == ["collect", "file"]
    gathered, changed = (one for one in entries if one["kind"] == "zone" and "geometry" in one["snapshot"])
    assert (gathered["snapshot"]["version"], changed["snapshot"]["version"]) == (1, 2)
    assert gathered["snapshot"]["geometry"] == zone["geometry"]
    assert "geometry" not in told(connection, number)[entries.index(gathered)]["snapshot"]
    [dropped] = [one for one in entries if one["text"] == "drop"]
    assert dropped["snapshot"]["step"]["version"] == 2
    # the log of zones has counts of people; of what was done before only hash and version are told
    assert {name for one in entries if one["kind"] == "zone" for name in one["snapshot"].get("step", {})} == {
        "hash", "version",
    }  # fmt: skip
    closed = close_incident(connection, number, LEADER, by="张三")
    assert (closed["state"], closed["closed_by"], closed["version"]) == ("closed", "张三", 2)
    # a closed one follows no more
    advance(connection, gas, "dispatch", LEADER, actor="李四")
    assert [one["text"] for one in told(connection, number) if one["kind"] in ("state", "event")][-1] == "close"
    with pytest.raises(Conflict, match="closed"):
        added(connection, number, kind="note", text="晚了")
    with pytest.raises(Conflict, match="was closed by 张三"):
        close_incident(connection, number, LEADER, by="张三")
    again = parse_change({"by": "张三", "version": 2, "state": "open"})
    assert change_incident(connection, number, again, LEADER)["closed_at"] is None
    added(connection, number, kind="note", text="又开始")


def test_what_was_known_at_a_moment_is_told_the_same_for_ever(connection: Connection, town: dict[str, int]) -> None:
    number, gas, zone = opened(connection), happened(connection), zoned(connection)
    first = added(connection, number, kind="event", ref=gas)
    added(connection, number, kind="zone", ref=zone["id"])
    moment = now(connection)

    def known(caller: Caller = LEADER) -> bytes:
        asked = Asked(until=moment, geometry=True)
        return orjson.dumps([timeline(connection, number, asked, caller), replay(connection, number, caller, moment)])

    before = known(), known(Caller("viewer"))
    advance(connection, gas, "file", LEADER, actor="李四")
    added(connection, number, kind="note", text="补记", at=(moment - timedelta(minutes=30)).isoformat())
    added(connection, number, kind="note", text="不是这一起", corrects=first["uuid"])
    change_incident(connection, number, parse_change({"by": "李四", "version": 1, "name": "改名"}), LEADER)
    drop_zone(connection, zone["id"], LEADER, by="王五")
    close_incident(connection, number, LEADER, by="张三")
    assert (known(), known(Caller("viewer"))) == before
    then, after = replay(connection, number, LEADER, moment), replay(connection, number, LEADER)
    assert (then["incident"]["name"], after["incident"]["name"]) == ("坪翔二街燃气泄漏", "改名")
    assert (then["incident"]["state"], after["incident"]["state"]) == ("open", "closed")
    assert [one["properties"]["state"] for one in then["events"]["features"]] == ["collect"]
    assert after["events"]["features"] == []  # taken back by the correction
    assert then["zones"]["features"][0]["geometry"] == zone["geometry"]
    # what was said later of earlier stands where it happened
    entries = told(connection, number)
    assert entries[0]["text"] == "补记"
    [corrected] = [one for one in entries if one["uuid"] == first["uuid"]]
    assert len(corrected["corrected_by"]) == 1
    with pytest.raises(InvalidInput, match="still to come"):
        timeline(connection, number, Asked(until=now(connection) + timedelta(hours=1)), LEADER)
    with pytest.raises(NotFound, match="was not there"):
        timeline(connection, number, Asked(until=moment - timedelta(days=1)), LEADER)


def test_a_reader_of_the_past_waits_for_what_is_on_its_way(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with engine.begin() as connection:
        number = opened(connection)
    with engine.connect() as writer, engine.connect() as reader:
        writer.execute(select(func.cim.incident_writing(number)))
        added(writer, number, kind="note", text="在路上")
        moment = now(writer)
        monkeypatch.setattr(timelines, "PATIENCE_S", 0.1)
        with pytest.raises(Busy):
            timeline(reader, number, Asked(until=moment), LEADER)
        reader.rollback()
        assert [one["kind"] for one in told(reader, number)] == ["state"]
        monkeypatch.setattr(timelines, "PATIENCE_S", 5.0)
        ending = threading.Timer(0.3, writer.commit)
        ending.start()
        assert [one["text"] for one in told(reader, number, until=moment)] == ["open", "在路上"]
        ending.join()
    with engine.connect() as one, engine.connect() as other:
        # writers do not wait for one another
        for connection in (one, other):
            connection.execute(text("set local lock_timeout = '2s'"))
            connection.execute(select(func.cim.incident_writing(number)))


def test_entries_are_only_ever_added(connection: Connection) -> None:
    number = opened(connection)
    added(connection, number, kind="note", text="一")
    with pytest.raises(DBAPIError, match="only ever added"):
        connection.execute(update(incident_entry).values(text="二"))


def test_an_entry_is_told_twice_and_corrected(connection: Connection) -> None:
    number = opened(connection)
    uuid = "0b8f8f3e-5c1c-4a43-9c39-0d7f3c1d2e4f"
    first = added(connection, number, kind="note", text="一", uuid=uuid)
    assert first["status"] == "created"
    assert added(connection, number, kind="note", text="一", uuid=uuid) == first | {"status": "known"}
    with pytest.raises(Conflict, match="says something else"):
        added(connection, number, kind="note", text="二", uuid=uuid)
    right = added(connection, number, kind="note", text="二", corrects=uuid)
    old, new = told(connection, number)[1:]
    assert (old["corrected_by"], new["corrects"]) == ([right["uuid"]], uuid)
    with pytest.raises(NotFound, match="no entry"):
        added(connection, number, kind="note", text="三", corrects="0b8f8f3e-5c1c-4a43-9c39-0d7f3c1d2e40")


def test_units_are_followed(connection: Connection, town: dict[str, int]) -> None:
    place = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    add_days(connection, [place])

    def moves(minutes: int, x: float) -> None:
        lon, lat = at(x, 0)
        time = (place + timedelta(minutes=minutes)).isoformat()
        take_positions(connection, [read_position({"code": "车1", "time": time, "longitude": lon, "latitude": lat})])

    moves(0, 0)
    number = opened(connection, at=place.isoformat())
    added(connection, number, kind="unit", ref="车1")
    moves(1, 50)
    moves(2, 90)
    [line] = trails(connection, number, LEADER)["features"]
    assert len(line["geometry"]["coordinates"]) == 3
    assert trails(connection, number, Caller("viewer"))["features"] == []
    close_incident(connection, number, LEADER, by="张三")
    connection.execute(text("delete from unit_position"))
    [kept] = [one for one in told(connection, number, geometry=True) if one["text"] == "trail"]
    assert kept["snapshot"]["trail"]["geometry"] == line["geometry"]
    assert [one["kind"] for one in told(connection, number, Caller("viewer"))] == ["state", "state"]


def test_who_may_do_and_see_what(connection: Connection, town: dict[str, int]) -> None:
    inside, outside = Caller("commander", "440307001002"), Caller("commander", "440307001001")
    number = opened(connection)
    assert read_incident(connection, number, LEADER)["area_code"] == "440307001002004"
    for role in ("viewer", "service", "planner"):
        with pytest.raises(Forbidden, match="demarcate"):
            opened(connection, Caller(role))  # type: ignore[arg-type]
        with pytest.raises(Forbidden):
            added(connection, number, Caller(role), kind="note", text="一")  # type: ignore[arg-type]
        with pytest.raises(Forbidden):
            close_incident(connection, number, Caller(role), by="我")  # type: ignore[arg-type]
        assert read_incident(connection, number, Caller(role))["id"] == number  # type: ignore[arg-type]
    assert [one["id"] for one in list_incidents(connection, inside)] == [number]
    assert list_incidents(connection, outside) == []
    for ask in (read_incident, replay, trails):
        with pytest.raises(NotFound):
            ask(connection, number, outside)
    with pytest.raises(NotFound):
        timeline(connection, number, Asked(), outside)
    with pytest.raises(NotFound):
        added(connection, number, outside, kind="note", text="一")
    with pytest.raises(Forbidden, match="outside of 440307001001"):
        opened(connection, outside)
    # of no place: it belongs to the area of who opens it
    own = opened(connection, outside, position=None)
    assert read_incident(connection, own, outside)["area_code"] == "440307001001"
    with pytest.raises(NotFound):
        read_incident(connection, own, inside)
    # what lies elsewhere stays unseen even in an incident that everybody sees
    everywhere = opened(connection, position=None)
    here, there = happened(connection, "1"), happened(connection, "2", place=(-100, -100))
    for one in (here, there):
        added(connection, everywhere, kind="event", ref=one)
    advance(connection, there, "file", LEADER, actor="李四")
    seen = {one["ref"] for one in told(connection, everywhere, inside) if one["kind"] == "event"}
    assert seen == {str(here)}
    assert len(told(connection, everywhere, LEADER)) == 6
    with pytest.raises(NotFound):
        added(connection, number, inside, kind="event", ref=there)
    # answers may hold small counts
    added(connection, number, kind="analysis", ref=keep(connection), summary={"persons": 3})
    [full], [bare] = ([one for one in told(connection, number, who) if one["kind"] == "analysis"]
                      for who in (LEADER, Caller("planner")))  # fmt: skip
    assert full["snapshot"] == bare["snapshot"] | {"summary": {"persons": 3}}
    assert (bare["snapshot"]["receipt"], bare["snapshot"]["path"]) == (HASH, "/query/route")


def test_a_hidden_layer_stays_hidden(connection: Connection, town: dict[str, int]) -> None:
    connection.execute(update(layer).where(layer.c.id == "events").values(visibility="commander"))
    number, gas = opened(connection), happened(connection)
    added(connection, number, kind="event", ref=gas)
    connection.execute(event.delete().where(event.c.id == gas))
    assert [one["kind"] for one in told(connection, number, Caller("planner"))] == ["state"]
    assert len(told(connection, number)) == 3


WRONG: list[tuple[Callable[[Any], Any], dict[str, Any], str]] = [
    (parse_incident, {"by": "a"}, "name is missing"),
    (parse_incident, {"name": "a" * 121, "by": "a"}, "at most 120"),
    (parse_incident, {"name": "a\0", "by": "a"}, "text of at most"),
    (parse_incident, {"name": "a\ud800", "by": "a"}, "text of at most"),
    (parse_incident, {"name": "a", "by": "a", "position": [500, 1]}, "longitude"),
    (parse_incident, {"name": "a", "by": "a", "position": [float("nan"), 1]}, "longitude"),
    (parse_incident, {"name": "a", "by": "a", "at": "2999-01-01T00:00:00Z"}, "now or before"),
    (parse_incident, {"name": "a", "by": "a", "colour": 1}, "unknown field 'colour'"),
    (parse_change, {"by": "a", "name": "b"}, "version"),
    (parse_change, {"by": "a", "version": 1}, "nothing is to be changed"),
    (parse_change, {"by": "a", "version": 1, "state": "closed"}, "close closes it"),
    (parse_entry, {"by": "a", "kind": "state"}, "use one of"),
    (parse_entry, {"by": "a", "kind": []}, "use one of"),
    (parse_entry, {"by": "a", "kind": "note"}, "needs a text"),
    (parse_entry, {"by": "a", "kind": "note", "text": "a" * 4001}, "at most 4000"),
    (parse_entry, {"by": "a", "kind": "event", "ref": "0"}, "id of an event"),
    (parse_entry, {"by": "a", "kind": "event", "ref": 2**63}, "id of an event"),
    (parse_entry, {"by": "a", "kind": "event"}, "id of an event"),
    (parse_entry, {"by": "a", "kind": "analysis", "ref": "md5:1"}, "hash of a receipt"),
    (parse_entry, {"by": "a", "kind": "note", "text": "a", "uuid": "1"}, "UUID"),
    (parse_entry, {"by": "a", "kind": "note", "text": "a", "uuid": "z" * 36}, "UUID"),
    (parse_entry, {"by": "a", "kind": "note", "text": "a", "summary": {}}, "goes with the kind"),
    (parse_entry, {"by": "a", "kind": "analysis", "ref": HASH, "summary": {"a": "b" * 9000}}, "at most 8192"),
    (parse_entry, {"by": "a", "kind": "analysis", "ref": HASH, "summary": {"a": "\0"}}, "NUL"),
]


@pytest.mark.parametrize(("parse", "body", "says"), WRONG)
def test_what_is_wrong_is_told(parse: Callable[[Any], Any], body: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        parse(body)


def test_what_is_unknown_is_told(connection: Connection, town: dict[str, int]) -> None:
    number = opened(connection)
    unkept = "sha256:" + "cd" * 32
    for kind, ref in (("event", "999999"), ("zone", "999999"), ("unit", "无此车"), ("analysis", unkept)):
        with pytest.raises(NotFound):
            added(connection, number, kind=kind, ref=ref)
    with pytest.raises(NotFound, match="no incident"):
        added(connection, 999999, kind="note", text="一")
    assert len(told(connection, number)) == 1


def test_5000_entries_page(connection: Connection) -> None:
    number = opened(connection)
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    rows = [{"incident_id": number, "kind": "note", "at": begin + timedelta(seconds=n // 3), "author": "a",
             "text": str(n)} for n in range(5000)]  # fmt: skip
    connection.execute(insert(incident_entry), rows)
    until = now(connection)
    seen: list[str] = []
    after = None
    while True:
        page = timeline(connection, number, Asked(until, after, 500), LEADER)
        assert page["total"] == 5001
        seen += [one["text"] for one in page["entries"]]
        after = page["more"]
        if after is None:
            break
        # what is added meanwhile belongs to no later page
        added(connection, number, kind="note", text="later", at=begin.isoformat())
    assert seen == [*map(str, range(5000)), "open"]


def test_a_role_that_may_not_read_an_event_learns_nothing(connection: Connection, town: dict[str, int]) -> None:
    number, gas = opened(connection), happened(connection)
    connection.execute(update(layer).where(layer.c.id == "events").values(visibility="admin"))
    with pytest.raises(CimError, match="no event"):
        added(connection, number, kind="event", ref=gas)
