"""Segments, valve sets and pressures equal those of WNTR on its example networks, read through our importer."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, update

from cim.access import Caller
from cim.importing import ImportContext, ImportOptions, import_paths
from cim.provenance import touch_layers
from cim.tables import pipe, pipe_node
from layers.networks.consequences import Hydraulics, hydraulic_consequences, pressures
from layers.networks.hydraulic_model import read_parts
from layers.networks.isolate import IsolateRequest, Worked, isolate, work_out
from layers.networks.segments import network_plan
from layers.networks.supply import closed_today
from layers.sources.inp import InpImporter
from tests.layers.laid_networks import lay, names_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import wntr

ADMIN = Caller("admin")
PLANE = "+proj=aeqd +lat_0=35 +lon_0=33 +ellps=WGS84 +units=m +type=crs"
LAYERS = [
    ("Net1", "strategic", 1, 1), ("Net2", "strategic", 2, 2), ("Net2", "random", 12, 3), ("Net3", "strategic", 2, 4),
    ("Net3", "random", 30, 5), ("ky4", "random", 250, 6), ("ky4", "strategic", 2, 7), ("ky10", "random", 200, 8),
]  # fmt: skip


def with_valves(
    name: str, manner: str, count: int, seed: int, folder: Path = Path(wntr.__file__).parent / "library" / "networks"
) -> tuple[Any, Any, Any]:
    """Return a model, a valve layer on it, and the same model with these valves as links."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = folder / f"{name}.inp"
        plain, model = wntr.network.WaterNetworkModel(str(path)), wntr.network.WaterNetworkModel(str(path))
        layer = wntr.network.generate_valve_layer(plain, manner, count, seed).drop_duplicates().reset_index(drop=True)
    for _, line in model.pipes():
        # A closed pipe holds like a valve; WNTR's segments do not know of it.
        line.initial_status = wntr.network.LinkStatus.Open
    for number, row in layer.iterrows():
        link, node = model.get_link(row["link"]), model.get_node(row["node"])
        other = link.end_node if link.start_node_name == row["node"] else link.start_node
        xy = [a + 0.05 * (b - a) for a, b in zip(node.coordinates, other.coordinates, strict=True)]
        model.add_junction(f"VN{number}", elevation=getattr(node, "elevation", 0.0), coordinates=tuple(xy))
        if link.start_node_name == row["node"]:
            link.start_node = model.get_node(f"VN{number}")
        else:
            link.end_node = model.get_node(f"VN{number}")
        model.add_valve(f"VV{number}", row["node"], f"VN{number}", diameter=0.3, valve_type="TCV", initial_setting=0.0)
    return plain, layer, model


def take_model(engine: Engine, settings: Any, model: Any, path: Path) -> None:
    wntr.network.write_inpfile(model, str(path), units=model.options.hydraulic.inpfile_units)
    context = ImportContext(ImportOptions(crs=PLANE), settings)
    [report] = import_paths(engine, [path], context, [InpImporter()])
    assert report.status == "imported", report.error
    assert report.quarantined == 0


@pytest.mark.parametrize(("name", "manner", "count", "seed"), LAYERS)
def test_segments_and_valve_sets_equal_wntr(
    engine: Engine, settings: Any, tmp_path: Path, name: str, manner: str, count: int, seed: int
) -> None:
    compare_segments(engine, settings, tmp_path / f"{name}.inp", with_valves(name, manner, count, seed), seed)


@pytest.mark.shared
def test_segments_of_l_town_equal_wntr(engine: Engine, settings: Any, tmp_path: Path, shared_data: Path) -> None:
    """782 junctions and 905 pipes; its three pressure valves cannot be shut, and divide nothing."""
    made = with_valves("L-TOWN", "random", 250, 9, shared_data / "pipes")
    compare_segments(engine, settings, tmp_path / "L-TOWN.inp", made, 9)


def compare_segments(engine: Engine, settings: Any, path: Path, made: tuple[Any, Any, Any], seed: int) -> None:
    plain, layer, model = made
    of_node, of_link, _ = wntr.metrics.topographic.valve_segments(plain.to_graph(), layer)
    take_model(engine, settings, model, path)
    with engine.connect() as connection:
        plan = network_plan(connection, "water")
        nodes, pipes = names_of(connection, pipe_node, "water"), names_of(connection, pipe, "water")
        ours: dict[int, set[tuple[str, str]]] = {}
        for ids, numbers, names, kind in ((plan.graph.node_ids, plan.segments.node, nodes, "node"),
                                          (plan.graph.pipe_ids, plan.segments.edge, pipes, "link")):  # fmt: skip
            for number, segment in zip(ids.tolist(), numbers.tolist(), strict=True):
                if segment >= 0 and not names[number].startswith("VN"):
                    ours.setdefault(segment, set()).add((kind, names[number]))
        theirs: dict[int, set[tuple[str, str]]] = {}
        for kind, series in (("node", of_node), ("link", of_link)):
            for key, segment in series.items():
                theirs.setdefault(segment, set()).add((kind, key))
        assert set(map(frozenset, ours.values())) == set(map(frozenset, theirs.values()))
        assert len(theirs) > 3
        sides = [{of_node[row.node], of_link[row.link]} for row in layer.itertuples()]
        random = np.random.default_rng(seed)
        for key in random.choice(plain.link_name_list, min(40, plain.num_links), replace=False).tolist():
            own = of_link[key]
            wanted = {f"VV{number}" for number, pair in enumerate(sides) if own in pair and len(pair) > 1}
            work = work_out(connection, IsolateRequest("water", f"pipe:{key}"), ADMIN)
            close = work.plan.segments.shutters.ids[work.isolation.close].tolist()
            assert {pipes[n] for n in close} == wanted, key


# What it does to the pressure


@pytest.mark.parametrize(
    ("name", "manner", "count", "seed"),
    [("Net2", "random", 14, 3), ("Net3", "random", 30, 5), ("ky4", "random", 300, 6)],
)
def test_pressures_equal_those_of_wntr_on_the_model_itself(
    engine: Engine, settings: Any, tmp_path: Path, name: str, manner: str, count: int, seed: int
) -> None:
    """EPANET on the file, with the valves closed there, against EPANET on what our import has kept."""
    _, _, model = with_valves(name, manner, count, seed)
    simplify(model)
    take_model(engine, settings, model, tmp_path / f"{name}.inp")
    with engine.connect() as connection:
        names, pipes = (names_of(connection, table, "water") for table in (pipe_node, pipe))
        work = one_without_shadow(connection, model)
        plan, isolation = work.plan, work.isolation
        parts = read_parts(connection, "water", plan, isolation.isolated)
        ours = [pressures(plan, parts, barriers) for barriers in (closed_today(plan), isolation.barriers)]
        answer = hydraulic_consequences(connection, plan, isolation, Hydraulics(30.0), "water")
    dry = {names[n] for n in plan.graph.node_ids[isolation.isolated.nodes].tolist()}
    shut = {pipes[n] for n in plan.segments.shutters.ids[isolation.close].tolist()}
    before = run(model, tmp_path)
    close(model, shut, dry)
    after = run(model, tmp_path)
    for theirs, found in ((before, ours[0]), (after, ours[1])):
        assert {names[n]: p for n, p in found.by_id.items()} == pytest.approx(
            {names[n]: theirs[names[n]] for n in found.by_id.index}, abs=0.02
        )
    assert len(ours[1].by_id) == len(ours[0].by_id) - len(dry)
    both = [key for key in before.index if key not in dry]
    assert answer["state"] == "computed"
    assert answer["newly_below"] == sum(before[key] >= 30 > after[key] for key in both)
    assert answer["largest_drop_m"] == pytest.approx(max(before[key] - after[key] for key in both), abs=0.05)


def test_a_pump_of_which_nothing_is_known_is_not_guessed(engine: Engine, settings: Any, tmp_path: Path) -> None:
    _, _, model = with_valves("Net1", "random", 3, 1)
    take_model(engine, settings, model, tmp_path / "Net1.inp")
    with engine.begin() as connection:
        connection.execute(update(pipe).where(pipe.c.kind == "pump").values(attributes={}))
        touch_layers(connection, ["pipes"], "test", None)
        request = IsolateRequest("water", "pipe:12", hydraulics=Hydraulics())
        answer = isolate(connection, request, ADMIN)["hydraulics"]
    assert (answer["state"], set(answer)) == ("not_available", {"state", "reason", "remedy"})
    assert "pump" in answer["reason"]


def test_without_wntr_there_is_an_answer_and_a_remedy(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> None:
    nodes: dict[str, tuple[Any, ...]] = {
        "R": (0, 0, "reservoir", {"attributes": {"head_m": 50.0}}), "V": (100, 0, "valve"),
        "J": (200, 0, "junction", {"attributes": {"base_demand_m3_s": 0.01}, "ground_height_m": 5.0}),
    }  # fmt: skip
    rough = {"attributes": {"roughness": 120.0}}
    with engine.begin() as connection:
        lay(connection, "water", nodes, [("A", "R", "V", rough), ("B", "V", "J", rough)])
        request = IsolateRequest("water", "pipe:B", hydraulics=Hydraulics())
        with_it = isolate(connection, request, ADMIN)["hydraulics"]
        whole = isolate(connection, request._replace(unusable=("V",)), ADMIN)["hydraulics"]
        monkeypatch.setitem(sys.modules, "wntr.network", None)
        without = isolate(connection, request, ADMIN)["hydraulics"]
    assert (with_it["state"], with_it["unsupplied"]) == ("computed", 1)
    # Where all is shut off nothing is left to compute.
    assert (whole["state"], whole["nodes"], whole["unsupplied"]) == ("computed", 0, 3)
    assert without == {"state": "not_available", "reason": "WNTR is not installed",
                       "remedy": "install the package 'wntr'"}  # fmt: skip


def simplify(model: Any) -> None:
    """Leave out of a model what an import does not keep: time, patterns, controls, second demands, minor losses."""
    model.options.time.duration = 0
    for control in list(model.control_name_list):
        model.remove_control(control)
    for _, junction in model.junctions():
        base = junction.demand_timeseries_list[0].base_value
        junction.demand_timeseries_list.clear()
        junction.add_demand(base, None)
    for _, line in model.pipes():
        line.minor_loss = 0.0
    # Without a pattern of its own a demand follows the model's, or the one that is called 1.
    model.add_pattern("flat", [1.0])
    model.options.hydraulic.pattern = "flat"
    model.options.hydraulic.demand_multiplier = 1.0


def one_without_shadow(connection: Connection, model: Any) -> Worked:
    """Return an isolation of a few pipes that leaves everything else supplied."""
    for key in model.pipe_name_list:
        work = work_out(connection, IsolateRequest("water", f"pipe:{key}"), ADMIN)
        shadow = work.isolation.shadow
        if 2 < work.isolation.isolated.edges.sum() < 40 and shadow is not None and not shadow.nodes.any():
            return work
    raise AssertionError("every isolation has a shadow")


def close(model: Any, shut: set[str], dry: set[str]) -> None:
    """Close valves of a model, and take no water where it is dry."""
    for key in shut:
        model.get_link(key).initial_status = wntr.network.LinkStatus.Closed
    for key in dry:
        if model.get_node(key).node_type == "Junction":
            model.get_node(key).demand_timeseries_list[0].base_value = 0.0


def run(model: Any, folder: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return wntr.sim.EpanetSimulator(model).run_sim(str(folder / "run")).node["pressure"].iloc[0]
