"""Real files: counts equal those of an independent reading, to the row."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import osmium
import pyogrio
import pytest
import rasterio
import shapely
from pyproj import Geod
from sqlalchemy import Engine

from cim.settings import Settings
from layers.terrain.heights import sample_heights

pytestmark = pytest.mark.shared

MUNICIPALITIES = (
    "Vaduz", "Schaan", "Balzers", "Triesen", "Triesenberg", "Planken", "Eschen", "Mauren", "Gamprin", "Ruggell",
    "Schellenberg",
)  # fmt: skip


class Counting(osmium.SimpleHandler):  # type: ignore[misc]
    """Counts by osmium's own callbacks."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        self.areas: set[int] = set()

    def node(self, node: Any) -> None:
        self.found["building node"] += "building" in node.tags and node.tags["building"] != "no"

    def way(self, way: Any) -> None:
        tags = way.tags
        self.found["highway"] += "highway" in tags and tags.get("area") != "yes"
        self.found["pipeline"] += tags.get("man_made") == "pipeline"
        self.found["building"] += "building" in tags and tags["building"] != "no"

    def relation(self, relation: Any) -> None:
        self.found["building"] += "building" in relation.tags and relation.tags["building"] != "no"

    def area(self, area: Any) -> None:
        self.found["building area"] += "building" in area.tags and area.tags["building"] != "no"


@pytest.mark.slow
def test_liechtenstein(take: Any, ask: Any, shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "place_liechtenstein" / "liechtenstein-2022-07.osm.pbf"
    report = take(path)
    counting = Counting()
    counting.apply_file(str(path), locations=True)
    buildings = report.layers["buildings"]
    nodes = counting.found["building node"]
    assert buildings.read == counting.found["building"] + nodes == 17_639 + nodes
    assert buildings.quarantined == counting.found["building"] - counting.found["building area"] + nodes == 1 + nodes
    assert nodes > 0
    assert ask("select count(*) from building_source") == [(counting.found["building area"],)]
    assert report.layers["roads"].added == counting.found["highway"]
    assert report.layers["pipes"].added == counting.found["pipeline"] == 45
    assert ask("select round(sum(length_m) / 1000) from pipe") == [(33.0,)]
    wkb = [bytes(row[0]) for row in ask("select ST_AsBinary(geom) from pipe")]
    length = sum(Geod(ellps="GRS80").geometry_length(shapely.from_wkb(line)) for line in wkb)
    assert ask("select sum(length_m) from pipe")[0][0] == pytest.approx(length, rel=1e-9)
    names = {row[0] for row in ask("select name from feature where layer_id = 'admin_areas'")}
    assert set(MUNICIPALITIES) <= names


def test_liechtenstein_terrain(
    take: Any, ask: Any, shared_data: Path, tmp_path: Path, engine: Engine, settings: Settings
) -> None:
    take(shared_data / "place_liechtenstein" / "N47E009.hgt.zip")
    [row] = ask("select void_share, vertical_crs from terrain")
    assert row.void_share == pytest.approx(15_299 / 1201**2)
    shutil.unpack_archive(shared_data / "place_liechtenstein" / "N47E009.hgt.zip", tmp_path)
    with rasterio.open(next(tmp_path.glob("**/*.hgt"))) as raster:
        lon, lat = raster.xy(np.arange(200, 1000, 50), np.arange(200, 1000, 50))
        expected = np.array([value[0] for value in raster.sample(zip(lon, lat, strict=True))], float)
    expected[expected == -32768] = np.nan
    with engine.connect() as connection:
        found = sample_heights(connection, settings.files, lon, lat)
    assert np.allclose(found, expected, atol=1e-3, equal_nan=True)


def test_delft(take: Any, ask: Any, shared_data: Path) -> None:
    path = shared_data / "place_delft" / "delft_bgt.gpkg"
    report = take(path)
    expected = {name: pyogrio.read_info(path, layer=name)["features"] for name, _ in pyogrio.list_layers(path)}
    renamed = {"pand": "buildings", "waterdeel": "river_areas"}
    assert {layer: counts.read for layer, counts in report.layers.items()} == {
        renamed.get(name, name): count for name, count in expected.items()
    }
    assert report.quarantined == 0
    # The Oude Kerk quarter of Delft; PROJ's fallback for the Dutch datum would be 100 m off.
    frame = pyogrio.read_dataframe(path, layer="pand").to_crs("EPSG:4326")
    west, south, east, north = ask(
        "select min(ST_XMin(geom)), min(ST_YMin(geom)), max(ST_XMax(geom)), max(ST_YMax(geom)) from building_source"
    )[0]
    assert (west, south, east, north) == pytest.approx(tuple(frame.total_bounds), abs=1e-7)
    campus = take(shared_data / "place_delft" / "tudcampus.geojson").layers["buildings"]
    assert campus.read == 1_529
    assert campus.added == len(
        pyogrio.read_dataframe(shared_data / "place_delft" / "tudcampus.geojson")["identificatie"].unique()
    )
    for name in ("delft_dtm_1m.tif", "delft_dsm_1m.tif"):
        assert take(shared_data / "place_delft" / name).layers["terrain"].added == 1
    assert sorted(ask("select kind, vertical_crs from terrain")) == [("dsm", "EPSG:5709"), ("dtm", "EPSG:5709")]


def test_shenzhen(take: Any, ask: Any, shared_data: Path) -> None:
    folder = shared_data / "shenzhen"
    assert take(folder / "sz_districts_wgs84.json").layers["admin_areas"].added == 10
    asked = take(folder / "sz_districts_gcj02_datav.json")
    assert "GCJ-02" in asked.error
    assert take(folder / "sz_districts_gcj02_datav.json", crs="GCJ-02").layers["admin_areas"].added == 9
    refused = take(folder / "grid_500m.shp")
    assert refused.status == "refused"
    assert "--crs" in refused.error
    report = take(folder / "grid_500m.shp", crs="EPSG:4326")
    assert report.layers["grid_cells"].read == pyogrio.read_info(folder / "grid_500m.shp")["features"] == 9_005
    assert report.quarantined == 0
    names = {row[0] for row in ask("select name from feature where layer_id = 'admin_areas'")}
    assert any("龙岗" in name for name in names)
