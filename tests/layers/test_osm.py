"""A small OpenStreetMap file made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import shapely
from sqlalchemy import Engine

from cim.importing import ImportContext, ImportOptions
from cim.settings import Settings
from layers.sources.mending import mend_file
from layers.sources.osm_tags import metres, whole
from layers.sources.quarantine_file import export_rows

NODES = {
    1: (9.50, 47.10), 2: (9.51, 47.10), 3: (9.51, 47.11), 4: (9.50, 47.11),
    5: (9.503, 47.103), 6: (9.507, 47.103), 7: (9.507, 47.107), 8: (9.503, 47.107),
    9: (9.52, 47.12), 10: (9.53, 47.13),
}  # fmt: skip
SQUARE, HOLE = [1, 2, 3, 4, 1], [5, 6, 7, 8, 5]


def way(number: int, nodes: list[int], **tags: str) -> str:
    refs = "".join(f'<nd ref="{node}"/>' for node in nodes)
    return f'<way id="{number}" version="1">{refs}{tagged(tags)}</way>'


def tagged(tags: dict[str, str]) -> str:
    return "".join(f'<tag k="{key.replace("__", ":")}" v="{value}"/>' for key, value in tags.items())


@pytest.fixture
def extract(tmp_path: Path) -> Path:
    nodes = "".join(f'<node id="{n}" version="1" lon="{x}" lat="{y}"/>' for n, (x, y) in NODES.items())
    nodes += f'<node id="11" version="1" lon="9.54" lat="47.1">{tagged({"building": "yes", "name": "Stall"})}</node>'
    ways = [
        way(100, SQUARE, building="residential", name="Haus", height="12.5 m", building__levels="4"),
        way(101, [1, 2, 3], building="yes"),
        way(102, SQUARE),
        way(103, HOLE),
        way(104, [9, 10], highway="residential", name="Gasse", maxspeed="30", oneway="yes", layer="-1"),
        way(105, [9, 10], waterway="river", name="Rhein"),
        way(106, [9, 10], man_made="pipeline", substance="gas", operator="LGV", diameter="200"),
        way(107, HOLE, natural="water", water="pond"),
        way(108, SQUARE, building="no"),
        way(109, [9, 99], highway="track"),
        way(110, [9, 10], power="line", voltage="110000"),
        way(111, SQUARE, highway="pedestrian", area="yes"),
    ]
    relation = (
        '<relation id="200" version="1"><member type="way" ref="102" role="outer"/>'
        f'<member type="way" ref="103" role="inner"/>'
        f"{tagged({'type': 'multipolygon', 'building': 'school'})}</relation>"
        '<relation id="201" version="1"><member type="way" ref="999" role="outer"/>'
        f"{tagged({'type': 'boundary', 'boundary': 'administrative', 'admin_level': '8'})}</relation>"
    )
    path = tmp_path / "town.osm"
    path.write_text(f'<osm version="0.6" generator="hand">{nodes}{"".join(ways)}{relation}</osm>', "utf-8")
    return path


def test_every_object_is_imported_or_rejected(take: Any, ask: Any, extract: Path) -> None:
    report = take(extract)
    counts = {layer: (c.read, c.added, c.quarantined) for layer, c in report.layers.items()}
    assert counts == {
        "buildings": (4, 2, 2),
        "roads": (2, 1, 1),
        "rivers": (1, 1, 0),
        "pipes": (1, 1, 0),
        "river_areas": (1, 1, 0),
        "power_lines": (1, 1, 0),
        "admin_areas": (1, 0, 1),
    }
    assert sorted(ask("select place, reason from quarantine")) == [
        ("node/11", "no_footprint"),
        ("relation/201", "invalid_area"),
        ("way/101", "invalid_area"),
        ("way/109", "unreadable_geometry"),
    ]
    [stall] = ask("select record, geom_wkt, crs from quarantine where place = 'node/11'")
    assert (stall.record["name"], stall.record["@extra"]["building"]) == ("Stall", "yes")
    assert (stall.geom_wkt, stall.crs) == ("POINT (9.54 47.1)", "EPSG:4326")
    [found] = ask("select licence, is_ballpark, crs from dataset")
    assert tuple(found) == ("ODbL 1.0", True, "EPSG:4326")
    assert take(extract).status == "unchanged"


def test_tags_become_columns(take: Any, ask: Any, extract: Path) -> None:
    take(extract)
    house, school = ask(
        "select fields, attributes, ST_Area(geom) a, ST_NRings(geom) rings from building_source order by 1"
    )
    found = {row.fields["code"]: row for row in (house, school)}
    assert found["way/100"].fields == {
        "code": "way/100", "name": "Haus", "use": "住宅", "storeys_above": 4, "height_m": 12.5,
    }  # fmt: skip
    assert found["way/100"].attributes["building"] == "residential"
    assert found["way/100"].a == pytest.approx(0.01 * 0.01)
    assert found["relation/200"].fields["use"] == "学校"
    assert found["relation/200"].a == pytest.approx(0.01 * 0.01 - 0.004 * 0.004)
    assert found["relation/200"].rings == 2
    assert ask('select source_key, name, "class", speed_kmh, oneway, layer_number from road') == [
        ("way/104", "Gasse", "residential", 30.0, True, -1)
    ]
    assert ask("select network, owner, diameter_mm from pipe") == [("gas", "LGV", 200.0)]
    assert ask('select "class" from river_area') == [("pond",)]


def test_a_truncated_extract_is_refused(take: Any, ask: Any, extract: Path) -> None:
    cut = extract.with_name("cut.osm")
    cut.write_bytes(extract.read_bytes()[:-300])
    report = take(cut)
    assert report.status == "refused"
    assert "cut.osm" in report.error
    assert ask("select count(*) from dataset") == [(0,)]
    assert "several layers" in take(extract, layer="roads").error


def test_lengths_of_tags() -> None:
    assert metres("12,5") == 12.5
    assert metres("40 ft") == 12.192
    assert metres("high") is None
    assert whole("3.0") == 3
    assert whole("99999") is None


def test_a_building_without_outline_gets_one(
    take: Any, ask: Any, extract: Path, engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    take(extract)
    path = tmp_path / "wrong.geojson"
    with engine.connect() as connection:
        export_rows(connection, None, path)
    document = json.loads(path.read_text("utf-8"))
    [stall] = [f for f in document["features"] if f["properties"]["_place"] == "node/11"]
    stall["geometry"] = shapely.geometry.mapping(shapely.box(9.54, 47.1, 9.5401, 47.1001))
    document["features"] = [stall]
    path.write_text(json.dumps(document), "utf-8")
    [report] = mend_file(engine, path, ImportContext(ImportOptions(), settings))
    assert report.layers["buildings"].added == 1
    [found] = ask("select fields, attributes from building_source where source_key = 'node/11'")
    assert (found.fields["name"], found.attributes) == ("Stall", {"building": "yes", "name": "Stall"})
    extract.write_text(extract.read_text("utf-8").replace("Gasse", "Weg"), "utf-8")
    counts = take(extract).layers["buildings"]
    assert (counts.read, counts.unchanged, counts.quarantined, counts.mended) == (4, 3, 1, 1)
