"""Vector files made by hand, one for each fault, through the whole import."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely
from pyproj import Transformer
from shapely import LineString, MultiPolygon, Point, Polygon, box
from sqlalchemy import Engine

from cim.settings import Settings
from layers.sources import vector

E, N = 522_000.0, 2_511_000.0  # in Longgang, EPSG:4547


def square(x: float, y: float, size: float = 20.0) -> Polygon:
    return box(E + x, N + y, E + x + size, N + y + size)


def bow_tie(x: float, y: float) -> Polygon:
    return Polygon([(E + x, N + y), (E + x + 20, N + y + 20), (E + x + 20, N + y), (E + x, N + y + 20)])


def write(path: Path, columns: dict[str, Any], geometry: list[Any], crs: str | None = "EPSG:4547", **more: Any) -> Path:
    frame = geopandas.GeoDataFrame(columns, geometry=geometry, crs=crs)
    frame.to_file(path, engine="pyogrio", **more)
    return path


@pytest.fixture
def buildings(tmp_path: Path) -> Path:
    """Seven rows: two good ones, a bow tie, a repeated code, no geometry, a place far off, no code."""
    return write(
        tmp_path / "buildings.gpkg",
        {
            "建筑编码": ["A1", "A2", "A3", "A1", "A5", "A6", None],
            "名称": ["一号楼", "二号楼", "三号楼", "又一号", "无形", "远方", "无码"],
            "地上层数": [18, 3, 5, 2, 1, 1, 1],
            "高度": [54.5, 9.0, 15.0, 6.0, 3.0, 3.0, 3.0],
            "用途": ["居住", "学校", "城中村住宅", "厂房", "厂房", "厂房", "厂房"],
            "备注": ["x", None, "", None, None, None, None],
        },
        [
            square(0, 0),
            square(50, 0),
            bow_tie(100, 0),
            square(150, 0),
            None,
            box(9e7, 9e7, 9.1e7, 9.1e7),
            square(200, 0),
        ],
        layer="建筑物",
    )


def test_good_rows_come_in_and_bad_ones_wait_in_quarantine(take: Any, ask: Any, buildings: Path) -> None:
    report = take(buildings)
    assert report.status == "imported"
    counts = report.layers["buildings"]
    assert (counts.read, counts.added, counts.quarantined, counts.repaired) == (7, 3, 4, 1)
    rejected = ask("select place, reason, detail, layer_name, geom_wkt, record from quarantine order by place")
    assert [(row.place, row.reason) for row in rejected] == [
        ("row 4", "duplicate_key"),
        ("row 5", "missing_geometry"),
        ("row 6", "out_of_range"),
        ("row 7", "missing_key"),
    ]
    assert "A1" in rejected[0].detail
    assert "row 1" in rejected[0].detail
    assert rejected[0].record["名称"] == "又一号"
    assert {row.layer_name for row in rejected} == {"建筑物"}
    assert shapely.from_wkt(rejected[0].geom_wkt).equals(square(150, 0))
    codes = {note.code for note in report.notes}
    assert {"guessed_layer", "repaired"} <= codes
    assert any("A3" in note.message for note in report.notes if note.code == "repaired")


def test_values_and_places_are_right(take: Any, ask: Any, buildings: Path) -> None:
    take(buildings)
    rows = {
        row.source_key: row
        for row in ask("select source_key, code, kind, fields, attributes, ST_AsBinary(geom) wkb from building_source")
    }
    assert set(rows) == {"A1", "A2", "A3"}
    assert rows["A1"].kind == "footprint"
    assert rows["A1"].fields == {
        "code": "A1", "name": "一号楼", "storeys_above": 18, "height_m": 54.5, "use": "住宅",
    }  # fmt: skip
    # What a translation replaced is kept, and so is what the model has no column for.
    assert rows["A1"].attributes == {"用途": "居住", "备注": "x"}
    assert rows["A2"].attributes == {}
    to_degrees = Transformer.from_crs(4547, 4490, always_xy=True)
    expected = shapely.transform(square(0, 0), lambda c: np.column_stack(to_degrees.transform(c[:, 0], c[:, 1])))
    assert shapely.from_wkb(bytes(rows["A1"].wkb)).equals_exact(expected, 1e-9, normalize=True)
    wings = shapely.from_wkb(bytes(rows["A3"].wkb))
    assert isinstance(wings, MultiPolygon)
    assert len(wings.geoms) == 2
    assert ask("select count(*) from building")[0][0] == 3
    [found] = ask("select crs, is_ballpark, accuracy_m, format from dataset")
    assert tuple(found) == ("EPSG:4547", False, 0.0, "GeoPackage")


def test_importing_again_changes_nothing_and_a_new_version_is_a_difference(
    take: Any, ask: Any, buildings: Path
) -> None:
    take(buildings)
    before = ask("select id, source_key, recorded_at from building_source order by id")
    assert take(buildings).status == "unchanged"
    assert ask("select id, source_key, recorded_at from building_source order by id") == before
    frame = geopandas.read_file(buildings, layer="建筑物").iloc[:3].copy()
    frame.loc[0, "名称"] = "壹号楼"
    frame.loc[2, "建筑编码"] = "A9"
    buildings.unlink()
    frame.to_file(buildings, layer="建筑物", engine="pyogrio")
    counts = take(buildings).layers["buildings"]
    assert (counts.read, counts.added, counts.changed, counts.unchanged, counts.removed) == (3, 1, 1, 1, 1)
    after = {row.source_key: row.id for row in ask("select id, source_key from building_source")}
    assert set(after) == {"A1", "A2", "A9"}
    assert {row.source_key: row.id for row in before}["A1"] == after["A1"]


def test_batches_do_not_show(take: Any, ask: Any, buildings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector, "BATCH_ROWS", 2)
    counts = take(buildings).layers["buildings"]
    assert (counts.read, counts.added, counts.quarantined) == (7, 3, 4)
    assert [row[0] for row in ask("select place from quarantine where reason = 'duplicate_key'")] == ["row 4"]


def test_a_dry_run_reports_and_leaves_nothing(take: Any, ask: Any, buildings: Path) -> None:
    report = take(buildings, dry_run=True)
    assert report.layers["buildings"].added == 3
    for table in ("dataset", "building_source", "building", "quarantine"):
        assert ask(f"select count(*) from {table}")[0][0] == 0


def test_gbk_without_cpg_is_read_as_chinese(take: Any, ask: Any, tmp_path: Path) -> None:
    columns = {"编号": ["001", "002"], "责任人": ["张三丰", "李四光"]}
    path = write(tmp_path / "综治网格.shp", columns, [square(0, 0), square(20, 0)], encoding="GBK")
    path.with_suffix(".cpg").unlink()
    table = bytearray(path.with_suffix(".dbf").read_bytes())
    table[29] = 0  # the code page
    path.with_suffix(".dbf").write_bytes(table)
    report = take(path)
    assert report.layers["grid_cells"].added == 2
    assert any(note.code == "guessed_encoding" for note in report.notes)
    assert [tuple(row) for row in ask("select code, grid, manager from grid_cell order by code")] == [
        ("001", "综治网格", "张三丰"),
        ("002", "综治网格", "李四光"),
    ]


def test_a_shapefile_needs_its_companions(take: Any, ask: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "shops.shp", {"kind": ["a", "b"]}, [Point(E, N), Point(E + 1, N)])
    path.with_suffix(".prj").unlink()
    report = take(path)
    assert report.status == "refused"
    assert "shops" in report.error
    assert "--crs" in report.error
    assert take(path, crs="EPSG:4547").layers["shops"].added == 2
    [where] = ask("select ST_X(geom) x, ST_Y(geom) y from feature where attributes ->> 'kind' = 'a'")
    assert (where.x, where.y) == pytest.approx(Transformer.from_crs(4547, 4490, always_xy=True).transform(E, N))
    path.with_suffix(".shx").unlink()
    report = take(path, crs="EPSG:4547", dataset="again")
    assert report.status == "refused"
    assert "shops.shx" in report.error


def test_all_axes_swapped_refuses_the_file_and_one_swapped_row_waits(take: Any, ask: Any, tmp_path: Path) -> None:
    swapped = write(tmp_path / "trees.geojson", {"种": ["榕"]}, [Point(22.7, 114.2)], crs="EPSG:4326")
    report = take(swapped)
    assert report.status == "refused"
    assert "swapped" in report.error
    assert "114.2" in report.error
    assert ask("select count(*) from dataset")[0][0] == 0
    mixed = write(tmp_path / "poles.geojson", {"n": [1, 2]}, [Point(22.7, 114.2), Point(114.2, 22.7)], crs="EPSG:4326")
    report = take(mixed)
    assert (report.layers["poles"].added, report.layers["poles"].quarantined) == (1, 1)
    assert ask("select reason, place from quarantine") == [("swapped_axes", "row 1")]


def test_an_unknown_layer_becomes_a_layer_of_its_own(take: Any, ask: Any, tmp_path: Path) -> None:
    path = write(
        tmp_path / "bus_stops.fgb", {"name": ["站一", "站二"], "lines": [3, 5]}, [Point(E, N), Point(E + 9, N)]
    )
    report = take(path)
    assert report.layers["bus_stops"].added == 2
    [row] = ask("select geometry_type, table_name, fields from layer where id = 'bus_stops'")
    assert (row.geometry_type, row.table_name) == ("point", "feature")
    assert row.fields["lines"]["type"] == "integer"
    assert sorted(ask("select name, attributes ->> 'lines' from feature")) == [("站一", "3"), ("站二", "5")]


def test_what_the_operator_asks_for(take: Any, ask: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "x.gpkg", {"DM": ["k1", "k2"], "MC": ["甲", "乙"]}, [square(0, 0), square(30, 0)])
    assert "takes line" in take(path, layer="roads").error
    assert "small Latin letters" in take(path, layer="Bad Name").error
    mapping = tmp_path / "m.toml"
    mapping.write_text('layer = "buildings"\nkey = ["DM"]\n[columns]\ncode = ["DM"]\nname = ["MC"]\n', "utf-8")
    report = take(path, mapping=mapping)
    assert report.layers["buildings"].added == 2
    assert not [note for note in report.notes if note.code == "guessed_layer"]
    assert sorted(ask("select source_key, fields ->> 'name' from building_source")) == [("k1", "甲"), ("k2", "乙")]
    assert take(path, layer="plots", dataset="plots").layers["plots"].added == 2


def test_broken_files_are_refused_whole(take: Any, ask: Any, tmp_path: Path, buildings: Path) -> None:
    broken = tmp_path / "cut.gpkg"
    broken.write_bytes(buildings.read_bytes()[:40_000])
    cut = tmp_path / "cut.geojson"
    cut.write_text('{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": {"type": "Poi')
    for path in (broken, cut):
        report = take(path)
        assert report.status == "refused"
        assert path.name in report.error
        assert str(tmp_path) not in report.error
    assert ask("select count(*) from dataset")[0][0] == 0


def test_two_networks_of_one_file_may_share_numbers(take: Any, ask: Any, tmp_path: Path) -> None:
    path = tmp_path / "networks.gpkg"
    for network, offset in (("给水管线", 0.0), ("燃气管线", 100.0)):
        lines = [
            LineString([(E, N + offset), (E + 10, N + offset)]),
            LineString([(E + 10, N + offset), (E + 20, N + offset)]),
        ]
        write(
            path,
            {"管线编码": ["1", "2"], "管径(cm)": [20, 30.5], "埋深": ["1.5米", "深"]},
            lines,
            layer=network,
            mode="a" if path.exists() else "w",
        )
    report = take(path)
    assert (report.layers["pipes"].added, report.layers["pipes"].quarantined) == (4, 0)
    rows = ask(
        "select source_key, network, diameter_mm, depth_m, attributes, length_m from pipe order by network, source_key"
    )
    assert [tuple(row)[:4] for row in rows] == [
        ("gas/1", "gas", 200.0, 1.5),
        ("gas/2", "gas", 305.0, None),
        ("1", "water", 200.0, 1.5),
        ("2", "water", 305.0, None),
    ]
    assert rows[1].attributes == {"埋深": "深"}
    assert rows[0].length_m == pytest.approx(10.0, abs=0.01)
    assert any(note.code == "unread_values" for note in report.notes)


def test_rows_without_a_key_keep_their_ids(take: Any, ask: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "trees.gpkg", {"种": ["榕", "榕", "樟"]}, [Point(E, N), Point(E, N), Point(E + 5, N)])
    assert take(path).layers["trees"].added == 3
    before = ask("select id, source_key from feature order by id")
    frame = geopandas.read_file(path).iloc[[2, 0, 1]]
    path.unlink()
    frame.to_file(path, engine="pyogrio")
    counts = take(path).layers["trees"]
    assert (counts.unchanged, counts.added, counts.removed) == (3, 0, 0)
    assert ask("select id, source_key from feature order by id") == before


def test_killing_an_import_leaves_the_database_as_it_was(
    engine: Engine, settings: Settings, ask: Any, tmp_path: Path
) -> None:
    size = 60_000
    path = write(
        tmp_path / "many.gpkg", {"k": range(size)}, list(shapely.points(E + np.arange(size), np.full(size, N)))
    )
    program = (
        "import sys; from pathlib import Path; from cim.db import make_engine; from cim.settings import Settings;"
        "from cim.importing import *; from layers.sources.vector import VectorImporter;"
        "url, path, home = sys.argv[1:]; settings = Settings(home=Path(home), database_url=url);"
        "context = ImportContext(ImportOptions(), settings, lambda step, done, total: print(step, done, flush=True));"
        "print(list(import_paths(make_engine(url), [Path(path)], context, [VectorImporter()])))"
    )
    url = engine.url.render_as_string(hide_password=False)
    child = subprocess.Popen(
        [sys.executable, "-c", program, url, str(path), str(settings.home)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    for line in child.stdout:  # until a part is told as read: rows have been copied, none committed
        if line.startswith("reading") and int(line.split()[1]) > 0:
            break
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    for _ in range(100):  # until the server has noticed
        if not ask(
            "select 1 from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid() and state <> 'idle'"
        ):
            break
        time.sleep(0.1)
    assert ask("select (select count(*) from dataset), (select count(*) from feature)") == [(0, 0)]
