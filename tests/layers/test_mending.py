"""Rejected rows go out, are mended, come back, and stay mended when their file comes again."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import geopandas
import pytest
import shapely
from shapely import Polygon, box
from sqlalchemy import Engine

from cim.errors import InvalidFile, InvalidInput
from cim.importing import ImportContext, ImportOptions
from cim.reports import ImportReport
from cim.settings import Settings
from layers.sources.mending import mend_file
from layers.sources.quarantine_file import export_rows
from tests import command

E, N = 522_000.0, 2_511_000.0  # in Longgang, EPSG:4547
Mend = Callable[[Path], ImportReport]


def square(x: float) -> Polygon:
    return box(E + x, N, E + x + 20, N + 20)


def written(path: Path, **changes: Any) -> Path:
    """Five rows: a good one, one of its code, one without code, one without shape, one far off."""
    columns: dict[str, list[Any]] = {
        "建筑编码": ["A1", "A1", None, "A4", "A5"],
        "名称": ["一号楼", "二号楼", "三号楼", "四号楼", "五号楼"],
        "地上层数": [18, 3, 5, 2, 1],
        "备注": ["", "b", "c", None, "e"],
    }
    columns |= changes
    shapes = [square(0), square(50), square(100), None, box(9e7, 9e7, 9.1e7, 9.1e7)]
    path.unlink(missing_ok=True)
    geopandas.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4547").to_file(path, layer="建筑物", engine="pyogrio")
    return path


@pytest.fixture
def mend(engine: Engine, settings: Settings) -> Mend:
    def run(path: Path, **options: Any) -> ImportReport:
        [report] = mend_file(engine, path, ImportContext(ImportOptions(**options), settings))
        for counts in report.layers.values():
            assert counts.read == counts.added + counts.changed + counts.unchanged + counts.quarantined
        return report

    return run


def export(engine: Engine, path: Path) -> int:
    with engine.connect() as connection:
        return export_rows(connection, None, path)


def edited_geojson(engine: Engine, path: Path) -> Path:
    """Give the second and the third a code, the fourth a shape; leave the fifth."""
    assert export(engine, path) == 4
    document = json.loads(path.read_text("utf-8"))
    assert document["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::4547"
    rows = {feature["properties"]["名称"]: feature for feature in document["features"]}
    assert rows["二号楼"]["properties"]["_reason"] == "duplicate_key"
    assert shapely.geometry.shape(rows["二号楼"]["geometry"]).equals(square(50))
    rows["二号楼"]["properties"]["建筑编码"] = "A2"
    rows["三号楼"]["properties"]["建筑编码"] = "A3"
    rows["四号楼"]["geometry"] = shapely.geometry.mapping(square(150))
    path.write_text(json.dumps(document), "utf-8")
    return path


def state(ask: Any) -> list[Any]:
    return [
        ask("select source_key, fields, attributes, ST_AsText(geom) from building_source order by 1"),
        ask("select count(*) from building"),
        ask("select place, is_resolved, mended ->> 'record' is not null from quarantine order by place"),
    ]


def test_rows_come_back_mended_and_stay(take: Any, ask: Any, mend: Mend, engine: Engine, tmp_path: Path) -> None:
    path = written(tmp_path / "buildings.gpkg")
    assert take(path).quarantined == 4
    fixed = edited_geojson(engine, tmp_path / "wrong.geojson")
    report = mend(fixed)
    assert (report.layers["buildings"].added, report.quarantined) == (3, 0)
    assert any(note.code == "unchanged_rows" for note in report.notes)
    assert [row.source_key for row in ask("select source_key from building_source order by 1")] == [
        "A1",
        "A2",
        "A3",
        "A4",
    ]
    [two] = ask("select fields, attributes, ST_Area(geom::geography) a from building_source where source_key = 'A2'")
    assert two.fields == {"code": "A2", "name": "二号楼", "storeys_above": 3}
    assert two.attributes == {"备注": "b"}
    assert two.a == pytest.approx(400, rel=1e-3)
    assert ask("select count(*) from building") == [(4,)]
    [kept] = ask("select report from dataset")
    counts = kept.report["layers"]["buildings"]
    assert (counts["read"], counts["added"], counts["quarantined"], counts["mended"]) == (5, 4, 1, 3)
    before = state(ask)
    ids = ask("select id, source_key from building_source order by 1")
    # The same file again; then a new version in which only another row has changed.
    assert take(path).status == "unchanged"
    report = take(written(path, 名称=["壹号楼", "二号楼", "三号楼", "四号楼", "五号楼"]))
    counts = report.layers["buildings"]
    assert (counts.read, counts.changed, counts.unchanged, counts.quarantined, counts.mended) == (5, 1, 3, 1, 3)
    assert ask("select id, source_key from building_source order by 1") == ids
    assert state(ask)[1:] == before[1:]
    # The owner changes a row that was mended: what was mended is not it any more.
    report = take(written(path, 地上层数=[18, 4, 5, 2, 1]))
    assert (report.layers["buildings"].mended, report.quarantined) == (2, 2)
    assert ask("select place from quarantine where not is_resolved order by 1") == [("row 2",), ("row 5",)]
    assert [row.source_key for row in ask("select source_key from building_source order by 1")] == ["A1", "A3", "A4"]


def test_a_row_that_is_still_wrong_waits_on(take: Any, ask: Any, mend: Mend, engine: Engine, tmp_path: Path) -> None:
    take(written(tmp_path / "buildings.gpkg"))
    path = tmp_path / "wrong.csv"
    assert export(engine, path) == 4
    with path.open(encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    rows[0]["建筑编码"] = "A1"
    rows[0]["名称"] = "又一号"
    rows[1]["建筑编码"] = "A3"
    with path.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    dry = mend(path, dry_run=True)
    assert dry.layers["buildings"].added == 1
    assert ask("select count(*) from quarantine where is_resolved") == [(0,)]
    report = mend(path)
    assert (report.layers["buildings"].added, report.quarantined) == (1, 1)
    [waits] = ask("select reason, detail from quarantine where detail like 'as mended%'")
    assert waits.reason == "duplicate_key"
    [three] = ask("select fields, attributes from building_source where source_key = 'A3'")
    # Numbers are numbers although CSV has none.
    assert three.fields["storeys_above"] == 5
    again = mend(path)
    assert (again.layers["buildings"].added, again.quarantined) == (0, 1)


def test_a_geometry_may_come_back_in_another_system(
    take: Any, ask: Any, mend: Mend, engine: Engine, tmp_path: Path
) -> None:
    take(written(tmp_path / "buildings.gpkg"))
    path = tmp_path / "wrong.geojson"
    export(engine, path)
    document = json.loads(path.read_text("utf-8"))
    del document["crs"]  # as an editor on the web writes it: longitude and latitude
    document["features"] = [f for f in document["features"] if f["properties"]["名称"] == "四号楼"]
    document["features"][0]["geometry"] = shapely.geometry.mapping(box(114.2, 22.7, 114.2002, 22.7002))
    path.write_text(json.dumps(document), "utf-8")
    assert mend(path).layers["buildings"].added == 1
    [row] = ask("select ST_XMin(geom) w, ST_YMax(geom) n from building_source where source_key = 'A4'")
    assert (row.w, row.n) == pytest.approx((114.2, 22.7002), abs=1e-8)


def test_register_rows_are_mended_in_their_cells(
    take: Any, ask: Any, mend: Mend, engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "停车场.csv"
    path.write_text("编码,名称,总车位,经度,纬度\nP1,东,10,114.2,22.7\nP2,西,20,,22.7\nP3,南,30,114.2,22.7,x\n", "utf-8")
    assert take(path, layer="parking").quarantined == 2
    out = tmp_path / "out.csv"
    export(engine, out)
    with out.open(encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert {row["_place"] for row in rows} == {"row 3", "row 4"}
    for row in rows:
        row["经度"] = "114.25"
    with out.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert mend(out).layers["parking"].added == 2
    found = ask("select source_key, capacity, ST_X(geom) x from parking order by 1")
    assert [tuple(row) for row in found] == [("P1", 10, 114.2), ("P2", 20, 114.25), ("P3", 30, 114.25)]
    with path.open("a", encoding="utf-8") as handle:
        handle.write("P4,北,40,114.3,22.7\n")
    counts = take(path, layer="parking").layers["parking"]
    assert (counts.read, counts.added, counts.unchanged, counts.quarantined) == (4, 1, 3, 0)


def test_files_that_are_none(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="csv"):
        export(engine, tmp_path / "rows.xlsx")
    path = tmp_path / "other.geojson"
    path.write_text('{"type": "FeatureCollection", "features": []}')
    with pytest.raises(InvalidFile, match="_id"):
        mend_file(engine, path, ImportContext(ImportOptions(), settings))


def test_repairs_are_recorded(take: Any, ask: Any, tmp_path: Path) -> None:
    path = tmp_path / "houses.geojson"
    x, y = 114.2, 22.7
    ring = [[x, y], [x + 0.001, y], [x + 0.001, y + 0.001], [x, y + 0.001], [x, y]]
    doubled = [ring[0], ring[0], *ring[1:]]
    bow_tie = [ring[0], ring[2], ring[1], ring[3], ring[0]]
    rows = {"A": ring, "B": ring[::-1], "C": doubled, "D": bow_tie}
    features = [
        {"type": "Feature", "properties": {"building_code": code}, "geometry": {"type": "Polygon", "coordinates": [r]}}
        for code, r in rows.items()
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    counts = take(path, layer="buildings").layers["buildings"]
    assert (counts.read, counts.added, counts.repaired) == (4, 4, 3)
    found = ask("select place, source_key, kind from repair order by place, kind")
    assert [tuple(row) for row in found if row.source_key != "D"] == [
        ("row 2", "B", "ring_order"), ("row 3", "C", "duplicate_points"),
    ]  # fmt: skip
    assert ("row 4", "D", "self_crossing") in [tuple(row) for row in found]
    take(path, layer="buildings", dataset="houses.geojson", crs="EPSG:4490")
    assert len(ask("select 1 from repair")) == len(found)


def test_the_command(database_url: str, take: Any, tmp_path: Path) -> None:
    take(written(tmp_path / "buildings.gpkg"))
    cim = partial(command.cim, tmp_path / "home", database_url, "quarantine")

    out = tmp_path / "wrong.csv"
    assert cim("--export", str(out)).returncode == 0
    text = out.read_text("utf-8-sig")
    assert text.count("\n") == 5
    out.write_text(text.replace("A1", "A9"), "utf-8")
    done = cim("mend", str(out))
    assert done.returncode == 0, done.stderr
    assert len(json.loads(cim("--json").stdout)) == 3
    listed = json.loads(cim("--json", "--all").stdout)
    assert sum(row["is_resolved"] for row in listed) == 1
    assert json.loads(cim("repairs", "--json").stdout) == []
    assert cim("mend", str(tmp_path / "buildings.gpkg")).returncode == 1
