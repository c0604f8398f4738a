"""Drains by the owner's SWMM model: the engine's own results, another rain, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from pyswmm import Links, Nodes, Simulation, SystemStats
from sqlalchemy import Engine, update

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from cim.settings import Settings
from cim.tables import pipe_node
from layers.networks.not_available import NotAvailable
from layers.sources.inp_original import original_path, read_original
from layers.water.asked import Rain
from layers.water.drainage import DrainageRequest, drainage, parse_drainage
from layers.water.drainage_model import runnable

ADMIN = Caller("admin")
MODEL = "swmm_state_plane.inp"
#: Where the feet of its coordinates lie on earth at all; its own system is not said in the file.
CRS = "EPSG:2264"
FOOT_M = 0.3048
#: Cubic metres a second of a million US gallons a day.
MGD = 3785.411784 / 86400
NET = """[OPTIONS]
FLOW_UNITS CMS
FLOW_ROUTING DYNWAVE
START_DATE 01/01/2020
START_TIME 00:00:00
END_DATE 01/01/2020
END_TIME 02:00:00
ROUTING_STEP 5
TEMPDIR "/somewhere"
[RAINGAGES]
G INTENSITY 0:05 1.0 TIMESERIES S
[SUBCATCHMENTS]
C G J 2 100 200 1 0
[SUBAREAS]
C 0.01 0.1 0 0 100 OUTLET
[INFILTRATION]
C 3 0.5 4 7 0
[JUNCTIONS]
J 10 1 0 0 0
K 9.8 2 0 0 0
[OUTFALLS]
O 9.5 FREE NO
[CONDUITS]
P J K 40 0.013 0 0
Q K O 60 0.013 0 0
[XSECTIONS]
P CIRCULAR 0.2 0 0 0 1
Q CIRCULAR 0.5 0 0 0 1
[TIMESERIES]
S 0:00 0
[COORDINATES]
J 522000 2511000
K 522040 2511000
O 522100 2511000
"""


@pytest.fixture
def drains(take: Any, shared_data: Path) -> Path:
    """A real model in feet, imported."""
    report = take(shared_data / "pipes" / MODEL, crs=CRS)
    assert report.status == "imported", report.error
    return shared_data / "pipes" / MODEL


@pytest.fixture
def small(take: Any, tmp_path: Path) -> Path:
    """Two pipes below one roof of two hectares."""
    path = tmp_path / "small.inp"
    path.write_text(NET)
    assert take(path, crs="EPSG:4547").status == "imported"
    return path


def run(engine: Engine, settings: Settings, body: Any, caller: Caller = ADMIN) -> dict[str, Any]:
    with engine.connect() as connection:
        return drainage(connection, settings.files, parse_drainage("drainage", body), caller)


def direct(folder: Path, text: str) -> dict[str, Any]:
    """Return what the engine says by pyswmm's own way: statistics of nodes and links in the model's units."""
    (folder / "direct.inp").write_text(text)
    with Simulation(str(folder / "direct.inp")) as simulation:
        for _ in simulation:
            pass
        return {
            "nodes": {node.nodeid: dict(node.statistics) for node in Nodes(simulation)},
            "links": {link.linkid: dict(link.conduit_statistics) for link in Links(simulation) if link.is_conduit()},
            "routing": dict(SystemStats(simulation).routing_stats),
            "runoff": dict(SystemStats(simulation).runoff_stats),
        }


def test_the_answer_is_what_the_engine_says(drains: Path, engine: Engine, settings: Settings, tmp_path: Path) -> None:
    body = {"rain": {"mm": 80, "hours": 2}}
    answer = run(engine, settings, body)
    assert (answer["state"], answer["simulated_hours"]) == ("computed", pytest.approx(8.0, abs=0.01))
    text = runnable(drains.read_text(), Rain(80, 2))
    own = direct(tmp_path, text)
    flooded = {
        name: said
        for name, said in own["nodes"].items()
        if said["flooding_volume"] > 0 or said["flooding_duration"] > 0
    }
    features = answer["nodes"]["features"]["features"]
    assert len(flooded) >= 4
    assert {feature["properties"]["source_key"] for feature in features} == set(flooded)
    for feature in features:
        told, said = feature["properties"], flooded[feature["properties"]["source_key"]]
        assert told["volume_m3"] == pytest.approx(said["flooding_volume"] * FOOT_M**3, rel=1e-6)
        assert told["hours"] == pytest.approx(said["flooding_duration"], rel=1e-6)
        assert told["peak_depth_m"] == pytest.approx(said["max_depth"] * FOOT_M, rel=1e-6)
        assert told["peak_rate_m3_s"] == pytest.approx(said["peak_flooding_rate"] * MGD, rel=1e-6)
        assert feature["geometry"]["type"] == "Point"
    assert answer["nodes"]["volume_m3"] == pytest.approx(
        sum(said["flooding_volume"] for said in flooded.values()) * FOOT_M**3, abs=1e-3
    )
    full = {name: said for name, said in own["links"].items() if said["time_surcharged"] > 0}
    pipes = {feature["properties"]["source_key"]: feature["properties"] for feature in
             answer["pipes"]["features"]["features"]}  # fmt: skip
    assert len(full) > 5
    assert set(pipes) == set(full)
    for name, told in pipes.items():
        assert told["surcharged_hours"] == pytest.approx(full[name]["time_surcharged"], rel=1e-6)
        assert told["peak_flow_m3_s"] == pytest.approx(full[name]["peak_flow"] * MGD, rel=1e-6)
        assert told["peak_velocity_m_s"] == pytest.approx(full[name]["peak_velocity"] * FOOT_M, rel=1e-6)
    assert answer["continuity"]["routing"] == pytest.approx(own["routing"]["routing_error"], abs=1e-3)
    assert answer["receipt"]["hash"].startswith("sha256:")
    assert [entry["name"] for entry in answer["receipt"]["datasets"]] == [MODEL]
    # its own rain is lighter
    calm = run(engine, settings, {})
    assert (calm["nodes"]["flooded"], calm["rain"], calm["nodes"]["count"]) == (0, None, len(own["nodes"]))


@pytest.mark.parametrize("hours", [0.5, 0.77])
def test_the_rain_that_falls_is_the_rain_that_was_asked_for(
    small: Path, engine: Engine, settings: Settings, tmp_path: Path, hours: float
) -> None:
    text = runnable(NET, Rain(60, hours))
    own = direct(tmp_path, text)
    # millimetres over the two hectares
    assert own["runoff"]["rainfall"] == pytest.approx(60, rel=1e-6)
    answer = run(engine, settings, {"rain": {"mm": 60, "hours": hours}})
    [node] = answer["nodes"]["features"]["features"]
    assert node["properties"]["source_key"] == "J"
    assert node["properties"]["volume_m3"] == pytest.approx(own["nodes"]["J"]["flooding_volume"], rel=1e-6)
    # all of it runs off, 1200 m3: it floods, or the pipe carries it
    carried = own["routing"]["outflow"]
    assert node["properties"]["volume_m3"] + carried == pytest.approx(1200, rel=0.03)
    assert answer["simulated_hours"] == pytest.approx(hours + 6, abs=0.01)


def test_a_model_that_names_other_files_is_refused() -> None:
    for section, line in (
        ("FILES", 'SAVE OUTFLOWS "/tmp/out.txt"'),
        ("RAINGAGES", 'H INTENSITY 1:00 1.0 FILE "rain.dat" STA MM'),
        ("TIMESERIES", 'T FILE "/etc/passwd"'),
        ("TEMPERATURE", 'FILE "climate.dat"'),
        ("LID_USAGE", "C L 1 10 5 0 10 0 report.txt"),
    ):
        with pytest.raises(NotAvailable, match=rf"\[{section}\]"):
            runnable(f"{NET}[{section}]\n{line}\n", None)
    # a gauge that reads a file reads the design rain instead
    assert "rain.dat" not in runnable(f'{NET}[RAINGAGES]\nH INTENSITY 1:00 1.0 FILE "rain.dat" STA MM\n', Rain(10, 1))
    assert "/somewhere" not in runnable(NET, None)
    assert "THREADS" not in runnable(f"{NET}[OPTIONS]\nTHREADS 4\n", None)
    with pytest.raises(NotAvailable, match="no subcatchments"):
        runnable(NET.replace("C G J 2 100 200 1 0", ""), Rain(10, 1))
    with pytest.raises(NotAvailable, match="START_DATE"):
        runnable(NET.replace("START_DATE 01/01/2020", "START_DATE 02/30/2020"), Rain(10, 1))


def test_what_cannot_be_computed_is_told(
    small: Path, take: Any, engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    with engine.begin() as connection:
        checksum = bytes(connection.exec_driver_sql("select checksum from cim.dataset").scalar_one())
    assert read_original(settings.files, checksum) == NET.encode()
    broken = tmp_path / "broken.inp"
    broken.write_text(NET.replace("Q CIRCULAR 0.5", "Q CIRCULAR -1").replace("522", "532"))
    assert take(broken, crs="EPSG:4547").status == "imported"
    with pytest.raises(InvalidInput, match="several SWMM models"):
        run(engine, settings, {})
    with engine.connect() as connection:
        ids = dict(map(tuple, connection.exec_driver_sql("select name, id from cim.dataset").all()))
    answer = run(engine, settings, {"dataset": ids["broken.inp"]})
    assert answer["state"] == "not_available"
    assert "ERROR" in answer["reason"]
    assert str(settings.home) not in json.dumps(answer)
    assert run(engine, settings, {"dataset": 10**6})["state"] == "not_available"
    original_path(settings.files, checksum).unlink()
    answer = run(engine, settings, {"dataset": ids["small.inp"]})
    assert ("not kept" in answer["reason"], "again" in answer["remedy"]) == (True, True)
    # what it says is the remedy: nothing is written anew, and it can be run
    tried = take(small, crs="EPSG:4547", dry_run=True)
    assert (tried.status, read_original(settings.files, checksum)) == ("unchanged", None)
    again = take(small, crs="EPSG:4547")
    assert (again.status, [one.code for one in again.notes]) == ("unchanged", ["original_kept"])
    assert take(small, crs="EPSG:4547").notes == []
    assert run(engine, settings, {"dataset": ids["small.inp"]})["state"] == "computed"
    with engine.connect() as connection, pytest.raises(NotFound, match="no network 'steam'"):
        drainage(connection, settings.files, DrainageRequest("steam"), ADMIN)


def test_files_of_versions_that_are_no_more_are_removed(small: Path, take: Any, settings: Settings) -> None:
    folder = settings.files / "inp"
    [first] = folder.iterdir()
    small.write_text(NET.replace("Q CIRCULAR 0.5", "Q CIRCULAR 0.6"))
    assert take(small, crs="EPSG:4547").status == "imported"
    # it may belong to an import that has not ended
    assert len(list(folder.iterdir())) == 2
    for path in folder.iterdir():
        os.utime(path, (0, 0))
    left = folder / ".part-of a killed import"
    left.write_bytes(b"")
    assert take(small, crs="EPSG:4547").status == "unchanged"
    [second, part] = sorted(folder.iterdir(), key=lambda path: path == left)
    assert (second != first, part) == (True, left)


def test_a_key_of_an_area_sees_its_own_nodes(small: Path, engine: Engine, settings: Settings) -> None:
    with engine.begin() as connection:
        connection.execute(update(pipe_node).where(pipe_node.c.source_key == "J").values(area_code="440307001"))
    body = {"rain": {"mm": 60, "hours": 0.5}}
    assert run(engine, settings, body)["nodes"]["flooded"] == 1
    other = run(engine, settings, body, Caller("commander", "440305"))["nodes"]
    assert (other["flooded"], other["elsewhere"], other["volume_m3"]) == (0, 1, 0)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ([], "object"),
        ({"storm": 3}, "'storm'"),
        ({"rain": {"mm": 80, "hours": 2, "runoff": 0.5}}, "'runoff'"),
        ({"rain": {"mm": 80}}, "hours"),
        ({"dataset": "x"}, "dataset"),
        ({"limit": 0}, "limit"),
    ],
)
def test_bad_requests_say_what_would_be_right(body: Any, word: str) -> None:
    with pytest.raises(InvalidInput, match=word):
        parse_drainage("drainage", body)
