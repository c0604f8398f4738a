"""The same rows in every format: what is imported and what is quarantined add up to the rows of the file."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from shapely import LineString, Point, Polygon, box

SEEDS = range(3)


def rows_of(seed: int) -> geopandas.GeoDataFrame:
    """Return trees, some of them good; names and codes may be missing or doubled, places missing."""
    random = np.random.default_rng(seed)
    size = int(random.integers(5, 40))
    codes = [None if random.random() < 0.1 else f"T{random.integers(0, size)}" for _ in range(size)]
    shapes = [
        None if random.random() < 0.15 else Point(114.2 + random.random() / 10, 22.6 + random.random() / 10)
        for _ in range(size)
    ]
    columns = {"编码": codes, "树种": random.choice(["榕树", "凤凰木"], size), "胸径": random.random(size).round(3)}
    return geopandas.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4326")


def geojson(frame: geopandas.GeoDataFrame, path: Path) -> Path:
    frame.to_file(path, driver="GeoJSON", engine="pyogrio")
    return path


def geojson_lines(frame: geopandas.GeoDataFrame, path: Path) -> Path:
    features = json.loads(frame.to_json())["features"]
    path.write_text("".join(f"\x1e{json.dumps(feature)}\n" for feature in features), "utf-8")
    return path


def parquet(frame: geopandas.GeoDataFrame, path: Path) -> Path:
    frame.to_parquet(path, row_group_size=7)
    return path


def by_gdal(driver: str) -> Callable[[geopandas.GeoDataFrame, Path], Path]:
    def write(frame: geopandas.GeoDataFrame, path: Path) -> Path:
        frame.to_file(path, driver=driver, engine="pyogrio", encoding="UTF-8")
        return path

    return write


def flatgeobuf(frame: geopandas.GeoDataFrame, path: Path) -> Path:
    # With an index the rows are sorted by place and must all have one.
    frame.to_file(path, driver="FlatGeobuf", engine="pyogrio", SPATIAL_INDEX="NO")
    return path


def kmz(frame: geopandas.GeoDataFrame, path: Path) -> Path:
    kml = by_gdal("KML")(frame, path.with_suffix(".kml"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(kml, "doc.kml")
    kml.unlink()
    return path


def table(frame: geopandas.GeoDataFrame) -> pd.DataFrame:
    plain = pd.DataFrame(frame.drop(columns="geometry"))
    plain["经度"], plain["纬度"] = frame.geometry.x, frame.geometry.y
    return plain


def register(frame: geopandas.GeoDataFrame, path: Path) -> Path:
    table(frame).to_csv(path, index=False)
    return path


def workbook(frame: geopandas.GeoDataFrame, path: Path) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["行道树登记表"])
    plain = table(frame)
    sheet.append(list(plain.columns))
    for row in plain.itertuples(index=False):
        sheet.append([None if value != value else value for value in row])
    book.save(path)
    return path


FORMATS = {
    "trees.gpkg": by_gdal("GPKG"), "trees.shp": by_gdal("ESRI Shapefile"), "trees.fgb": flatgeobuf,
    "trees.geojson": geojson, "trees.geojsonl": geojson_lines, "trees.parquet": parquet, "trees.kml": by_gdal("KML"),
    "trees.kmz": kmz, "trees.gml": by_gdal("GML"), "trees.csv": register, "trees.xlsx": workbook,
}  # fmt: skip
FORMAT_NAMES = {
    "gpkg": "GeoPackage", "shp": "Shapefile", "fgb": "FlatGeobuf", "geojson": "GeoJSON", "geojsonl": "GeoJSONSeq",
    "parquet": "GeoParquet", "kml": "KML", "kmz": "KML", "gml": "GML", "csv": "CSV", "xlsx": "XLSX",
}  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", FORMATS)
def test_row_identity(take: Any, ask: Any, tmp_path: Path, name: str, seed: int) -> None:
    frame = rows_of(seed)
    folder = tmp_path / "in"
    folder.mkdir()
    path = FORMATS[name](frame, folder / name)
    report = take(path, layer="trees")
    assert report.status == "imported", report.error
    counts = report.layers["trees"]
    assert counts.read == len(frame)
    known = frame[frame["编码"].notna() & ~frame.geometry.isna()]
    expected = known.drop_duplicates("编码")
    found = {
        row.source_key: row for row in ask("select source_key, attributes, ST_X(geom) x, ST_Y(geom) y from feature")
    }
    assert set(found) == set(expected["编码"])
    assert counts.added == len(expected)
    assert counts.quarantined == len(frame) - len(expected) == len(ask("select 1 from quarantine"))
    for row in expected.itertuples():
        assert (found[row.编码].x, found[row.编码].y) == pytest.approx((row.geometry.x, row.geometry.y), abs=1e-7)
        assert float(found[row.编码].attributes["胸径"]) == pytest.approx(row.胸径)
        assert found[row.编码].attributes["树种"] == row.树种
    [dataset] = ask("select format from dataset")
    assert dataset.format == FORMAT_NAMES[name.rsplit(".", 1)[1]]
    assert sorted(entry.name for entry in folder.iterdir() if entry.suffix in {".gfs", ".tmp"}) == []
    assert take(path, layer="trees").status == "unchanged"


def test_a_bad_line_of_a_sequence_is_one_bad_row(take: Any, ask: Any, tmp_path: Path) -> None:
    good = {
        "type": "Feature",
        "properties": {"编码": "T1"},
        "geometry": {"type": "Point", "coordinates": [114.2, 22.7]},
    }
    path = tmp_path / "trees.geojsonl"
    lines = [
        json.dumps(good),
        '{"type": "Feature", "prop',
        "[1, 2]",
        json.dumps(good | {"geometry": {"type": "Point"}}),
    ]
    path.write_text("\n".join(lines), "utf-8")
    counts = take(path).layers["trees"]
    assert (counts.read, counts.added, counts.quarantined) == (4, 1, 3)
    assert sorted(ask("select place, reason from quarantine")) == [
        ("row 2", "unreadable_row"), ("row 3", "unreadable_row"), ("row 4", "unreadable_geometry"),
    ]  # fmt: skip


def test_geoparquet_systems(take: Any, ask: Any, tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame({"编码": ["T1"]}, geometry=[Point(522_000, 2_511_000)], crs="EPSG:4547")
    path = tmp_path / "trees.parquet"
    frame.to_parquet(path, geometry_encoding="geoarrow")
    assert take(path).layers["trees"].added == 1
    [row] = ask("select ST_X(geom) x, ST_Y(geom) y from feature")
    assert (row.x, row.y) == pytest.approx((114.214, 22.695), abs=0.01)
    # 'crs: null' says that nobody knows it.
    document = pq.read_table(path)
    geo = json.loads(document.schema.metadata[b"geo"])
    geo["columns"]["geometry"]["crs"] = None
    unknown = tmp_path / "unknown.parquet"
    pq.write_table(document.replace_schema_metadata({b"geo": json.dumps(geo).encode()}), unknown)
    assert "--crs" in take(unknown).error
    plain = tmp_path / "plain.parquet"
    pq.write_table(pa.table({"a": [1]}), plain)
    assert "no geometr" in take(plain).error


def test_dxf_lines_need_a_system(take: Any, ask: Any, tmp_path: Path) -> None:
    lines = [
        LineString([(522_000, 2_511_000), (522_100, 2_511_050)]),
        LineString([(522_100, 2_511_050), (522_200, 2_511_000)]),
    ]
    path = tmp_path / "给水管线.dxf"
    with pytest.warns(UserWarning, match="crs"):
        geopandas.GeoDataFrame({"Layer": ["a", "b"]}, geometry=lines).to_file(path, driver="DXF", engine="pyogrio")
    assert "--crs" in take(path).error
    counts = take(path, crs="EPSG:4547").layers["pipes"]
    assert (counts.read, counts.added) == (2, 2)
    [row] = ask("select network, count(*) n, sum(length_m) length from pipe group by 1")
    assert (row.network, row.n) == ("water", 2)
    assert row.length == pytest.approx(2 * (100**2 + 50**2) ** 0.5, rel=1e-3)
    binary = tmp_path / "binary.dxf"
    binary.write_bytes(b"AutoCAD Binary DXF\r\n\x1a\0rest")
    assert "ASCII" in take(binary).error


def test_gml_axis_order(take: Any, ask: Any, tmp_path: Path) -> None:
    """A URN names latitude first; GDAL turns it."""
    path = by_gdal("GML")(rows_of(1), tmp_path / "trees.gml")
    text = path.read_text("utf-8")
    assert "urn:ogc:def:crs:EPSG::4326" in text or "opengis.net/def/crs/EPSG/0/4326" in text
    take(path, layer="trees")
    [box_] = ask("select ST_XMin(ST_Extent(geom)) w, ST_YMin(ST_Extent(geom)) s from feature")
    assert box_.w > 114
    assert box_.s < 23


def test_entities_are_not_read(take: Any, tmp_path: Path) -> None:
    path = tmp_path / "trees.kml"
    path.write_text(
        '<?xml version="1.0"?><!DOCTYPE kml [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        '<kml xmlns="http://www.opengis.net/kml/2.2"><Document/></kml>'
    )
    assert "entities" in take(path).error


def test_sheets_of_a_workbook(take: Any, ask: Any, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    first = book.active
    first.title = "停车场"
    first.append(["编码", "名称", "总车位", "经度", "纬度"])
    first.append(["P1", "东", 10, 114.2, 22.7])
    first.append(["P2", "西", 20, 114.2, 22.7, "too much"])
    second = book.create_sheet("摄像机")
    second.append(["设备编码", "名称", "经度", "纬度", "方位角"])
    second.append(["C1", "南", 114.2, 22.7, 90])
    book.create_sheet("说明").append(["只有一行"])
    path = tmp_path / "登记.xlsx"
    book.save(path)
    report = take(path)
    assert {layer: (c.read, c.added, c.quarantined) for layer, c in report.layers.items()} == {
        "parking": (2, 1, 1), "cameras": (1, 1, 0),
    }  # fmt: skip
    assert any("说明" in note.message for note in report.notes)
    assert ask("select capacity from parking") == [(10,)]


def test_an_unclosed_ring_is_closed(take: Any, ask: Any, tmp_path: Path) -> None:
    ring = shapely.to_wkb(box(114.2, 22.7, 114.201, 22.701))
    # Drop the last point and say that there is one less.
    count = int.from_bytes(ring[9:13], "little")
    open_ring = ring[:9] + (count - 1).to_bytes(4, "little") + ring[13:-16]
    geo = {
        "version": "1.1.0",
        "primary_column": "geometry",
        "columns": {"geometry": {"encoding": "WKB", "geometry_types": ["Polygon"]}},
    }
    data = pa.table({"编码": ["B1"], "geometry": pa.array([open_ring], pa.binary())})
    path = tmp_path / "plots.parquet"
    pq.write_table(data.replace_schema_metadata({b"geo": json.dumps(geo).encode()}), path)
    counts = take(path).layers["plots"]
    assert (counts.read, counts.added, counts.repaired) == (1, 1, 1)
    assert ask("select kind from repair") == [("unclosed_ring",)]
    [row] = ask("select ST_Area(geom) a from feature")
    assert row.a == pytest.approx(Polygon(box(114.2, 22.7, 114.201, 22.701)).area)
