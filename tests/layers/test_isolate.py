"""Isolations of hand-made grids with known answers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from shapely import LineString
from sqlalchemy import Connection, Engine, insert, select

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from cim.provenance import touch_layers
from cim.tables import pipe_node, resource, unit_tally
from layers.networks.conflicts import conflicts, parse_starts
from layers.networks.consequences import Hydraulics
from layers.networks.isolate import IsolateRequest, isolate
from tests.layers.laid_networks import build, lay, place
from tests.layers.test_trace import at, write

ADMIN = Caller("admin")

#: A ring behind a valve: S - A - B, and B - C - D, B - E - F - G - D around. A, C, E and G are valves.
RING: dict[str, tuple[Any, ...]] = {
    "S": (0, 0, "plant"), "A": (100, 0, "valve", {"state": "open"}), "B": (200, 0, "tee"),
    "C": (300, 0, "valve", {"state": "open"}), "D": (400, 0, "hydrant"), "E": (200, 100, "valve"),
    "F": (200, 200, "tee"), "G": (400, 200, "valve"),
}  # fmt: skip
PIPES: list[tuple[Any, ...]] = [
    ("SA", "S", "A"), ("AB", "A", "B"), ("BC", "B", "C"), ("CD", "C", "D"), ("BE", "B", "E"), ("EF", "E", "F"),
    ("FG", "F", "G"), ("GD", "G", "D"),
]  # fmt: skip
#: A second source beyond the ring.
TWO = RING | {"T": (500, 0, "reservoir")}
TWO_PIPES = [*PIPES, ("TD", "T", "D")]


def ask_for(connection: Connection, origin: str, *unusable: str, network: str = "water", **options: Any) -> Any:
    return isolate(connection, IsolateRequest(network, origin, unusable, **options), ADMIN)


def keys(entries: Iterable[dict[str, Any]]) -> set[str]:
    return {entry["source_key"] for entry in entries}


def test_a_burst_is_shut_off_and_what_lies_beyond_is_in_its_shadow(engine: Engine) -> None:
    with engine.begin() as connection:
        lay(connection, "water", RING, PIPES)
        answer = ask_for(connection, "pipe:BC")
    assert keys(answer["valves"]) == {"A", "C", "E"}
    assert {entry["action"] for entry in answer["valves"]} == {"close"}
    assert not any(entry["is_next_out"] for entry in answer["valves"])
    assert keys(answer["isolated"]["pipes"]) == {"AB", "BC", "BE"}
    assert keys(answer["isolated"]["nodes"]) == {"B"}
    assert answer["isolated"]["totals"]["length_m"] == pytest.approx(300, abs=0.02)
    # 300 m of 200 mm: pi / 4 * 0.04 * 300
    assert answer["isolated"]["totals"]["volume_m3"] == pytest.approx(9.4248, abs=0.001)
    assert keys(answer["shadow"]["pipes"]) == {"CD", "EF", "FG", "GD"}
    assert keys(answer["shadow"]["hydrants"]) == {"D"}
    assert answer["sources"] == {"known": 1, "inside": 0, "to_shut": []}
    assert not answer["is_whole_part"]
    # From the middle of BC: 50 m to C, 150 m to A.
    away = {entry["source_key"]: entry["distance_m"] for entry in answer["valves"]}
    assert away["C"] == pytest.approx(50, abs=0.02)
    assert away["A"] == pytest.approx(150, abs=0.02)


def test_a_second_source_leaves_no_shadow(engine: Engine) -> None:
    with engine.begin() as connection:
        lay(connection, "water", TWO, TWO_PIPES)
        answer = ask_for(connection, "pipe:BC")
        alone = ask_for(connection, "pipe:BC", without=("T",))
    assert keys(answer["valves"]) == {"A", "C", "E"}
    assert answer["shadow"]["totals"]["pipes"] == 0
    # With T out of service the far side has no source left, and T's pipe none.
    assert keys(alone["shadow"]["pipes"]) == {"CD", "EF", "FG", "GD", "TD"}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [({"state": "故障"}, "broken"), ({"attributes": {"可操作": "否"}}, "inaccessible"), ({}, "named")],
)
def test_the_next_valve_out_stands_in_for_one_that_fails(engine: Engine, changed: dict[str, Any], reason: str) -> None:
    nodes = TWO | {"C": (300, 0, "valve", {"state": "open"} | changed)}
    with engine.begin() as connection:
        lay(connection, "water", nodes, TWO_PIPES)
        answer = ask_for(connection, "pipe:BC", *(["C"] if reason == "named" else []))
    assert [(entry["source_key"], entry["reason"]) for entry in answer["failed"]] == [("C", reason)]
    assert {entry["source_key"]: entry["is_next_out"] for entry in answer["valves"]} == {
        "A": False, "E": False, "G": True
    }  # fmt: skip
    assert keys(answer["isolated"]["pipes"]) == {"AB", "BC", "BE", "CD", "GD", "TD"}
    assert keys(answer["isolated"]["nodes"]) == {"B", "C", "D", "T"}
    # T lies inside now: it must be shut itself, and what only it fed is dark.
    assert keys(answer["sources"]["to_shut"]) == {"T"}
    assert keys(answer["shadow"]["pipes"]) == {"EF", "FG"}


def test_a_closed_valve_is_kept_closed_and_feeds_nothing(engine: Engine) -> None:
    nodes = TWO | {"C": (300, 0, "valve", {"state": "closed"})}
    with engine.begin() as connection:
        lay(connection, "water", nodes, TWO_PIPES)
        answer = ask_for(connection, "pipe:BC")
        untrusted = ask_for(connection, "pipe:BC", "key:C")
    assert {entry["source_key"]: entry["action"] for entry in answer["valves"]} == {
        "A": "close", "C": "keep_closed", "E": "close"
    }  # fmt: skip
    assert answer["failed"] == []
    # Whoever says that a closed valve does not hold is believed.
    assert keys(untrusted["valves"]) == {"A", "E", "G"}


def test_a_valve_that_breaks_itself_holds_neither_side(engine: Engine) -> None:
    with engine.begin() as connection:
        lay(connection, "water", TWO, TWO_PIPES)
        answer = ask_for(connection, "C")
    assert keys(answer["valves"]) == {"A", "E", "G"}
    assert keys(answer["isolated"]["nodes"]) == {"B", "C", "D", "T"}
    assert answer["failed"] == []


def test_a_loop_without_valves_is_isolated_whole_and_its_sources_shut(engine: Engine) -> None:
    nodes = {
        name: (x, y, "tee") for name, (x, y) in {"A": (0, 0), "B": (100, 0), "C": (100, 100), "D": (0, 100)}.items()
    }
    with engine.begin() as connection:
        lay(connection, "gas", nodes | {"S": (-100, 0, "gate_station")},
            [("AB", "A", "B"), ("BC", "B", "C"), ("CD", "C", "D"), ("DA", "D", "A"), ("SA", "S", "A")])  # fmt: skip
        answer = ask_for(connection, "pipe:BC", network="gas")
    assert answer["valves"] == []
    assert answer["is_whole_part"]
    assert keys(answer["isolated"]["pipes"]) == {"AB", "BC", "CD", "DA", "SA"}
    assert keys(answer["sources"]["to_shut"]) == {"S"}
    assert {note["code"]: note.get("values") for note in answer["receipt"]["notes"]}["no_valves"] == {"sources": 1}


def test_valves_side_by_side_and_at_dead_ends(engine: Engine) -> None:
    """S - V - W - B - X(valve at a dead end); V and W are valves with a short pipe, then a valve that is a pipe."""
    nodes = {"S": (0, 0, "plant"), "V": (100, 0, "valve"), "W": (101, 0, "valve"), "B": (200, 0, "tee"),
             "X": (300, 0, "valve")}  # fmt: skip
    pipes = [("SV", "S", "V"), ("VW", "V", "W", {"kind": "valve"}), ("WB", "W", "B"), ("BX", "B", "X")]
    with engine.begin() as connection:
        lay(connection, "water", nodes, pipes)
        answer = ask_for(connection, "pipe:WB")
        second = ask_for(connection, "pipe:WB", "W")
        third = ask_for(connection, "pipe:WB", "W", "VW")
    assert keys(answer["valves"]) == {"W"}
    # The valve at the dead end lies inside: to shut it helps nobody.
    assert keys(answer["isolated"]["nodes"]) == {"B", "X"}
    assert keys(second["valves"]) == {"VW"}
    assert keys(third["valves"]) == {"V"}
    assert keys(third["failed"]) == {"W", "VW"}


def test_a_sewer_is_plugged_at_manholes_and_backs_up(engine: Engine) -> None:
    nodes = {"M1": (0, 0, "manhole"), "M2": (100, 0, "manhole"), "M3": (200, 0, "manhole"), "N": (100, 100, "manhole"),
             "O": (300, 0, "outfall")}  # fmt: skip
    pipes = [("P1", "M1", "M2"), ("P2", "M2", "M3"), ("P3", "M3", "O"), ("Q", "N", "M2")]
    with engine.begin() as connection:
        lay(connection, "sewer", nodes, pipes)
        answer = ask_for(connection, "pipe:P2", network="sewer")
    assert {entry["source_key"]: entry["action"] for entry in answer["valves"]} == {"M2": "plug", "M3": "plug"}
    assert keys(answer["isolated"]["pipes"]) == {"P2"}
    # What is above backs up; what is below still drains.
    assert keys(answer["shadow"]["pipes"]) == {"P1", "Q"}


def test_who_is_cut_off_is_counted(engine: Engine) -> None:
    with engine.begin() as connection:
        lay(connection, "water", RING, PIPES)
        one = build(
            connection, "H1", 250, 20, {"water": "BC"}, storeys_above=12, storeys_below=2, residents=40, use="住宅"
        )
        two = build(connection, "H2", 350, 20, {"water": "CD"}, storeys_above=30, residents=3, use="医院", unit_count=7)
        build(connection, "H3", 50, 20, {"water": "SA"}, storeys_above=99, residents=1000)
        connection.execute(insert(unit_tally).values(building_id=one, layer_id="units", units=24))
        at = "SRID=4490;POINT({} {})".format(*place(350, 29))
        connection.execute(
            insert(resource).values(layer_id="resources", source_key="R1", name="龙岗医院", kind="医院", geom=at)
        )
        touch_layers(connection, ["resources"], "test", None)
        answer = ask_for(connection, "pipe:BC")
        few = isolate(connection, IsolateRequest("water", "pipe:BC"), Caller("viewer"))
    assert {entry["code"]: entry["part"] for entry in answer["buildings"]} == {"H1": "isolated", "H2": "shadow"}
    assert answer["cut_off"] | {"by_rule": None} == {
        "buildings": 2, "units": 31, "storeys": 44, "highest_storey": 30, "residents": 43, "households": None,
        "hospitals": 1, "critical": {"医院": 1}, "by_rule": None,
        "ranges": {"residents": {"low": 43, "high": 43, "known_in": 2, "of": 2},
                   "households": {"low": 0, "high": None, "known_in": 0, "of": 2}},
    }  # fmt: skip
    [hospital] = answer["critical"]
    assert (hospital["name"], hospital["building_id"], hospital["part"]) == ("龙岗医院", two, "shadow")
    # Three persons in one building are not told to everybody.
    assert few["cut_off"]["residents"] == 40
    assert few["cut_off"]["ranges"]["residents"] == {"low": 40, "high": 80, "known_in": 1, "of": 2}
    assert "small_counts" in {note["code"] for note in few["receipt"]["notes"]}


def test_a_house_beside_the_half_that_holds_keeps_its_water(take: Any, engine: Engine, tmp_path: Path) -> None:
    """A valve drawn on the middle of one pipe divides whom the pipe serves."""

    path = tmp_path / "water.gpkg"

    write(
        path,
        "管线",
        {"管线编码": ["P1"], "起点编码": ["A"], "终点编码": ["B"], "管径": [200]},
        [LineString([at(0), at(200)])],
    )
    write(path, "管点", {"管点编码": ["A", "V", "B"], "类型": ["水厂", "阀门", "三通"], "状态": ["", "开", ""]},
          [at(0), at(100), at(200)])  # fmt: skip
    take(path)
    with engine.begin() as connection:
        row = connection.execute(
            select(pipe_node.c.geom.ST_X(), pipe_node.c.geom.ST_Y()).where(pipe_node.c.source_key == "V")
        ).one()
        for key, shift in (("near", -0.0005), ("far", 0.0005)):
            # some 50 m west and east of the valve
            connection.exec_driver_sql(
                "WITH b AS (INSERT INTO cim.building (layer_id, source_key, code, geom) VALUES ('buildings', %(key)s,"
                " %(key)s, ST_Multi(ST_Buffer(ST_SetSRID(ST_MakePoint(%(x)s, %(y)s), 4490), 0.00002))) RETURNING id)"
                " INSERT INTO cim.building_service (building_id, network, pipe_id, rule, distance_m)"
                " SELECT b.id, 'water', p.id, 'nearest', 1 FROM b, cim.pipe p WHERE p.source_key = 'P1'",
                {"key": key, "x": row[0] + shift, "y": row[1] + 0.0001},
            )
        touch_layers(connection, ["buildings"], "test", None)
        answer = ask_for(connection, "B")
    assert keys(answer["valves"]) == {"V"}
    assert [entry["code"] for entry in answer["buildings"]] == ["far"]
    [half] = answer["isolated"]["pipes"]
    assert half["parts"] == [[pytest.approx(0.5, abs=1e-4), 1.0]]


def test_places_snap_to_the_nearest_pipe_and_say_how_far(engine: Engine) -> None:
    with engine.begin() as connection:
        lay(connection, "water", RING, PIPES)
        longitude, latitude = place(250, 30)
        answer = ask_for(connection, f"{longitude},{latitude}")
        with pytest.raises(NotFound, match=r"nearest pipe 'BC' \(id \d+\) is 5\d\.\d m away, and 50 m is the most"):
            ask_for(connection, "{},{}".format(*place(250, -55)))
        with pytest.raises(NotFound, match="is off the network"):
            ask_for(connection, "0,0")
    assert (answer["from"]["source_key"], answer["from"]["layer"]) == ("BC", "pipes")
    assert answer["from"]["distance_m"] == pytest.approx(30, abs=0.05)
    assert answer["from"]["fraction"] == pytest.approx(0.5, abs=0.001)
    assert answer["from"]["tolerance_m"] == 50


def test_bad_requests_are_told_what_is_right_and_change_nothing(engine: Engine, ask: Any) -> None:
    with engine.begin() as connection:
        lay(connection, "water", RING | {"BC": (200, 300, "tee"), "Z": (900, 900, "tee")}, [*PIPES, ("FX", "F", "BC")])
    before = ask("select version from layer order by id")
    wrong = [
        (("water", "BC"), InvalidInput, r"say one of id:\d+ \(node BC\), id:\d+ \(pipe BC\)"),
        (("water", "Z"), NotFound, "nothing to isolate"),
        (("water", "nobody"), NotFound, "no node and no pipe 'nobody'"),
        (("water", "200,100"), InvalidInput, "longitude first"),
        (("steam", "A"), NotFound, "there are: water"),
        (("water", "A", ("B",)), NotFound, "no valve or other shutter 'B'"),
        (("water", "A", (), ("A",)), NotFound, "no source 'A'"),
        (("water", "A", ("C",) * 201), InvalidInput, "200 are the most"),
        (("water", "A", (), (), 0), InvalidInput, "limit"),
    ]
    with engine.connect() as connection:
        for values, error, words in wrong:
            with pytest.raises(error, match=words):
                isolate(connection, IsolateRequest(*values), ADMIN)
        for form in ("node:BC", "pipe:BC"):
            assert isolate(connection, IsolateRequest("water", form), ADMIN)["from"]["source_key"] == "BC"
    assert ask("select version from layer order by id") == before


def test_the_receipt_can_be_compared(engine: Engine) -> None:
    with engine.begin() as connection:
        lay(connection, "water", RING, PIPES)
        first, again, other = (ask_for(connection, "pipe:BC", *names) for names in ((), (), ("C",)))
    assert first["receipt"]["hash"] == again["receipt"]["hash"] != other["receipt"]["hash"]
    assert set(first["receipt"]["layers"]) == {"pipes", "pipe_nodes", "buildings", "units", "resources"}


# Two isolations at one time


def test_a_house_between_two_isolations_is_cut_off_only_by_both(engine: Engine) -> None:
    """S feeds a ring S - V1 - A - V2 - M - V3 - B - V4 - S; M keeps a source as long as one side is open."""
    nodes = {
        "S": (0, 0, "plant"), "V1": (100, 0, "valve"), "A": (200, 0, "tee"), "V2": (300, 0, "valve"),
        "M": (300, 100, "tee"), "V3": (300, 200, "valve"), "B": (200, 200, "tee"), "V4": (100, 200, "valve"),
    }  # fmt: skip
    pipes = [("1", "S", "V1"), ("2", "V1", "A"), ("3", "A", "V2"), ("4", "V2", "M"), ("5", "M", "V3"), ("6", "V3", "B"),
             ("7", "B", "V4"), ("8", "V4", "S")]  # fmt: skip
    with engine.begin() as connection:
        lay(connection, "water", nodes, pipes)
        build(connection, "H", 320, 100, {"water": "4"})
        build(connection, "K", 220, 20, {"water": "3"})
        starts = parse_starts("water", {"starts": [{"from": "A"}, {"from": "B"}]})
        answer = conflicts(connection, starts, ADMIN)
    assert [keys(entry["valves"]) for entry in answer["isolations"]] == [{"V1", "V2"}, {"V3", "V4"}]
    assert [entry["shadow"]["pipes"] for entry in answer["isolations"]] == [0, 0]
    assert keys(answer["only_together"]["pipes"]) == {"4", "5"}
    assert [entry["code"] for entry in answer["only_together"]["buildings"]] == ["H"]
    # Each shuts the valves by which the other's houses are fed.
    assert {(e["source_key"], e["shut_by"], e["wanted_open_by"]) for e in answer["valves"]} == {
        ("V1", 0, 1), ("V2", 0, 1), ("V3", 1, 0), ("V4", 1, 0)
    }  # fmt: skip


@pytest.mark.parametrize(
    "document", [None, [], {}, {"starts": [{"from": "A"}]}, {"starts": [{"from": 1}, {"from": "A"}]},
                 {"starts": [{"from": "A", "unusable": "V1"}, {"from": "B"}]}, {"starts": [{}] * 11},
                 {"starts": [{"from": "A"}, {"from": "B"}], "limit": "9"}],
)  # fmt: skip
def test_starts_that_are_none_are_refused(document: Any) -> None:
    with pytest.raises(InvalidInput, match=r"starts|limit"):
        parse_starts("water", document)


def test_a_network_without_demands_says_what_is_missing(engine: Engine) -> None:
    with engine.begin() as connection:
        lay(connection, "water", RING, PIPES)
        answer = ask_for(connection, "pipe:BC", hydraulics=Hydraulics())
    assert answer["hydraulics"]["state"] == "not_available"
    assert "demand" in answer["hydraulics"]["reason"]
    assert "INP" in answer["hydraulics"]["remedy"]


def test_volumes_are_of_pipes_with_a_diameter(engine: Engine) -> None:
    pipes = [("SA", "S", "A"), ("AB", "A", "B", {"diameter_mm": 500.0}), ("BC", "B", "C", {"diameter_mm": None})]
    with engine.begin() as connection:
        lay(connection, "water", RING, pipes)
        totals = ask_for(connection, "pipe:AB")["isolated"]["totals"]
    assert totals["pipes_without_diameter"] == 1
    assert totals["volume_m3"] == pytest.approx(100 * math.pi / 4 * 0.25, abs=0.01)
