"""Reports of the same event are joined, with reasons, and can be parted."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from pyproj import Geod
from sqlalchemy import Connection, select, text

from cim.access import Caller
from cim.errors import Conflict, Forbidden, InvalidInput
from cim.tables import event
from layers.live.events.duplicates import join, part
from layers.live.events.incoming import Incoming, read_incoming
from layers.live.events.intake import take_in
from layers.live.events.log import read_log
from layers.live.events.states import OPEN_STATES, advance
from layers.live.events.types import by_word, read_types, type_of
from layers.sql import statement
from tests.layers.events_town import NOON, at, build_town, said

ADMIN = Caller("admin")
GEOD = Geod(ellps="GRS80")


@pytest.fixture
def town(connection: Connection) -> dict[str, int]:
    return build_town(connection)


def report(key: str, x: float, y: float, kind: str, minutes: float = 0, **more: Any) -> Incoming:
    lon, lat = at(x, y)
    when = (NOON + timedelta(minutes=minutes)).isoformat()
    return read_incoming(
        {"source": f"s{key}", "source_key": key, "type": kind, "longitude": lon, "latitude": lat, "occurred_at": when}
        | more
    )


def row(connection: Connection, number: int) -> Any:
    return connection.execute(select(event).where(event.c.id == number)).one()


def minutes_given(connection: Connection, number: int) -> float:
    found = row(connection, number)
    return (found.due_at - found.state_since).total_seconds() / 60


def test_smoke_seen_and_smoke_sensed_are_one_fire(connection: Connection, town: dict[str, int]) -> None:
    first, second, third, other = take_in(
        connection,
        [
            report("1", -50, -50, "烟火识别", severity=3),
            report("2", -20, -50, "烟雾报警", 5),
            report("3", -20, -20, "火灾报警", 12),
            report("4", -20, -50, "噪声扰民", 5),
        ],
        actor="test",
    )
    assert [each.status for each in (first, second, third, other)] == ["created", "merged", "merged", "created"]
    assert second.merged_into_id == third.merged_into_id == first.id
    # the whole is as bad as its worst part
    assert row(connection, first.id).severity == 1
    assert minutes_given(connection, first.id) == 5
    reason = read_log(connection, second.id)[-1]["detail"]
    assert (reason["into"], reason["minutes"]) == (first.id, 5)
    assert reason["distance_m"] == pytest.approx(30, abs=0.2)
    # parts are not handled by themselves
    with pytest.raises(Conflict, match="is a part of"):
        advance(connection, second.id, "file", ADMIN, actor="a")
    part(connection, second.id, ADMIN, actor="a", note="两起")
    part(connection, third.id, ADMIN, actor="a", note=None)
    assert row(connection, first.id).severity == 3
    assert minutes_given(connection, first.id) == 60
    assert row(connection, second.id).merged_into_id is None
    with pytest.raises(Conflict, match="no part"):
        part(connection, second.id, ADMIN, actor="a", note=None)
    join(connection, second.id, third.id, ADMIN, actor="a", note="同一起")
    assert row(connection, second.id).merged_into_id == third.id
    # whoever is joined takes its parts along
    join(connection, third.id, first.id, ADMIN, actor="a", note=None)
    assert row(connection, second.id).merged_into_id == first.id
    with pytest.raises(InvalidInput):
        join(connection, first.id, first.id, ADMIN, actor="a", note=None)
    with pytest.raises(Conflict, match="already"):
        join(connection, other.id, second.id, ADMIN, actor="a", note=None)
    with pytest.raises(Forbidden):
        join(connection, other.id, first.id, Caller("viewer"), actor="a", note=None)


def test_storeys_of_a_house_and_closed_events_are_apart(connection: Connection, town: dict[str, int]) -> None:
    low, high, again = take_in(
        connection,
        [
            report("1", 110, 110, "烟雾报警", storey_number=2),
            report("2", 111, 110, "烟雾报警", 1, storey_number=9),
            report("3", 112, 110, "烟火识别", 2),
        ],
        actor="test",
    )
    assert [each.merged_into_id for each in (low, high, again)] == [None, None, low.id]
    advance(connection, high.id, "close", ADMIN, actor="a", note="误报")
    [later] = take_in(connection, [report("4", 111, 110, "烟雾报警", 3, storey_number=9)], actor="test")
    assert later.status == "created"


def test_joined_are_just_those_near_in_kind_place_and_time(connection: Connection, town: dict[str, int]) -> None:
    """400 reports, against pairs compared one by one."""
    random = np.random.default_rng(8)
    kinds = ["路面积水", "爆管", "井盖破损", "井盖倾斜", "噪声扰民", "咨询"]
    reports = [
        report(str(n), *random.uniform(-700, 700, 2), str(random.choice(kinds)), float(random.uniform(0, 900)))
        for n in range(400)
    ]
    taken = take_in(connection, reports, actor="test")
    words = by_word(read_types(connection))
    into: dict[int, int | None] = {}
    for n, one in enumerate(reports):
        kind = type_of(words, one.type)
        best: tuple[Any, int] | None = None
        for m in range(n):
            other = reports[m]
            if type_of(words, other.type).merge_group != kind.merge_group:
                continue
            apart = GEOD.inv(one.longitude, one.latitude, other.longitude, other.latitude)[2]
            assert one.occurred_at is not None
            assert other.occurred_at is not None
            minutes = abs((one.occurred_at - other.occurred_at).total_seconds()) / 60
            if apart <= kind.merge_distance_m and minutes <= kind.merge_minutes:
                found = (other.occurred_at, m)
                best = found if best is None or found < best else best
        into[n] = None if best is None else best[1]
    for n, target in into.items():
        while target is not None and into[target] is not None:
            target = into[target]
        assert taken[n].merged_into_id == (None if target is None else taken[target].id), n
    assert 20 < sum(each.status == "merged" for each in taken) < 380
    assert said("x").source == "网格"


def test_the_statement_and_its_index_hold_just_the_open_states(connection: Connection) -> None:
    predicate = connection.execute(
        text(
            "select pg_get_expr(indpred, indrelid) from pg_index where indexrelid = 'cim.event_open_geom_idx'::regclass"
        )
    ).scalar_one()
    assert set(re.findall(r"'(\w+)'", predicate)) == set(OPEN_STATES)
    said = str(statement("event_duplicates"))
    (listed,) = re.findall(r"state IN \((.*?)\)", said)
    assert set(re.findall(r"'(\w+)'", listed)) == set(OPEN_STATES)
    # the index is one that the statement can use: nothing else is left to find the others by
    connection.execute(text("set local enable_seqscan = off"))
    connection.execute(text("drop index cim.event_geom_idx"))
    plan = connection.execute(text(f"explain {said}"), {"ids": [1]}).scalars()
    assert any("event_open_geom_idx" in line for line in plan)
