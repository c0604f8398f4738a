"""What comes back from the field: each entry once, what both changed kept twice until somebody settles it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from sqlalchemy import Connection, Engine, func, select, text

from cim.access import Caller
from cim.errors import Conflict, Forbidden, InvalidInput, NotFound
from cim.tables import incident_additions, incident_conflict, incident_entry, zone_log
from layers.incidents.additions import FORMAT, parse_additions
from layers.incidents.conflicts import list_conflicts, settle_conflict
from layers.incidents.incident import change_incident, close_incident, read_incident
from layers.incidents.merge_back import find_by_uuid, merge_additions
from layers.incidents.replay import replay
from layers.incidents.wish import parse_change
from layers.zones.log import verify
from layers.zones.wish import parse_wish
from layers.zones.zones import change_zone, create_zone, drop_zone, read_zone
from tests.layers.events_town import at, build_town
from tests.layers.test_incidents import LEADER, added, opened, told, zoned
from tests.layers.test_zones import drawn


@pytest.fixture
def town(connection: Connection) -> dict[str, int]:
    return build_town(connection)


def note(text: str, **more: Any) -> dict[str, Any]:
    return {"uuid": str(uuid4()), "kind": "note", "text": text} | more


def changed(of: str, base: dict[str, Any], values: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"uuid": str(uuid4()), "of": of, "base": base, "values": values} | more


def file(connection: Connection, number: int, *entries: Any, changes: Any = ()) -> dict[str, Any]:
    uuid = read_incident(connection, number, LEADER)["uuid"]
    return {"format": FORMAT, "incident": uuid, "by": "前线", "entries": list(entries), "changes": list(changes)}


def merged(connection: Connection, number: int, body: dict[str, Any], caller: Caller = LEADER) -> dict[str, Any]:
    return merge_additions(connection, number, parse_additions(body), caller)


def counts(connection: Connection) -> list[int]:
    tables = (incident_entry, incident_conflict, incident_additions, zone_log)
    return [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]


def test_notes_come_back_once(connection: Connection, town: dict[str, int]) -> None:
    number = opened(connection)
    first = note("消防到场", position=list(at(5, 5)), at="2026-03-01T08:00:00+08:00")
    body = file(connection, number, first, note("二", by="李四", corrects=first["uuid"]))
    report = merged(connection, number, body)
    assert (report["status"], report["entries"]) == ("merged", {"new": 2, "known": 0})
    before = counts(connection), told(connection, number)
    again = merged(connection, number, orjson.loads(orjson.dumps(body)))
    assert (again["status"], again["entries"]) == ("known", {"new": 0, "known": 2})
    # a later file holds the earlier entries as well
    assert (counts(connection), told(connection, number)) == before
    later = merged(connection, number, body | {"entries": [*body["entries"], note("三")]})
    assert later["entries"] == {"new": 1, "known": 2}
    entries = told(connection, number)
    assert entries[0]["at"] == "2026-03-01T00:00:00+00:00"
    assert [one["origin"] for one in entries if one["kind"] == "note"] == ["additions"] * 3
    assert entries[0]["corrected_by"] != []
    close_incident(connection, number, LEADER, by="张三")
    assert merged(connection, number, file(connection, number, note("晚到")))["status"] == "merged"


def test_what_only_the_field_changed_is_taken(connection: Connection, town: dict[str, int]) -> None:
    number, zone = opened(connection, note="旧"), zoned(connection)
    added(connection, number, kind="zone", ref=zone["id"])
    change_incident(connection, number, parse_change({"by": "李四", "version": 1, "kind": "爆炸"}), LEADER)
    larger = drawn(-120, -120, 120, 120)
    body = file(connection, number, changes=[
        changed("incident", {"note": "旧", "name": "坪翔二街燃气泄漏"}, {"note": "新", "name": "坪翔二街燃气泄漏"}),
        changed("zone", {"geometry": zone["geometry"], "note": None}, {"geometry": larger, "note": "扩大"},
                ref=zone["id"]),
    ])  # fmt: skip
    report = merged(connection, number, body)
    assert (report["changes"], report["conflicts"]) == ({"new": 2, "known": 0}, [])
    found = read_incident(connection, number, LEADER)
    assert (found["note"], found["kind"], found["version"]) == ("新", "爆炸", 3)
    shown = read_zone(connection, zone["id"], LEADER)
    assert (shown["properties"]["note"], shown["properties"]["name"]) == ("扩大", "封控区")
    assert shown["properties"]["version"] == 2
    assert shown["properties"]["area_m2"] == pytest.approx(240 * 240, rel=1e-2)
    assert verify(connection).broken is None
    before = counts(connection)
    assert merged(connection, number, body)["status"] == "known"
    assert counts(connection) == before


def test_what_both_changed_is_shown_and_settled(connection: Connection, town: dict[str, int]) -> None:
    number, zone = opened(connection), zoned(connection)
    added(connection, number, kind="zone", ref=zone["id"])
    ours, theirs = drawn(-60, -60, 60, 60), drawn(-140, -140, 140, 140)
    wish = {"name": "封控区", "by": "王五", "geometry": ours, "version": 1}
    change_zone(connection, zone["id"], parse_wish(wish, is_new=False), LEADER)
    change_incident(connection, number, parse_change({"by": "李四", "version": 1, "name": "我们的"}), LEADER)
    body = file(connection, number, changes=[
        changed("zone", {"geometry": zone["geometry"], "kind": "drawn"}, {"geometry": theirs, "kind": "sealed"},
                ref=zone["id"]),
        changed("incident", {"name": "坪翔二街燃气泄漏", "note": None}, {"name": "他们的", "note": "加"}),
    ])  # fmt: skip
    report = merged(connection, number, body)
    assert len(report["conflicts"]) == 2
    # what nobody else had touched is taken, the rest stands as it was and is kept
    assert read_zone(connection, zone["id"], LEADER)["properties"]["kind"] == "sealed"
    assert read_incident(connection, number, LEADER)["note"] == "加"
    assert read_incident(connection, number, LEADER)["name"] == "我们的"
    of_zone, of_incident = list_conflicts(connection, number, LEADER)
    assert (of_zone["subject"], of_zone["ref"], list(of_zone["theirs"])) == ("zone", str(zone["id"]), ["geometry"])
    assert of_zone["theirs"]["geometry"] == theirs
    assert of_zone["ours"]["geometry"] == read_zone(connection, zone["id"], LEADER)["geometry"]
    assert (of_incident["ours"]["name"], of_incident["theirs"]) == ("我们的", {"name": "他们的"})
    assert [one["text"] for one in told(connection, number) if one["origin"] == "additions"] == ["conflict"] * 2
    assert replay(connection, number, LEADER)["conflicts"] == 2
    before = counts(connection)
    assert merged(connection, number, body)["status"] == "known"
    assert counts(connection) == before

    done = settle_conflict(connection, number, of_zone["id"], "theirs", LEADER, by="张三")
    assert (done["state"], done["choice"], done["settled_by"]) == ("settled", "theirs", "张三")
    assert read_zone(connection, zone["id"], LEADER)["properties"]["area_m2"] == pytest.approx(280 * 280, rel=1e-2)
    settle_conflict(connection, number, of_incident["id"], "ours", LEADER, by="张三")
    assert read_incident(connection, number, LEADER)["name"] == "我们的"
    assert list_conflicts(connection, number, LEADER, state="open") == []
    assert [one["text"] for one in told(connection, number)][-1] == f"settled {of_incident['id']}: ours"
    with pytest.raises(Conflict, match="was settled by 张三"):
        settle_conflict(connection, number, of_zone["id"], "ours", LEADER, by="张三")
    with pytest.raises(NotFound):
        settle_conflict(connection, number, 999999, "ours", LEADER, by="张三")
    with pytest.raises(InvalidInput, match="ours, theirs"):
        settle_conflict(connection, number, of_zone["id"], "mine", LEADER, by="张三")


def test_nobodys_work_is_lost(connection: Connection, town: dict[str, int]) -> None:
    number, zone = opened(connection), zoned(connection)
    added(connection, number, kind="zone", ref=zone["id"])
    first = note("一")
    merged(connection, number, file(connection, number, first))
    # the same entry says something else now
    report = merged(connection, number, file(connection, number, first | {"text": "二"}))
    [found] = report["conflicts"]
    [conflict] = list_conflicts(connection, number, LEADER)
    assert (conflict["subject"], conflict["ours"]["text"], conflict["theirs"]["text"]) == ("entry", "一", "二")
    settle_conflict(connection, number, found, "theirs", LEADER, by="张三")
    [right] = [one for one in told(connection, number) if one["text"] == "二"]
    assert (right["corrects"], right["by"]) == (first["uuid"], "前线")
    # a zone that is gone, things that are unknown here, a clock that is wrong
    drop_zone(connection, zone["id"], LEADER, by="王五")
    body = file(
        connection, number, note("将来", at="2999-01-01T00:00:00Z"), note("", kind="event", ref="999999"),
        note("更正", corrects=str(uuid4())),
        changes=[changed("zone", {"name": "封控区"}, {"name": "管控区"}, ref=zone["id"]),
                 changed("incident", {"position": list(at(100, 100))}, {"position": list(at(-100, -100))})],
    )  # fmt: skip
    caller = Caller("commander", "440307001002004")
    report = merged(connection, number, body, caller)
    assert report["entries"]["new"] == 3
    # neither a zone that is gone nor a place of another area can be written; both are kept
    subjects = [one["subject"] for one in list_conflicts(connection, number, LEADER, state="open")]
    assert subjects == ["zone", "incident"]
    assert "outside of" in list_conflicts(connection, number, LEADER)[-1]["ours"]["refused"]
    texts = {one["text"]: one["snapshot"] for one in told(connection, number)}
    assert "将来 [2999-01-01T00:00:00Z]" in texts
    assert "corrects_unknown" in texts["更正"]
    assert {"missing": True} in [one["snapshot"] for one in told(connection, number) if one["kind"] == "event"]


def test_who_may_merge(connection: Connection, town: dict[str, int]) -> None:
    number, other = opened(connection), opened(connection)
    body = file(connection, number, note("一"))
    for role in ("viewer", "service", "planner"):
        with pytest.raises(Forbidden):
            merged(connection, number, body, Caller(role))  # type: ignore[arg-type]
        with pytest.raises(Forbidden):
            list_conflicts(connection, number, Caller(role))  # type: ignore[arg-type]
    elsewhere = Caller("commander", "440307001001")
    with pytest.raises(NotFound):
        merged(connection, number, body, elsewhere)
    with pytest.raises(NotFound):
        find_by_uuid(connection, parse_additions(body).incident, elsewhere)
    assert find_by_uuid(connection, parse_additions(body).incident, LEADER) == number
    with pytest.raises(Conflict, match="belong to the incident"):
        merged(connection, other, body)


def test_conflicts_of_another_area_stay_unseen(connection: Connection, town: dict[str, int]) -> None:
    number = opened(connection, position=None)  # everybody's
    wish = parse_wish({"name": "北区", "by": "张三", "geometry": drawn(50, 50, 200, 200)})
    zone = create_zone(connection, wish, LEADER)
    added(connection, number, kind="zone", ref=zone["id"])
    body = file(connection, number, changes=[changed("zone", {"name": "旧"}, {"name": "南区"}, ref=zone["id"])])
    [found] = merged(connection, number, body)["conflicts"]
    inside, outside = Caller("commander", "440307001002"), Caller("commander", "440307001001")
    assert [one["id"] for one in list_conflicts(connection, number, inside)] == [found]
    assert list_conflicts(connection, number, outside) == []
    for choice in ("ours", "theirs"):
        with pytest.raises(NotFound):
            settle_conflict(connection, number, found, choice, outside, by="李四")
    assert settle_conflict(connection, number, found, "theirs", inside, by="李四")["choice"] == "theirs"
    assert read_zone(connection, zone["id"], LEADER)["properties"]["name"] == "南区"


UUID = "0b8f8f3e-5c1c-4a43-9c39-0d7f3c1d2e4f"
GOOD = {"format": FORMAT, "incident": UUID, "by": "a"}
NOTE = {"uuid": UUID, "kind": "note", "text": "a"}
NAMED = {"uuid": UUID, "of": "incident", "base": {"name": "a"}, "values": {"name": "b"}}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ([], "not an object"),
        (GOOD | {"format": "x"}, "is right"),
        ({"format": FORMAT}, "are missing"),
        (GOOD | {"entries": {}, "more": 1}, "unknown field"),
        (GOOD | {"entries": [NOTE] * 5001}, "at most 5000"),
        (GOOD | {"entries": ["a"]}, r"entries\[0\]: an entry is an object"),
        (GOOD | {"entries": [{"kind": "note", "text": "a"}]}, "uuid is missing"),
        (GOOD | {"entries": [NOTE, NOTE]}, "same uuid"),
        (GOOD | {"entries": [NOTE | {"text": "a\0"}]}, "text of at most"),
        (GOOD | {"entries": [NOTE | {"text": "a" * 4001}]}, "at most 4000"),
        (GOOD | {"entries": [NOTE | {"kind": "state"}]}, "use one of"),
        (GOOD | {"changes": [NAMED | {"base": {}}]}, "base lacks name"),
        (GOOD | {"changes": [NAMED | {"of": "road"}]}, "'incident' or 'zone'"),
        (GOOD | {"changes": [NAMED | {"values": {"state": "open"}, "base": {"state": "open"}}]}, "unknown field"),
        (GOOD | {"changes": [NAMED | {"of": "zone", "ref": "x"}]}, "id of the zone"),
        (
            GOOD | {"changes": [NAMED | {"of": "zone", "ref": 1, "base": {"geometry": None},
                                         "values": {"geometry": {"type": "Point", "coordinates": [0, 0]}}}]},
            "Polygon",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_whole(body: Any, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        parse_additions(body)


def outcome(connection: Connection, number: int, zone_id: int) -> Any:
    """Return what came of a merge, without ids and moments."""
    entries = [(one["kind"], one["origin"], one["text"], one["by"]) for one in told(connection, number)]
    uuids = [one["uuid"] for one in told(connection, number) if one["origin"] == "additions"]
    conflicts = [{name: one[name] for name in ("subject", "ref", "author", "base", "ours", "theirs")}
                 for one in list_conflicts(connection, number, LEADER)]  # fmt: skip
    zone = {**read_zone(connection, zone_id, LEADER)["properties"], "recorded_at": None}
    return sorted(entries, key=str), sorted(uuids), conflicts, zone, read_incident(connection, number, LEADER)


def wait_until_stopped(engine: Engine, process: subprocess.Popen[bytes]) -> None:
    """Wait until a merge has written what it has to and stands before its last statement."""
    waiting = (
        "SELECT bool_or(backend_xid IS NOT NULL) FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock' AND query LIKE 'INSERT INTO cim.incident_additions%'"
    )
    deadline = time.monotonic() + 60
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not connection.execute(text(waiting)).scalar():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_merge_killed_in_its_midst_leaves_nothing_and_is_done_again(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    with engine.begin() as connection:
        number, zone = opened(connection), zoned(connection)
        added(connection, number, kind="zone", ref=zone["id"])
        notes = [note(str(n), position=list(at(n, n)), at="2026-03-01T08:00:00+08:00") for n in range(50)]
        body = file(connection, number, *notes, changes=[
            changed("zone", {"name": "封控区"}, {"name": "管控区"}, ref=zone["id"]),
            changed("incident", {"name": "旧", "note": None}, {"name": "他们的", "note": "加"}),
        ])  # fmt: skip
    additions = tmp_path / "additions.json"
    additions.write_bytes(orjson.dumps(body))
    with engine.connect() as connection:
        before = outcome(connection, number, zone["id"]), counts(connection)
        report = merged(connection, number, body)
        undisturbed = outcome(connection, number, zone["id"]), counts(connection)
        connection.rollback()
    assert len(report["conflicts"]) == 1
    environment = os.environ | {"CIM_DATABASE_URL": database_url, "CIM_HOME": str(tmp_path)}
    words = [sys.executable, "-m", "cim", "incidents", "merge", str(additions)]
    with engine.connect() as door, subprocess.Popen(words, env=environment, stderr=subprocess.PIPE) as process:
        door.execute(text("LOCK TABLE cim.incident_additions IN SHARE MODE"))
        try:
            wait_until_stopped(engine, process)
        finally:
            process.kill()
        assert process.wait(10) == -signal.SIGKILL
    with engine.begin() as connection:
        # waits for what the killed one still holds
        connection.execute(text("LOCK TABLE cim.incident_additions, cim.incident_entry, cim.zone_log"))
        assert (outcome(connection, number, zone["id"]), counts(connection)) == before
        assert merged(connection, number, body)["entries"]["new"] == 50
        assert (outcome(connection, number, zone["id"]), counts(connection)) == undisturbed
        assert merged(connection, number, body)["status"] == "known"
