"""Conflicts: ranked, listed, settled by a person, remembered on the next import, reopened by other values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from cim.access import Caller
from cim.errors import Forbidden, InvalidInput, NotFound
from cim.settings import Settings
from layers.buildings.conflicts import ConflictsQuery, list_conflicts, reopen_conflict, settle_conflict
from layers.buildings.small_cells import hide_small_cells
from tests.layers.test_merge import FOOTPRINT, MODEL, REGISTER, City, house

PLANNER, VIEWER = Caller("planner"), Caller("viewer")
FILES = Path("nothing-here")


@pytest.fixture
def city(connection: Connection, settings: Settings) -> City:
    """A tower that footprint, model and register describe differently."""
    made = City(connection, settings)
    made.deliver("footprints", "footprint", [FOOTPRINT])
    made.deliver("tower.ifc", "ifc", [MODEL])
    made.deliver("register", "register", [changed(REGISTER, unit_count=120, residents=3, use="住宅")])
    return made


def changed(source: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return source | {"fields": source["fields"] | fields}


def listed(city: City, caller: Caller = PLANNER, **options: Any) -> list[dict[str, Any]]:
    return list(list_conflicts(city.connection, ConflictsQuery(**options), caller)["conflicts"])


def one(city: City, field: str, **options: Any) -> dict[str, Any]:
    (found,) = listed(city, field=field, **options)
    return found


def test_the_worst_comes_first_and_says_who_says_what(city: City) -> None:
    found = listed(city)
    severities = [entry["severity"] for entry in found]
    assert severities == sorted(severities, reverse=True)
    by_field = {entry["field"]: entry for entry in found}
    assert {"storeys_above", "height_m", "name", "use"} <= set(by_field)
    # (61 - 54) / 61 and (20 - 18) / 20, by hand
    assert by_field["height_m"]["severity"] == pytest.approx(0.1148, abs=1e-4)
    assert by_field["storeys_above"]["severity"] == pytest.approx(0.1)
    height = by_field["height_m"]
    assert {(value["kind"], value["dataset"], value["value"]) for value in height["values"]} == {
        ("footprint", "footprints", 54.0),
        ("ifc", "tower.ifc", 61.0),
    }
    assert (height["chosen"], height["status"], height["settled"]) == (61.0, "open", None)
    assert height["building"] == {"code": FOOTPRINT["code"], "name": "龙岗中心大厦"}


def test_outlines_of_other_size_are_a_conflict_too(city: City) -> None:
    assert "footprint_area_m2" not in {entry["field"] for entry in listed(city)}  # 162 of 200 m2 is within a quarter
    city.deliver("tower.ifc", "ifc", [MODEL | {"geom": house(1, 1, 14, 8)}])
    found = one(city, "footprint_area_m2")
    sizes = sorted(value["value"] for value in found["values"])
    assert sizes == [pytest.approx(112, rel=0.01), pytest.approx(200, rel=0.01)]
    assert "footprint_area_m2" not in city.buildings()[0]["provenance"]


def test_pages_follow_one_another_without_gap(city: City) -> None:
    whole = [entry["id"] for entry in listed(city)]
    paged, cursor = [], None
    while True:
        page = list_conflicts(city.connection, ConflictsQuery(limit=2, cursor=cursor), PLANNER)
        paged += [entry["id"] for entry in page["conflicts"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert paged == whole
    assert len(whole) > 3


def test_a_decision_changes_the_record_and_is_remembered(city: City) -> None:
    conflict = one(city, "storeys_above")
    footprint = next(value for value in conflict["values"] if value["kind"] == "footprint")
    settled = settle_conflict(
        city.connection, conflict["id"], PLANNER, by="李工", files=FILES, source_id=footprint["source_id"]
    )
    assert (settled["chosen"], settled["status"], settled["settled"]["by"]) == (18, "settled", "李工")
    (building,) = city.buildings()
    assert (building["storeys_above"], building["provenance"]["storeys_above"]["rule"]) == (18, "settled")
    assert listed(city, field="storeys_above") == []
    # imported again, with another thing changed: the decision stands
    city.deliver("tower.ifc", "ifc", [changed(MODEL, height_m=62.0)])
    assert (city.buildings()[0]["storeys_above"], city.buildings()[0]["height_m"]) == (18, 62.0)
    assert one(city, "storeys_above", status="settled")["settled"]["value"] == 18
    # another value is claimed: a person must look again
    city.deliver("tower.ifc", "ifc", [changed(MODEL, storeys_above=21)])
    assert city.buildings()[0]["storeys_above"] == 21
    assert one(city, "storeys_above")["status"] == "open"


def test_a_person_may_know_better_than_all_sources_and_take_it_back(city: City) -> None:
    conflict = one(city, "height_m")
    settle_conflict(city.connection, conflict["id"], PLANNER, by="survey", files=FILES, value=58.5)
    assert city.buildings()[0]["height_m"] == 58.5
    assert reopen_conflict(city.connection, conflict["id"], PLANNER, FILES)["status"] == "open"
    assert city.buildings()[0]["height_m"] == 61.0
    name = one(city, "name")
    settle_conflict(city.connection, name["id"], PLANNER, by="x", files=FILES, value=" 中心大厦 ")
    assert city.buildings()[0]["name"] == "中心大厦"


def test_only_the_one_building_is_touched_and_its_layer_told(city: City) -> None:
    city.deliver("others", "footprint", [{"key": f"o{n}", "geom": house(100 + 30 * n, 0)} for n in range(3)])
    version = "select version from cim.layer where id = 'buildings'"
    (before,) = city.rows(version)
    rows = {row["id"]: row["xmin"] for row in city.rows("select xmin, id from cim.building")}
    city.connection.commit()
    settle_conflict(city.connection, one(city, "height_m")["id"], PLANNER, by="x", files=FILES, value=58.5)
    after = {row["id"]: row["xmin"] for row in city.rows("select xmin, id from cim.building")}
    assert sum(after[number] != xmin for number, xmin in rows.items()) == 1
    assert city.rows(version)[0]["version"] == before["version"] + 1
    # what was believed before is still known
    (past,) = city.rows("select record from cim.object_history where table_name = 'building'")
    assert past["record"]["height_m"] == 61.0


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("storeys_above", 18.5, "whole number"),
        ("storeys_above", "18", "whole number"),
        ("storeys_above", 10**6, "whole number"),
        ("height_m", float("inf"), "number"),
        ("height_m", None, "number"),
        ("height_m", True, "number"),
        ("name", "", "text"),
        ("name", "x" * 1000, "text"),
    ],
)
def test_a_value_that_the_field_cannot_hold_is_refused(city: City, field: str, value: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        settle_conflict(city.connection, one(city, field)["id"], PLANNER, by="x", files=FILES, value=value)
    assert one(city, field)["status"] == "open"


def test_wrong_questions_are_named(city: City) -> None:
    conflict = one(city, "height_m")
    with pytest.raises(InvalidInput, match="says nothing"):
        settle_conflict(city.connection, conflict["id"], PLANNER, by="x", files=FILES, source_id=10**9)
    with pytest.raises(NotFound, match="99999"):
        settle_conflict(city.connection, 99999, PLANNER, by="x", files=FILES, value=1)
    with pytest.raises(Forbidden, match="viewer"):
        settle_conflict(city.connection, conflict["id"], VIEWER, by="x", files=FILES, value=1)
    elsewhere = Caller("planner", "440399")
    assert listed(city, caller=elsewhere) == []
    with pytest.raises(NotFound):
        settle_conflict(city.connection, conflict["id"], elsewhere, by="x", files=FILES, value=1)
    for options in ({"field": "colour"}, {"status": "maybe"}, {"limit": 0}, {"cursor": "abc"}):
        with pytest.raises(InvalidInput):
            listed(city, **options)


def test_small_counts_are_not_told_by_conflicts(city: City) -> None:
    city.deliver("register2", "register", [changed(REGISTER, residents=400) | {"key": "q"}])
    seen = {caller: one_of(city, caller) for caller in (VIEWER, Caller("commander"))}
    assert sorted(map(str, seen[VIEWER])) == ["400", "None"]
    assert sorted(seen[Caller("commander")]) == [3, 400]


def one_of(city: City, caller: Caller) -> list[Any]:
    (found,) = listed(city, caller=caller, field="residents")
    return [value["value"] for value in found["values"]]


@pytest.mark.parametrize(
    ("cells", "expected", "total"),
    [
        ({"a": 40, "b": 10}, {"a": 40, "b": 10}, 50),
        ({"a": 2, "b": 1}, {"a": None, "b": None}, None),
        ({"a": 40, "b": 2}, {"a": None, "b": None}, 42),
        ({"a": 40, "b": 10, "c": 2}, {"a": 40, "b": None, "c": None}, 52),
        ({"a": 40, "b": 3, "c": 4}, {"a": 40, "b": None, "c": None}, 47),
        ({"a": 40, "b": 1, "c": 2}, {"a": None, "b": None, "c": None}, 43),
        ({"a": 3}, {"a": None}, None),
        ({"a": 7, "b": 0}, {"a": 7, "b": 0}, 7),
        ({}, {}, 0),
    ],
)
def test_hidden_cells_cannot_be_computed(
    cells: dict[str, int], expected: dict[str, int | None], total: int | None
) -> None:
    shown, whole = hide_small_cells(cells)
    assert (shown, whole) == (expected, total)
    hidden = [cells[name] for name, value in shown.items() if value is None]
    if hidden and whole is not None:
        # all that can be found by subtraction is their sum, which is not small and of several
        assert whole - sum(value for value in shown.values() if value is not None) == sum(hidden) >= 5
        assert len(hidden) > 1
