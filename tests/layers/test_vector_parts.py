"""The parts that vector imports are made of: transforms, checks, keys, names, encodings."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import shapely
from pyproj import CRS
from shapely import Point, Polygon, box

from cim import encoding
from cim.crs import parse_crs, to_geographic
from layers.sources import vector
from layers.sources.geometry import check, outside, plausible_bounds
from layers.sources.guess import says
from layers.sources.keys import SeenKeys

E, N = 522_000.0, 2_511_000.0  # in Longgang, EPSG:4547


@pytest.mark.parametrize(
    ("code", "x", "y", "expected"),
    [
        # RD New, Martinitoren in Groningen and LV95, old observatory of Bern: published WGS 84 positions
        ("EPSG:28992", 233_883.131, 582_065.167, (6.5683, 53.2194)),
        ("EPSG:2056", 2_600_000.0, 1_200_000.0, (7.438632, 46.951083)),
    ],
)
def test_old_datums_do_not_go_astray(code: str, x: float, y: float, expected: tuple[float, float]) -> None:
    transform = to_geographic(parse_crs(code))
    lon, lat = transform.points([x], [y])
    assert transform.is_ballpark
    # PROJ's own fallback is off by 0.001 degrees.
    assert abs(lon[0] - expected[0]) < 2e-4
    assert abs(lat[0] - expected[1]) < 2e-4


def test_plausible_bounds_hold_the_area_of_use() -> None:
    west, south, east, north = plausible_bounds(CRS.from_epsg(4547))
    assert west < 400_000 < 600_000 < east
    assert south < 2_500_000 < 4_500_000 < north
    out, swapped = outside(np.array([E, N, 0.0]), np.array([N, E, 0.0]), (west, south, east, north))
    assert out.tolist() == [False, True, True]
    assert swapped.tolist() == [False, True, False]


def test_geometries_are_checked_by_kind() -> None:
    rows = np.array(
        [
            Point(1, 1),
            box(0, 0, 1, 1),
            shapely.MultiPoint([(1, 1)]),
            shapely.MultiPoint([(1, 1), (2, 2)]),
            Point(float("nan"), 1),
            None,
            shapely.Polygon(),
        ],
        object,
    )
    checked = check(rows, frozenset({"point"}), None)
    assert checked.reasons.tolist() == [
        "", "wrong_geometry_type", "", "wrong_geometry_type", "not_finite", "missing_geometry", "missing_geometry",
    ]  # fmt: skip
    assert checked.geometries[2].equals(Point(1, 1))
    flat = check(np.array([Polygon([(0, 0), (1, 1), (0, 0), (0, 0)])], object), frozenset({"polygon"}), None)
    assert flat.reasons.tolist() == ["invalid_geometry"]


def test_seen_keys_find_duplicates_over_batches() -> None:
    generator = np.random.default_rng(7)
    seen, known = SeenKeys(), {}
    row = 1
    for _ in range(12):
        keys = generator.integers(0, 4_000, 700).astype(str).astype(object)
        rows = np.arange(row, row + len(keys))
        expected = []
        for key, number in zip(keys, rows.tolist(), strict=True):
            expected.append(known.get(key, -1))
            known.setdefault(key, number)
        assert seen.add(keys, rows).tolist() == expected
        row += len(keys)


def test_words_in_names() -> None:
    assert says("delft_roads 2020", ["roads"])
    assert not says("broadways", ["roads", "way"])
    assert says("龙岗道路中心线", ["道路"])


def test_encodings() -> None:
    assert encoding.of_values([b"abc", "龙岗".encode()]) == "utf-8"
    assert encoding.of_values(["龙岗区街道".encode("gbk"), "网格".encode("gbk")[:-1]]) == "gb18030"
    assert encoding.of_values(["Zürich".encode("latin-1"), "Genève".encode("latin-1")]) == "iso-8859-1"
    assert encoding.of_text("名称,经度\n".encode("gbk")) == "gb18030"
    assert encoding.of_text(b"\x00\x01\x02") is None
    assert encoding.of_text("name,town\nx,Zürich\n".encode("latin-1")) == "iso-8859-1"
    assert encoding.of_text("名称,街道".encode()[:-1]) == "utf-8"


def test_sqlite_that_is_no_geopackage_is_not_recognised(tmp_path: Path) -> None:
    from cim.sources import Source

    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("create table t (a int)")
    database.close()
    assert not vector.VectorImporter().recognise(Source(path, path.name, tmp_path))
    city = tmp_path / "c.json"
    city.write_text(json.dumps({"type": "CityJSON", "version": "2.0", "CityObjects": {}}))
    assert not vector.VectorImporter().recognise(Source(city, city.name, tmp_path))
