"""Mosaics, filled voids, profiles and heights of buildings, against hand-made ground and numpy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from pyproj import Geod, Transformer
from rasterio.transform import Affine
from sqlalchemy import Engine, text

from cim.access import Caller
from cim.errors import InvalidGeometry, InvalidInput
from cim.settings import Settings
from layers.terrain.heights import FILL_REACH_PX, read_ground
from layers.terrain.profile import height_at, parse_line, take_profile
from layers.terrain.surface import measure_buildings

ADMIN = Caller("admin")
WEST, NORTH = 522_000.0, 2_511_000.0
TO_DEGREES = Transformer.from_crs(4547, 4490, always_xy=True)


def slope(x: Any, y: Any) -> Any:
    return 40.0 + (x - WEST) * 0.01 + (NORTH - y) * 0.02


def write(path: Path, values: Any, pixel_m: float, nodata: float | None = -9999.0) -> Path:
    profile = {"driver": "GTiff", "count": 1, "height": values.shape[0], "width": values.shape[1], "dtype": "float32",
               "crs": "EPSG:4547", "transform": Affine(pixel_m, 0, WEST, 0, -pixel_m, NORTH),
               "nodata": nodata}  # fmt: skip
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(values.astype(np.float32), 1)
    return path


def slope_of(size: int, pixel_m: float) -> Any:
    column, row = np.meshgrid(np.arange(size), np.arange(size))
    return slope(WEST + (column + 0.5) * pixel_m, NORTH - (row + 0.5) * pixel_m)


def degrees(x: float, y: float) -> tuple[float, float]:
    lon, lat = TO_DEGREES.transform(x, y)
    return float(lon), float(lat)


@pytest.fixture
def holed(take: Any, tmp_path: Path) -> None:
    """A slope of 2 x 2 km at 5 m with two holes: one of 10 pixels, one too wide to fill."""
    values = slope_of(400, 5.0)
    values[100:110, 100:110] = -9999
    values[200:380, 200:380] = -9999
    take(write(tmp_path / "slope_5m.tif", values, 5.0))


def test_voids_are_filled_from_their_neighbours_and_marked(holed: None, engine: Engine, settings: Settings) -> None:
    places = [(525.0, 525.0), (100.0, 100.0), (1450.0, 1450.0), (-50.0, 10.0)]
    lon, lat = TO_DEGREES.transform([WEST + x for x, _ in places], [NORTH - y for _, y in places])
    with engine.connect() as connection:
        ground = read_ground(connection, settings.files, lon, lat)
        bare = read_ground(connection, settings.files, lon, lat, fill=False)
    assert ground.is_filled.tolist() == [True, False, False, False]
    assert ground.raster.tolist() == [0, 0, -1, -1]
    assert ground.heights_m[0] == pytest.approx(slope(WEST + 525, NORTH - 525), abs=0.5)
    assert ground.heights_m[1] == pytest.approx(slope(WEST + 100, NORTH - 100), abs=1e-3)
    # 90 pixels from the edge of the wide hole: farther than the reach
    assert FILL_REACH_PX < 90
    assert np.isnan(ground.heights_m[2:]).all()
    assert np.isnan(bare.heights_m[0])


def test_a_height_of_a_coarse_raster_goes_before_a_filled_one(
    holed: None, take: Any, tmp_path: Path, engine: Engine, settings: Settings
) -> None:
    take(write(tmp_path / "coarse_50m.tif", np.full((40, 40), 7.0), 50.0))
    lon, lat = degrees(WEST + 525, NORTH - 525)
    with engine.connect() as connection:
        ground = read_ground(connection, settings.files, [lon], [lat])
        answer = height_at(connection, settings.files, lon, lat, ADMIN)
    assert (ground.heights_m[0], bool(ground.is_filled[0]), ground.rasters[ground.raster[0]].resolution_m) == (
        7.0,
        False,
        pytest.approx(50.0, rel=1e-3),
    )
    assert (answer["height_m"], answer["filled"]) == (7.0, False)
    assert [row["name"] for row in answer["receipt"]["datasets"]] == ["coarse_50m.tif"]


def test_a_profile_is_that_of_the_slope(holed: None, engine: Engine, settings: Settings) -> None:
    ring = [degrees(WEST + 50, NORTH - 50), degrees(WEST + 450, NORTH - 250), degrees(WEST + 450, NORTH - 450)]
    line, samples = parse_line(
        {"geometry": {"type": "LineString", "coordinates": [list(p) for p in ring]}, "samples": 41}
    )
    with engine.connect() as connection:
        answer = take_profile(connection, settings.files, line, samples, ADMIN)
    length = Geod(ellps="GRS80").line_length(*np.array(ring).T)
    assert answer["length_m"] == pytest.approx(length, abs=1e-3)
    assert len(answer["distances_m"]) == len(answer["heights_m"]) == len(answer["coordinates"]) == 42  # and one vertex
    assert np.all(np.diff(answer["distances_m"]) > 0)
    x, y = Transformer.from_crs(4490, 4547, always_xy=True).transform(*np.array(answer["coordinates"]).T)
    assert np.allclose(answer["heights_m"], slope(x, y), atol=2e-3)
    assert answer["lowest_m"] == pytest.approx(slope(WEST + 50, NORTH - 50), abs=2e-3)
    assert (answer["without_height"], any(answer["filled"])) == (0, False)
    assert answer["receipt"]["hash"].startswith("sha256:")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ([], "object"),
        ({"type": "Polygon", "coordinates": []}, "Polygon"),
        ({"type": "LineString", "coordinates": [[114.2, 22.7]]}, "2 to"),
        ({"type": "LineString", "coordinates": [[114.2, 22.7], [1142, 22.7]]}, "position 1"),
        ({"type": "LineString", "coordinates": [[114.2, 22.7], ["a", 22.7]]}, "position 1"),
    ],
)
def test_a_bad_line_is_named(body: Any, word: str) -> None:
    with pytest.raises(InvalidGeometry, match=word):
        parse_line(body)


def test_a_line_of_no_length_and_too_many_samples_are_refused(engine: Engine, settings: Settings) -> None:
    point = shapely.LineString([(114.2, 22.7), (114.2, 22.7)])
    long = shapely.LineString([(114.2, 22.7), (114.21, 22.7)])
    with engine.connect() as connection:
        with pytest.raises(InvalidGeometry, match="no length"):
            take_profile(connection, settings.files, point, None, ADMIN)
        with pytest.raises(InvalidInput, match="samples is 1000000"):
            take_profile(connection, settings.files, long, 1_000_000, ADMIN)


def test_buildings_are_measured_from_ground_and_surface(
    take: Any, engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    ground = slope_of(200, 1.0)
    surface = ground.copy()
    surface[50:70, 50:80] += 21.0
    surface[60, 60] += 30.0  # a mast
    hidden = ground.copy()
    hidden[50:70, 50:80] = -9999  # the ground was not seen under the building
    take(write(tmp_path / "ground_dtm.tif", hidden, 1.0))
    take(write(tmp_path / "surface_dsm.tif", surface, 1.0))
    house = shapely.box(WEST + 50, NORTH - 70, WEST + 80, NORTH - 50)
    meadow = shapely.box(WEST + 100, NORTH - 120, WEST + 120, NORTH - 100)
    tiny = shapely.box(WEST + 10, NORTH - 11, WEST + 11, NORTH - 10)
    outside = shapely.box(WEST + 190, NORTH - 20, WEST + 230, NORTH - 10)
    shapes = [
        shapely.transform(shape, lambda p: np.column_stack(TO_DEGREES.transform(p[:, 0], p[:, 1])))
        for shape in (house, meadow, tiny, outside)
    ]
    with engine.connect() as connection:
        found = measure_buildings(connection, settings.files, shapes)
    low = slope(WEST + 50, NORTH - 50)
    assert low <= found.base_m[0] <= slope(WEST + 80, NORTH - 70)
    inside = surface[50:70, 50:80]
    assert found.height_m[0] == pytest.approx(np.quantile(inside, 0.9) - found.base_m[0], abs=0.05)
    assert found.height_m[0] == pytest.approx(21.0, abs=0.7)
    assert found.pixels[0] == 600
    assert np.isnan(found.height_m[1:]).all()
    assert np.isfinite(found.base_m[1])


def test_a_building_without_a_height_gets_that_of_the_surface(take: Any, engine: Engine, tmp_path: Path) -> None:
    """Footprints before the surface or after it; a height of a building's own stays."""
    ground = slope_of(200, 1.0)
    surface = ground.copy()
    surface[50:70, 50:80] += 21.0
    surface[50:70, 100:130] += 9.0
    surface[50:70, 150:180] += 12.0
    boxes = [shapely.box(WEST + x, NORTH - 70, WEST + x + 30, NORTH - 50) for x in (50, 100, 150)]
    known = {"building_code": ["a", "b"], "height": [None, 33.0]}
    before = gpd.GeoDataFrame(known, geometry=boxes[:2], crs="EPSG:4547")
    before.to_file(tmp_path / "buildings.gpkg")
    take(tmp_path / "buildings.gpkg")
    take(write(tmp_path / "ground_dtm.tif", ground, 1.0))
    take(write(tmp_path / "surface_dsm.tif", surface, 1.0))
    after = gpd.GeoDataFrame({"building_code": ["c"], "height": [None]}, geometry=boxes[2:], crs="EPSG:4547")
    after.to_file(tmp_path / "new_buildings.gpkg")
    take(tmp_path / "new_buildings.gpkg", layer="buildings")
    with engine.connect() as connection:
        rows = connection.execute(text("select code, height_m, base_height_m, provenance from cim.building")).all()
    found = {row.code: row for row in rows}
    assert found["a"].height_m == pytest.approx(21.0, abs=0.7)
    assert found["a"].provenance["height_m"]["rule"] == found["a"].provenance["base_height_m"]["rule"] == "surface"
    assert found["a"].base_height_m == pytest.approx(np.quantile(ground[50:70, 50:80], 0.1), abs=0.02)
    assert found["b"].height_m == 33.0
    assert found["b"].provenance["base_height_m"]["rule"] == "terrain"
    assert found["c"].height_m == pytest.approx(12.0, abs=0.7)


def test_delft_heights_are_those_of_3dfier(take: Any, engine: Engine, settings: Settings, shared_data: Path) -> None:
    """The same rasters and footprints were lifted by 3dfier (roof at the 90 % quantile): testarea.json."""
    folder = shared_data / "place_delft"
    for name in ("delft_dtm_1m.tif", "delft_dsm_1m.tif"):
        take(folder / name)
    frame = pyogrio.read_dataframe(folder / "delft_bgt.gpkg", layer="pand")
    shapes = [shapely.force_2d(shape) for shape in frame.to_crs("EPSG:4326").geometry]
    with engine.connect() as connection:
        found = measure_buildings(connection, settings.files, shapes)
    document = json.loads((folder / "testarea.json").read_text())
    peer = {}
    for name, entry in document["CityObjects"].items():
        if entry["type"] == "Building":
            used = {index for shell in entry["geometry"][0]["boundaries"] for index in _indices(shell)}
            z = [document["vertices"][index][2] for index in used]
            peer[name] = max(z) - min(z)
    keys = frame["gml_id"].tolist()
    pairs = [(found.height_m[i], peer[key]) for i, key in enumerate(keys) if key in peer]
    heights = np.array([pair for pair in pairs if np.isfinite(pair[0])])
    assert len(heights) == len(shapes) == 160
    assert np.median(np.abs(heights[:, 0] - heights[:, 1])) < 0.2


def _indices(nested: Any) -> list[int]:
    return [nested] if isinstance(nested, int) else [index for each in nested for index in _indices(each)]
