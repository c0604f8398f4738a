"""Layers go out to files and come back the same, in every format."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from sqlalchemy import Engine, make_url, select, text
from typer.testing import CliRunner

from cim.access import Caller
from cim.cli import build
from cim.db import make_engine
from cim.errors import CimError, InvalidInput, NotFound
from cim.importing import ImportContext, ImportOptions, import_paths, importers
from cim.settings import Settings
from cim.tables import metadata
from layers.catalogue import get_layer
from layers.export.export import Exported, Systems, export_layer
from layers.export.selection import Wanted
from tests.conftest import _administer
from tests.layers.conftest import Ask, Take

SYSTEMS = Systems("EPSG:5737", "EPSG:4547")
FORMATS = ("gpkg", "geojson", "geojsonl", "fgb", "parquet")
#: What a database gives or makes by itself, on every import anew.
OWN = {"id", "dataset_id", "recorded_at", "content_hash", "geom", "geom_3857", "source_key", "provenance"}
Export = Callable[..., list[Exported]]


@pytest.fixture
def export(engine: Engine) -> Export:
    """Export a layer the way the command does."""

    def run(
        layer_id: str, path: Path, *, wanted: Wanted | None = None, systems: Systems = SYSTEMS, **options: Any
    ) -> list[Exported]:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
            layer = get_layer(connection, layer_id, Caller("admin"))
            return export_layer(connection, layer, path, wanted or Wanted(), systems, **options)

    return run


@pytest.fixture
def other(server_url: str, template_database: str, database_url: str) -> Iterator[Engine]:
    """A second fresh database."""
    name = make_url(database_url).database + "_b"
    _administer(server_url, f'create database "{name}" template "{template_database}"')
    made = make_engine(make_url(server_url).set(database=name).render_as_string(hide_password=False))
    yield made
    made.dispose()
    _administer(server_url, f'drop database if exists "{name}" with (force)')


def bring(engine: Engine, settings: Settings, *paths: Path, **options: Any) -> None:
    """Import files; all of their rows must come in."""
    known = [importer for importer in importers() if importer.name != "ifc"]
    for report in import_paths(engine, list(paths), ImportContext(ImportOptions(**options), settings), known):
        assert report.status == "imported", report
        assert report.quarantined == 0, report


def rows_of(engine: Engine, layer_id: str) -> dict[str, dict[str, Any]]:
    """Return a layer's objects by source key, without what no file carries."""
    with engine.connect() as connection:
        table_name = connection.execute(
            text("SELECT table_name FROM cim.layer WHERE id = :id"), {"id": layer_id}
        ).scalar_one()
        table = metadata.tables[f"cim.{table_name}"]
        links = {entry.name for entry in table.c if entry.foreign_keys and entry.name != "layer_id"}
        names = [entry for entry in table.c if entry.name not in OWN | links]
        shape = [text("ST_AsBinary(geom) AS wkb")] if "geom" in table.c else []
        statement = select(table.c.source_key, *names, *shape).where(table.c.layer_id == layer_id)
        if "origin" in table.c:
            statement = statement.where(table.c.origin == "source")
        return {row["source_key"]: dict(row) for row in connection.execute(statement).mappings()}


def assert_same(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> None:
    """Compare every field and attribute; coordinates to 1e-9 degrees (and heights to 1e-9 m)."""
    assert before.keys() == after.keys()
    for key, was in before.items():
        now = dict(after[key])
        was = dict(was)
        one, two = (shapely.from_wkb(bytes(row.pop("wkb"))) if row.get("wkb") else row.pop("wkb", None)
                    for row in (was, now))  # fmt: skip
        if isinstance(one, shapely.Geometry):
            assert one.geom_type == two.geom_type
            assert one.has_z == two.has_z
            a, b = (shapely.get_coordinates(shape, include_z=True) for shape in (one, two))
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-9)
        else:
            assert one is two is None
        for name in ("area_m2", "length_m"):
            if isinstance(was.get(name), float):
                assert now.pop(name) == pytest.approx(was.pop(name), rel=1e-6)
        for name in was.keys() | now.keys():
            assert now[name] == was[name], (key, name)


@pytest.fixture(scope="module")
def pipe_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two owners' pipes whose numbers both begin at 1, with the nodes of one of them."""
    folder = tmp_path_factory.mktemp("pipes")
    line = shapely.from_wkt(
        [
            "LINESTRING Z (114.2 22.7 51.4, 114.201 22.7 50.15)",
            "LINESTRING Z (114.201 22.7 50.15, 114.2012345678901 22.7011 49.6)",
        ]
    )
    columns = {
        "管线编码": ["1", "2"],
        "管径": [300.0, 150.5],
        "材质": ["铸铁", None],
        "起点高程": [51.25, 50.0],
        "终点高程": [50.0, 49.5],
        "巡检次数": [3, 4],
        "压力MPa": [0.35, None],
        "备注": ["[1]", "2024-01-02"],
    }
    geopandas.GeoDataFrame(columns, geometry=line, crs=4490).to_file(folder / "给水管线.gpkg", layer="给水管线")
    columns["管径"] = [800.0, 900.0]
    moved = shapely.transform(line, lambda points: points + np.array([0.0, 0.01, 0.0]), include_z=True)
    geopandas.GeoDataFrame(columns, geometry=moved, crs=4490).to_file(folder / "污水管线.gpkg", layer="污水管线")
    return folder


@pytest.mark.parametrize("ending", FORMATS)
def test_pipes_come_back_with_heights_numbers_and_text(
    ending: str, pipe_files: Path, take: Take, export: Export, engine: Engine, other: Engine, settings: Settings,
    tmp_path: Path,
) -> None:  # fmt: skip
    assert take(pipe_files / "给水管线.gpkg").status == "imported"
    [written] = export("pipes", tmp_path / f"out.{ending}")
    assert written == Exported(str(tmp_path / f"out.{ending}"), 2, ["给水管线.gpkg"])
    bring(other, settings, tmp_path / f"out.{ending}")
    before = rows_of(engine, "pipes")
    assert before["2"]["attributes"] == {"巡检次数": 4, "备注": "2024-01-02"}
    assert shapely.get_coordinates(shapely.from_wkb(bytes(before["1"]["wkb"])), include_z=True)[0, 2] > 50
    assert_same(before, rows_of(other, "pipes"))


def test_a_file_says_its_systems_and_where_its_rows_come_from(
    pipe_files: Path, take: Take, export: Export, tmp_path: Path
) -> None:
    take(pipe_files / "给水管线.gpkg")
    for ending in FORMATS:
        export("pipes", tmp_path / f"out.{ending}")
    for ending in ("gpkg", "fgb"):
        info = pyogrio.read_info(tmp_path / f"out.{ending}")
        assert info["layer_metadata"]["vertical_crs"] == "EPSG:5737"
        [source] = json.loads(info["layer_metadata"]["datasets"])
        assert source["name"] == "给水管线.gpkg"
    frame = geopandas.read_parquet(tmp_path / "out.parquet")
    assert [part.to_epsg() for part in frame.crs.sub_crs_list] == [4490, 5737]
    assert frame[["source_key", "dataset", "layer"]].to_numpy().tolist() == [
        ["1", "给水管线.gpkg", "pipes"],
        ["2", "给水管线.gpkg", "pipes"],
    ]
    assert frame["recorded_at"].dtype.tz is not None
    assert frame["压力MPa"].tolist()[0] == 0.35
    document = json.loads((tmp_path / "out.geojson").read_text("utf-8"))
    assert document["crs"]["properties"]["name"].endswith("EPSG::4490,crs:EPSG::5737")
    assert "EPSG:5737" in document["description"]
    head = [json.loads(line) for line in (tmp_path / "out.geojsonl").read_text("utf-8").splitlines()]
    assert [feature["properties"]["diameter_mm"] for feature in head] == [300.0, 150.5]


def test_rows_of_several_datasets_keep_keys_apart(
    pipe_files: Path, take: Take, export: Export, engine: Engine, other: Engine, settings: Settings, tmp_path: Path
) -> None:
    take(pipe_files / "给水管线.gpkg")
    take(pipe_files / "污水管线.gpkg")
    [whole] = export("pipes", tmp_path / "all.gpkg")
    assert whole.rows == 4
    bring(other, settings, tmp_path / "all.gpkg")
    assert sorted(rows_of(other, "pipes")) == sorted(
        f"{name}/{key}" for name in ("给水管线.gpkg", "污水管线.gpkg") for key in "12"
    )
    parts = export("pipes", tmp_path / "part.gpkg", by_dataset=True)
    assert [Path(part.file).name for part in parts] == ["part.污水管线_gpkg.gpkg", "part.给水管线_gpkg.gpkg"]
    with other.begin() as connection:
        connection.execute(text("DELETE FROM cim.pipe"))
    for part in parts:
        bring(other, settings, Path(part.file), dataset=part.datasets[0])
    with engine.connect() as one, other.connect() as two:
        by_dataset = text(
            "SELECT d.name, p.source_key, p.diameter_mm, p.network FROM cim.pipe p JOIN cim.dataset d"
            " ON d.id = p.dataset_id ORDER BY 1, 2"
        )
        assert one.execute(by_dataset).all() == two.execute(by_dataset).all()


def test_any_attribute_comes_back_as_it_was(
    engine: Engine, other: Engine, export: Export, settings: Settings, tmp_path: Path
) -> None:
    said: list[dict[str, Any]] = [
        {"plain": "a", "mixed": 1, "list": [1, {"a": None}], "Case": "x", "layer": "theirs", "geom": "g", "n": 1,
         "whole": 2, "truth": True, "padded": " a", "empty": "", "null": None, "fid": 7, "like_json": "[1, 2]",
         "like_time": "2024-01-02T03:04:05.123456Z", "大小": 1.5, "large": 2**60, "source_key": "s", 'a"b': "q"},
        {"plain": "b", "mixed": "1", "case": "y", "n": 1.25, "padded": "b", "null": 3},
        {},
    ]  # fmt: skip
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO cim.layer (id, theme_id, title_zh, title_en, table_name, geometry_type)"
                " VALUES ('bus_stops', 'other', '公交站', 'Bus stops', 'feature', 'point')"
            )
        )
        for number, attributes in enumerate(said):
            connection.execute(
                text(
                    "INSERT INTO cim.feature (layer_id, source_key, cim_level, name, area_code, attributes, valid_from,"
                    " valid_to, geom) VALUES ('bus_stops', :key, :level, :name, '440307', CAST(:said AS jsonb),"
                    " '2026-01-02 03:04:05.123456+08', NULL, ST_GeomFromText(:wkt, 4490))"
                ),
                {
                    "key": f"k{number}",
                    "level": number + 1,
                    "name": f"站{number}",
                    "said": json.dumps(attributes),
                    "wkt": None if number == 2 else f"POINT(114.{number}23456789012 22.7)",
                },
            )
    before = rows_of(engine, "bus_stops")
    for ending in FORMATS:
        with other.begin() as connection:
            connection.execute(text("DELETE FROM cim.feature"))
        export("bus_stops", tmp_path / f"stops.{ending}")
        bring(other, settings, tmp_path / f"stops.{ending}", dataset=ending)
        assert_same(before, rows_of(other, "bus_stops"))
    shown = pyogrio.read_info(tmp_path / "stops.gpkg")["fields"].tolist()
    assert {"plain", "n", "truth", "大小", "whole"} <= set(shown)
    assert not {"list", "padded", "mixed"} & set(shown)


def test_places_and_moments_are_chosen(
    pipe_files: Path, take: Take, export: Export, engine: Engine, tmp_path: Path
) -> None:
    take(pipe_files / "给水管线.gpkg")
    with engine.begin() as connection:
        learned = connection.execute(text("SELECT max(recorded_at) FROM cim.pipe")).scalar_one()
    with engine.begin() as connection:
        connection.execute(text("UPDATE cim.pipe SET diameter_mm = 400, recorded_at = now() WHERE source_key = '1'"))
    box = Wanted(bbox=(114.1999, 22.6999, 114.2005, 22.7001))
    assert export("pipes", tmp_path / "box.fgb", wanted=box)[0].rows == 1
    assert geopandas.read_file(tmp_path / "box.fgb")["diameter_mm"].tolist() == [400.0]
    export("pipes", tmp_path / "then.parquet", wanted=Wanted(asof=learned + timedelta(microseconds=1)))
    assert pq.read_table(tmp_path / "then.parquet").sort_by("source_key")["diameter_mm"].to_pylist() == [300.0, 150.5]
    assert export("pipes", tmp_path / "before.gpkg", wanted=Wanted(asof=datetime(2001, 1, 1, tzinfo=UTC)))[0].rows == 0
    assert pyogrio.read_info(tmp_path / "before.gpkg")["features"] == 0


def test_bad_requests_leave_nothing_behind(
    pipe_files: Path, take: Take, export: Export, ask: Ask, tmp_path: Path
) -> None:
    take(pipe_files / "给水管线.gpkg")
    (tmp_path / "there.gpkg").write_text("precious")
    for layer, name, options, error, message in (
        ("no_such_layer", "a.gpkg", {}, NotFound, "no layer 'no_such_layer'"),
        ("pipes", "a.docx", {}, InvalidInput, "'a.docx' says no format"),
        ("pipes", "none/a.gpkg", {}, InvalidInput, "does not exist; make it"),
        ("pipes", "there.gpkg", {}, InvalidInput, "--overwrite"),
        ("pipes", "a.city.json", {}, InvalidInput, "of buildings, not of 'pipes'"),
        ("terrain", "a.gpkg", {}, InvalidInput, "rasters"),
        ("units", "a.gpkg", {"wanted": Wanted(bbox=(1, 1, 2, 2))}, InvalidInput, "no geometry"),
        ("pipes", "a.gpkg", {"wanted": Wanted(bbox=(3, 1, 2, 2))}, InvalidInput, "west,south,east,north"),
    ):
        with pytest.raises(error, match=message):
            export(layer, tmp_path / name, **options)
    assert [entry.name for entry in tmp_path.iterdir() if entry.name != "home"] == ["there.gpkg"]
    assert (tmp_path / "there.gpkg").read_text() == "precious"
    export("pipes", tmp_path / "there.gpkg", overwrite=True)
    assert pyogrio.read_info(tmp_path / "there.gpkg")["features"] == 2


@pytest.mark.parametrize("ending", FORMATS)
def test_a_database_that_fails_half_way_is_named_and_leaves_no_file(
    ending: str, pipe_files: Path, take: Take, export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(pipe_files / "给水管线.gpkg")
    # One batch is written, the second never comes.
    monkeypatch.setattr("layers.export.batches.BATCH_ROWS", 1)

    def give_up(step: str, done: int, total: int | None) -> None:
        raise CimError("the database went away")

    with pytest.raises(CimError, match="went away"):
        export("pipes", tmp_path / f"out.{ending}", progress=give_up)
    assert [entry.name for entry in tmp_path.iterdir() if entry.name != "home"] == []


def test_the_command_writes_and_says_what_is_wrong(
    pipe_files: Path, take: Take, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(pipe_files / "给水管线.gpkg")
    monkeypatch.setenv("CIM_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("CIM_HOME", str(tmp_path / "home"))
    runner, app, out = CliRunner(), build(), str(tmp_path / "out.gpkg")
    done = runner.invoke(app, ["export", "pipes", out, "--json", "--bbox", "114.1999,22.6999,114.2005,22.7001"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == [{"file": out, "rows": 1, "datasets": ["给水管线.gpkg"]}]
    for words, message in (
        (["pipes", out], "--overwrite"),
        (["pipes", str(tmp_path / "b.gpkg"), "--bbox", "1,2,3"], "west,south,east,north"),
        (["pipes", str(tmp_path / "b.gpkg"), "--asof", "yesterday"], "--asof is 'yesterday'"),
        (["nothing", str(tmp_path / "b.gpkg")], "no layer 'nothing'"),
    ):
        refused = runner.invoke(app, ["export", *words])
        assert isinstance(refused.exception, CimError)
        assert message in refused.exception.detail
    assert not (tmp_path / "b.gpkg").exists()


def test_nothing_of_models_is_taken_back(
    engine: Engine, export: Export, other: Engine, settings: Settings, tmp_path: Path
) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO cim.element (layer_id, source_key, ifc_class) VALUES ('elements', 'e', 'IfcWall')")
        )
    export("elements", tmp_path / "elements.gpkg")
    known = [importer for importer in importers() if importer.name != "ifc"]
    context = ImportContext(ImportOptions(), settings)
    [report] = import_paths(other, [tmp_path / "elements.gpkg"], context, known)
    assert report.status == "refused"
    assert "filled from models" in str(report.error)
