"""Coordinates of web maps that claim WGS 84 are recognised by what the model holds, and asked about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely

from cim import china_offset

if TYPE_CHECKING:
    from conftest import Ask, Take

Move = Callable[..., Any]
MOVES: dict[str, Move] = {"GCJ-02": china_offset.gcj02_of_wgs84, "BD-09": china_offset.bd09_of_wgs84}
WEST, SOUTH, LOT = 114.20, 22.70, 0.0004


def _town(seed: int = 1, fill: float = 0.55) -> list[shapely.Polygon]:
    """Lay out 60 rows of 60 lots of about 40 m, each row in its own way, with a house of its own size on each lot."""
    random = np.random.default_rng(seed)
    depths = LOT * random.uniform(0.7, 1.3, 60)
    south = SOUTH + np.cumsum(depths) - depths + np.arange(60) // 10 * 0.0003
    along = random.uniform(0, LOT, 60)
    houses = []
    for row, column in np.ndindex(60, 60):
        x, y = WEST + along[row] + column * LOT + column // 10 * 0.0003, south[row]
        share_x, share_y = np.sqrt(fill) * random.uniform(0.85, 1.15, 2)
        houses.append(shapely.box(x, y, x + share_x * LOT, y + share_y * depths[row]))
    return houses


def _streets() -> list[shapely.LineString]:
    """Return the axes of the streets between the blocks of ten lots, in one direction, a piece a block."""
    pieces = []
    for number in range(1, 6):
        x = WEST + 10 * number * LOT + (number - 0.5) * 0.0003
        for block in range(6):
            y = SOUTH + block * (10 * LOT + 0.0003)
            pieces.append(shapely.LineString([(x, y), (x, y + 8 * LOT)]))
    return pieces


def _write(path: Path, shapes: list[Any], move: Move | None = None, **columns: list[Any]) -> Path:
    values = np.array(shapes, dtype=object)
    if move is not None:
        values = shapely.transform(values, lambda points: np.column_stack(move(*points.T)))
    frame = geopandas.GeoDataFrame({"编码": [f"K{n}" for n in range(len(shapes))]} | columns, geometry=values, crs=4326)
    pyogrio.write_dataframe(frame, path)
    return path


def _points(houses: list[shapely.Polygon], count: int, seed: int = 2) -> list[shapely.Point]:
    chosen = np.random.default_rng(seed).choice(len(houses), count, replace=False)
    return [houses[n].centroid for n in chosen]


@pytest.fixture
def town(take: Take, tmp_path: Path) -> list[shapely.Polygon]:
    houses = _town()
    path = _write(tmp_path / "town.gpkg", houses, 建筑编码=[f"44030700100100{n:05d}" for n in range(len(houses))])
    assert take(path, layer="buildings").status == "imported"
    roads = _write(tmp_path / "streets.gpkg", _streets())
    assert take(roads, layer="roads").status == "imported"
    return houses


@pytest.mark.parametrize("system", ["GCJ-02", "BD-09"])
def test_points_of_a_web_map_wait_with_the_evidence_and_the_remedy(
    town: list[shapely.Polygon], take: Take, ask: Ask, tmp_path: Path, system: str
) -> None:
    path = _write(tmp_path / "shops.geojson", _points(town, 60), MOVES[system])
    report = take(path, layer="shops")
    assert report.status == "waiting"
    assert f"--crs {system}" in str(report.error)
    assert "100 % lie in a building" in str(report.error)
    assert "--crs EPSG:4326" in str(report.error)
    ((row,),) = ask("select record from cim.quarantine where reason = 'doubtful_crs'")
    assert row["likely"] == system
    assert 300 < row["offset_m"] < 1500
    assert row["agreement"][system] - row["agreement"]["as it is"] > 0.2
    assert ask("select 1 from cim.feature where layer_id = 'shops'") == []
    taken = take(path, layer="shops", crs=system)
    assert taken.status == "imported"
    assert ask("select count(*) from cim.quarantine") == [(0,)]
    assert ask(
        "select count(*) from cim.feature f join cim.building b on ST_Contains(b.geom, f.geom)"
        " where f.layer_id = 'shops'"
    ) == [(60,)]
    ((crs, transform),) = ask("select crs, transform from cim.dataset where name = 'shops.geojson'")
    assert (crs, "residual below 1e-9 deg" in transform) == (system, True)


def test_the_word_of_the_operator_is_taken(town: list[shapely.Polygon], take: Take, tmp_path: Path) -> None:
    path = _write(tmp_path / "shops.geojson", _points(town, 60), MOVES["GCJ-02"])
    assert take(path, layer="shops", crs="EPSG:4326").status == "imported"


def test_footprints_and_lines_are_recognised_too(town: list[shapely.Polygon], take: Take, tmp_path: Path) -> None:
    some = [town[n] for n in range(0, 3600, 20)]
    outlines = take(_write(tmp_path / "houses.geojson", some, MOVES["GCJ-02"]), layer="buildings")
    assert (outlines.status, "cover a building" in str(outlines.error)) == ("waiting", True)
    lines = take(_write(tmp_path / "bus_lines.geojson", _streets(), MOVES["GCJ-02"]), layer="bus_lines")
    assert (lines.status, "along a road" in str(lines.error)) == ("waiting", True)


def test_a_register_with_longitudes_of_a_web_map_waits(town: list[shapely.Polygon], take: Take, tmp_path: Path) -> None:
    rows = [MOVES["GCJ-02"](point.x, point.y) for point in _points(town, 40)]
    lines = [f"X{n},{float(x):.7f},{float(y):.7f}" for n, (x, y) in enumerate(rows)]
    path = tmp_path / "shops.csv"
    path.write_text("编码,经度,纬度\n" + "\n".join(lines) + "\n", encoding="utf-8")
    report = take(path, layer="shops")
    assert (report.status, "--crs GCJ-02" in str(report.error)) == ("waiting", True)
    assert take(path, layer="shops", crs="GCJ-02").status == "imported"


@pytest.mark.parametrize("seed", range(6))
def test_right_files_raise_no_alarm(town: list[shapely.Polygon], take: Take, tmp_path: Path, seed: int) -> None:
    """Where half of the ground is built on, points that have nothing to do with buildings lie on some by chance."""
    random = np.random.default_rng(seed)
    high = [WEST + 60 * LOT, SOUTH + 60 * LOT]
    anywhere = [shapely.Point(*random.uniform([WEST, SOUTH], high)) for _ in range(int(random.integers(10, 300)))]
    at_streets = [line.interpolate(random.uniform(), normalized=True) for line in _streets() * 3]
    lines = [shapely.LineString(random.uniform([WEST, SOUTH], high, (3, 2))) for _ in range(40)]
    for name, shapes in (
        ("trees", anywhere),
        ("lamps", at_streets),
        ("shops", _points(town, 30, seed)),
        ("cables", lines),
        ("plots", [point.buffer(0.0001) for point in anywhere]),
        ("few", anywhere[:7]),
    ):
        report = take(_write(tmp_path / f"{name}.geojson", shapes), layer=name)
        assert report.status == "imported", (name, report.error)


def test_places_far_from_all_that_is_known_raise_no_alarm(
    town: list[shapely.Polygon], take: Take, tmp_path: Path
) -> None:
    there = [shapely.Point(point.x + 0.5, point.y) for point in _points(town, 50)]
    assert take(_write(tmp_path / "elsewhere.geojson", there, MOVES["GCJ-02"]), layer="elsewhere").status == "imported"
    abroad = [shapely.Point(9.5 + n / 1000, 47.1) for n in range(50)]
    assert take(_write(tmp_path / "abroad.geojson", abroad), layer="abroad").status == "imported"


@pytest.mark.shared
def test_the_districts_of_shenzhen_as_a_web_map_has_them(
    take: Take, ask: Ask, shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "shenzhen"
    assert take(folder / "sz_districts_wgs84.json").status == "imported"
    report = take(folder / "sz_districts_gcj02_datav.json")
    assert report.status == "waiting"
    assert "--crs GCJ-02" in str(report.error)
    assert take(folder / "sz_districts_gcj02_datav.json", crs="GCJ-02").status == "imported"
    # Independent of the recognition: whole outlines, all districts together and each with its counterpart.
    rows = ask(
        "select d.name, ST_AsBinary(f.geom) from cim.feature f join cim.dataset d on d.id = f.dataset_id"
        " where d.name like 'sz_districts%' and ST_Dimension(f.geom) = 2"
    )
    shapes: dict[str, list[Any]] = {}
    for dataset, wkb in rows:
        shapes.setdefault(dataset, []).append(shapely.make_valid(shapely.from_wkb(bytes(wkb))))
    wgs84, gcj02 = shapes["sz_districts_wgs84.json"], shapes["sz_districts_gcj02_datav.json"]
    assert (len(wgs84), len(gcj02)) == (10, 9)
    assert _overlap(shapely.union_all(wgs84), shapely.union_all(gcj02)) >= 0.985
    # One file has a new district apart from the old one: the pair has no counterpart, the other eight have.
    best = sorted((max(_overlap(a, b) for b in wgs84) for a in gcj02), reverse=True)
    assert best[7] >= 0.98, best


def _overlap(a: Any, b: Any) -> float:
    return float(a.intersection(b).area / a.union(b).area)
