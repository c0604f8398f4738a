"""Catchments end at the ridge, wherever the raster has its coordinates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from shapely import LineString
from sqlalchemy import Engine

from cim.errors import NotFound
from layers.water.catchments import make_catchments

E0, N0, SIZE, PIXEL = 522_000.0, 2_511_000.0, 200, 5.0


@pytest.fixture
def valleys(tmp_path: Path) -> Path:
    """Two valleys of a square kilometre, a ridge at 400 m; both fall to the south."""
    x = (np.arange(SIZE) + 0.5) * PIXEL
    y = (np.arange(SIZE)[::-1] + 0.5) * PIXEL
    # Valley floors at x = 202.5 and x = 702.5; the ridge between them at x = 400.
    across = np.where(x < 400, np.abs(x - 202.5), np.abs(x - 702.5) * 197.5 / 302.5)
    heights = (50 + 0.2 * across[None, :] + 0.02 * y[:, None]).astype("float32")
    path = tmp_path / "dem.tif"
    with rasterio.open(path, "w", driver="GTiff", width=SIZE, height=SIZE, count=1, dtype="float32", crs="EPSG:4547",
                       transform=Affine(PIXEL, 0, E0, 0, -PIXEL, N0 + SIZE * PIXEL)) as raster:  # fmt: skip
        raster.write(heights, 1)
    lines = [LineString([(E0 + at, N0 + 998), (E0 + at, N0 + 2)]) for at in (202.5, 702.5)]
    frame = geopandas.GeoDataFrame({"河道编码": ["WEST", "EAST"], "名称": ["西河", "东河"]}, geometry=lines, crs=4547)
    frame.to_file(tmp_path / "rivers.gpkg", layer="河道", engine="pyogrio")
    return path


def test_a_ridge_parts_two_catchments(take: Any, ask: Any, valleys: Path, engine: Engine, settings: Any) -> None:
    take(valleys.parent / "rivers.gpkg")
    with engine.begin() as connection, pytest.raises(NotFound, match="import rivers and a height raster"):
        make_catchments(connection, settings.files)
    take(valleys)
    with engine.begin() as connection:
        made = make_catchments(connection, settings.files)
    assert (made.rivers, made.catchments, made.changed, made.crs) == (2, 2, 2, "EPSG:4547")
    rows = ask(
        "select r.source_key, c.name, c.area_m2, c.attributes ->> 'terrain_crs', c.dataset_id from catchment c"
        " join river r on r.id = c.river_id order by 1 desc"
    )
    # 400 m and 600 m by a kilometre, two pixels of doubt at the ridge; geodesic areas against the projection's scale
    assert [row[0] for row in rows] == ["WEST", "EAST"]
    assert [row[2] for row in rows] == [pytest.approx(400_000, abs=10_500), pytest.approx(600_000, abs=10_500)]
    assert sum(row[2] for row in rows) == pytest.approx(1_000_000, rel=0.003)
    assert {(row[3], row[4]) for row in rows} == {("EPSG:4547", None)}
    with engine.begin() as connection:
        assert make_catchments(connection, settings.files).changed == 0


@pytest.mark.shared
@pytest.mark.slow
def test_catchments_of_andorra_in_degrees(
    take: Any, ask: Any, shared_data: Path, engine: Engine, settings: Any
) -> None:
    """SRTM is in degrees: areas stay square metres, no ground belongs to two rivers, and each holds its river."""
    take(shared_data / "osm" / "andorra-2019.osm.pbf")
    take(shared_data / "dem" / "N42E001.hgt.zip")
    with engine.begin() as connection:
        made = make_catchments(connection, settings.files)
    # A brook shorter than a few pixels of 80 m may share all of them with another river.
    without = ask(
        "select count(*) filter (where c.id is null), count(*) from river r left join catchment c on c.river_id = r.id"
        " where r.length_m > 400 and exists (select from terrain t where ST_Covers(t.geom, r.geom))"
    )
    assert without[0][0] <= 0.01 * without[0][1]
    assert made.catchments < made.rivers
    [(total, union)] = ask("select sum(area_m2), ST_Area(ST_Union(geom)::geography) from catchment")
    assert total == pytest.approx(union, rel=1e-6)
    # Andorra is 468 km2, and its rivers gather nearly all of it and some ground beyond its borders.
    assert 350e6 < total < 2_000e6
    shares = ask(
        "select ST_Length(ST_Intersection(r.geom, c.geom)::geography) / r.length_m from catchment c"
        " join river r on r.id = c.river_id where r.length_m > 1000"
    )
    # Of rivers longer than ten pixels most of the line lies in the catchment; where two share a pixel one has it.
    assert np.median([row[0] for row in shares]) > 0.9
