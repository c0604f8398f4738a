"""What stops next: hand-made networks with known answers, and fire cover against brute force in PostGIS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, insert

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from cim.provenance import touch_layers
from cim.tables import resource
from district.make import make_town
from district.pipes import WATER, make_pressure_network, network_layers
from district.scales import SCALES
from layers.networks.cascade import CascadeRequest, cascade
from layers.networks.fire_cover import lost_cover
from layers.networks.segments import network_plan
from tests.layers.laid_networks import build, lay, place

ADMIN = Caller("admin")

#: A substation feeds two feeders behind switches.
POWER = {
    "SUB": (0, 1000, "substation"), "W1": (100, 1000, "switch"), "F1": (500, 1000, "cabinet"),
    "W2": (0, 1100, "switch"), "F2": (0, 1500, "cabinet"),
}  # fmt: skip
CABLES = [("L1", "SUB", "W1", {"diameter_mm": None}), ("L2", "W1", "F1", {"diameter_mm": None}),
          ("L3", "SUB", "W2", {"diameter_mm": None}), ("L4", "W2", "F2", {"diameter_mm": None})]  # fmt: skip
#: A reservoir; a pump lifts to the upper zone, where a hydrant and a hospital are.
WATERS: dict[str, tuple[Any, ...]] = {
    "R": (0, 0, "reservoir"), "LOW": (200, 0, "hydrant"),
    "PU": (300, 0, "pump", {"attributes": {"powered_by": "F1"}}), "UP": (600, 0, "hydrant"), "END": (700, 0, "cap"),
}  # fmt: skip
MAINS = [("M1", "R", "LOW"), ("M2", "LOW", "PU"), ("M3", "PU", "UP"), ("M4", "UP", "END")]
#: Manholes lead to a pump, which lifts to the outfall; it stands in a building that L2 feeds.
SEWER: dict[str, tuple[Any, ...]] = {
    "H1": (1000, 500, "manhole"), "H2": (1100, 500, "manhole"), "SP": (1200, 500, "pump"),
    "OUT": (1300, 500, "outfall"), "O2": (1000, 700, "outfall"), "H3": (1100, 700, "manhole"),
}  # fmt: skip
DRAINS = [("D1", "H1", "H2"), ("D2", "H2", "SP"), ("D3", "SP", "OUT"), ("D4", "H3", "O2")]


def lay_all(connection: Connection) -> None:
    lay(connection, "power", POWER, CABLES)
    lay(connection, "water", WATERS, MAINS)
    lay(connection, "sewer", SEWER, DRAINS)
    build(connection, "PUMPHOUSE", 1200, 500, {"power": "L2"})
    build(connection, "HOSPITAL", 620, 30, {"water": "M3", "power": "L4"}, use="医院", storeys_above=9)
    build(connection, "COVERED", 320, 60, {"water": "M2"})
    at = "SRID=4490;POINT({} {})".format(*place(620, 30))
    connection.execute(
        insert(resource).values(layer_id="resources", source_key="Y", name="龙岗医院", kind="医院", geom=at)
    )
    touch_layers(connection, ["resources"], "test", None)


def steps(answer: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(step["network"], step["what"], step["count"]) for step in answer["steps"]]


def found(answer: dict[str, Any], network: str, what: str) -> dict[str, Any]:
    [step] = [step for step in answer["steps"] if (step["network"], step["what"]) == (network, what)]
    return step


def keys(step: dict[str, Any]) -> set[str]:
    return {entry.get("source_key") or entry.get("code") for entry in step["objects"]}


@pytest.mark.parametrize("request_", [{"valves": ("W1",)}, {"origin": "F1"}], ids=["switched off", "broken"])
def test_a_feeder_takes_pumps_with_it_and_they_a_zone_and_a_sewer(engine: Engine, request_: dict[str, Any]) -> None:
    with engine.begin() as connection:
        lay_all(connection)
        answer = cascade(connection, CascadeRequest("power", **request_), ADMIN)
    pump, lift = found(answer, "water", "facilities_stop"), found(answer, "sewer", "facilities_stop")
    assert (keys(pump), pump["links"]) == ({"PU"}, ["declared"])
    assert (keys(lift), lift["links"]) == ({"SP"}, ["building"])
    assert "buildings" in lift["rests_on"]
    assert "code" in lift["objects"][0]["because"]
    # The upper zone has no pressure: its hydrant, the hospital; what lies before the pump is supplied still.
    assert keys(found(answer, "water", "zone_without_supply")) == {"PU", "UP", "END"}
    assert keys(found(answer, "water", "hydrants")) == {"UP"}
    assert [entry["name"] for entry in found(answer, "water", "hospitals")["objects"]] == ["龙岗医院"]
    # The hospital has power by another feeder.
    assert not [step for step in answer["steps"] if (step["network"], step["what"]) == ("power", "hospitals")]
    # UP covered HOSPITAL (30 m); COVERED is 117 m from LOW, which works.
    assert keys(found(answer, "water", "fire_cover")) == {"HOSPITAL"}
    # What lies above the lifting pump backs up; the other outfall is not touched.
    assert keys(found(answer, "sewer", "backs_up")) == {"H1", "H2", "SP"}
    # Every later wave names an earlier one.
    waves = {step["round"]: step["after"] for step in answer["steps"]}
    assert waves[0] is None
    assert all(waves[after] is None for after in waves.values() if after is not None)
    assert [step["step"] for step in answer["steps"]] == list(range(len(answer["steps"])))


def test_a_burst_that_reaches_no_other_network_ends_there(engine: Engine) -> None:
    with engine.begin() as connection:
        lay_all(connection)
        answer = cascade(connection, CascadeRequest("water", "pipe:M4"), ADMIN)
    assert {step["network"] for step in answer["steps"]} == {"water"}
    # There is no valve: all of it is isolated.
    assert answer["out"][0]["pipes"] == 4


def test_without_a_network_of_power_nothing_is_guessed(engine: Engine) -> None:
    with engine.begin() as connection:
        lay(connection, "water", WATERS, MAINS)
        answer = cascade(connection, CascadeRequest("water", "pipe:M4"), ADMIN)
    [water] = answer["links"]
    # PU names F1, which is nowhere.
    assert water == {"network": "water", "facilities": 1, "declared": 0, "by_building": 0, "unlinked": 1,
                     "unknown_keys": 1, "state": "no_data"}  # fmt: skip
    assert "no_power" in {note["code"] for note in answer["receipt"]["notes"]}


def test_how_many_facilities_are_linked_is_told(engine: Engine) -> None:
    with engine.begin() as connection:
        lay_all(connection)
        answer = cascade(connection, CascadeRequest("power", valves=("W2",)), ADMIN)
    told = {entry["network"]: (entry["declared"], entry["by_building"], entry["unlinked"]) for entry in answer["links"]}
    assert told == {"power": (0, 0, 0), "water": (1, 0, 0), "sewer": (0, 1, 0)}
    # W2 feeds the hospital and no pump.
    assert {step["network"] for step in answer["steps"]} == {"power"}
    assert found(answer, "power", "hospitals")["count"] == 1


def test_a_pump_with_two_feeders_stops_with_the_second(engine: Engine) -> None:
    waters = WATERS | {"PU": (300, 0, "pump", {"attributes": {"powered_by": "F1,F2"}})}
    with engine.begin() as connection:
        lay(connection, "power", POWER, CABLES)
        lay(connection, "water", waters, MAINS)
        one = cascade(connection, CascadeRequest("power", valves=("W1",)), ADMIN)
        both = cascade(connection, CascadeRequest("power", valves=("W1", "W2")), ADMIN)
    assert {step["network"] for step in one["steps"]} == {"power"}
    assert keys(found(both, "water", "facilities_stop")) == {"PU"}


def test_networks_that_need_each_other_come_to_an_end(engine: Engine) -> None:
    """A generator burns gas, a compressor of the gas network runs on its power: both stop, once."""
    power = {"GEN": (0, 1000, "generator", {"attributes": {"depends_on": "gas/K2"}}), "P1": (100, 1000, "cabinet"),
             "P2": (200, 1000, "cabinet")}  # fmt: skip
    gas = {"CITY": (0, 0, "gate_station"), "V": (50, 0, "valve"), "K1": (100, 0, "booster",
           {"attributes": {"powered_by": "P2"}}), "K2": (200, 0, "tee")}  # fmt: skip
    with engine.begin() as connection:
        lay(connection, "power", power, [("1", "GEN", "P1"), ("2", "P1", "P2")])
        lay(connection, "gas", gas, [("A", "CITY", "V"), ("B", "V", "K1"), ("C", "K1", "K2")])
        answer = cascade(connection, CascadeRequest("gas", valves=("V",)), ADMIN)
        other = cascade(connection, CascadeRequest("power", "pipe:2"), ADMIN)
    assert keys(found(answer, "power", "facilities_stop")) == {"GEN"}
    assert {entry["network"]: entry["nodes"] for entry in answer["out"]} == {"gas": 2, "power": 3}
    # Power first, and then the gas that the generator burns.
    assert keys(found(other, "gas", "facilities_stop")) == {"K1"}
    assert {entry["network"]: entry["nodes"] for entry in other["out"]} == {"gas": 2, "power": 3}


def test_bad_requests(engine: Engine) -> None:
    with engine.begin() as connection:
        lay(connection, "water", WATERS, MAINS)
        for values, error, words in (
            ({}, InvalidInput, "either from"),
            ({"origin": "R", "valves": ("R",)}, InvalidInput, "either from"),
            ({"valves": ("R",)}, NotFound, "no valve or other shutter 'R'"),
            ({"origin": "R", "limit": 0}, InvalidInput, "limit"),
        ):
            with pytest.raises(error, match=words):
                cascade(connection, CascadeRequest("water", **values), ADMIN)
        with pytest.raises(NotFound, match="there are: water"):
            cascade(connection, CascadeRequest("steam", "R"), ADMIN)


@pytest.mark.slow
def test_fire_cover_equals_brute_force(take: Any, engine: Engine, tmp_path: Path) -> None:
    """Distances on the ellipsoid, of every building to every hydrant, by PostGIS."""
    town = make_town(SCALES["sample"], 7)
    made = make_pressure_network(town.plan, town.roads, WATER)
    path = tmp_path / "water_supply.gpkg"
    for name, frame in network_layers(town.plan, made).items():
        frame.to_file(path, layer=name, engine="pyogrio", mode="a" if path.exists() else "w")
    take(path)
    with engine.begin() as connection:
        plan = network_plan(connection, "water")
        hydrants = plan.graph.node_ids[plan.devices.is_hydrant]
        random = np.random.default_rng(4)
        # Houses around hydrants, at random distances up to 300 m.
        places = connection.exec_driver_sql(
            "SELECT ST_X(geom), ST_Y(geom) FROM cim.pipe_node WHERE id = ANY(%s)",
            (random.choice(hydrants, 150).tolist(),),
        ).all()
        for number, (longitude, latitude) in enumerate(places):
            dx, dy = random.uniform(-0.0027, 0.0027, 2).tolist()
            connection.exec_driver_sql(
                "INSERT INTO cim.building (layer_id, source_key, geom) SELECT 'buildings', %s,"
                " ST_Multi(ST_Expand(ST_SetSRID(ST_MakePoint(%s, %s), 4490), 0.00005))",
                (f"B{number}", longitude + dx, latitude + dy),
            )
        dead = random.choice(hydrants, len(hydrants) // 2, replace=False)
        working = np.setdiff1d(hydrants, dead)
        ours = {row.id for row in lost_cover(connection, "water", working, dead, ADMIN)}
        reached = (
            "SELECT DISTINCT b.id FROM cim.building b JOIN cim.pipe_node n ON n.id = ANY(%s)"
            " AND ST_Distance(geography(b.geom), geography(ST_Force2D(n.geom))) <= 150"
        )
        had, has = ({row[0] for row in connection.exec_driver_sql(reached, (ids.tolist(),))} for ids in (dead, working))
    assert ours == had - has
    assert 5 < len(ours) < 150
