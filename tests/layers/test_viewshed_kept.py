"""Viewsheds in the database: made, kept, marked by what changes under them, and by nothing else."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
import typer
from pyproj import Transformer
from rasterio.transform import Affine
from sqlalchemy import Connection, Engine, delete, insert, select, text, update
from typer.testing import CliRunner

from cim.access import Caller
from cim.crs import area_m2
from cim.settings import Settings
from cim.tables import building, camera, camera_viewshed
from layers.live.cameras import kept
from layers.live.cameras.batch import compute_viewsheds, plan_viewsheds
from layers.live.cameras.camera import Camera, cameras_by_id, cameras_of, select_cameras
from layers.live.cameras.command import register
from layers.live.cameras.kept import Ground, announce, blocks, refresh, surface_for
from layers.live.cameras.renew import AT_ONCE, announce_missing, renew_some
from layers.live.cameras.seeing import find_seeing
from layers.live.cameras.viewshed import see, viewshed_of
from tests.conftest import REPOSITORY
from tests.layers.test_viewshed import walked

METRIC = "EPSG:4547"
TO_DEGREES = Transformer.from_crs(4547, 4490, always_xy=True)
X, Y = 522_000.0, 2_511_000.0
PILOT = REPOSITORY / ".cim" / "district-pilot"


def degrees(x: float, y: float) -> tuple[float, float]:
    lon, lat = TO_DEGREES.transform(x, y)
    return float(lon), float(lat)


def add_camera(connection: Connection, key: str, east: float, north: float, **values: Any) -> int:
    """Add a camera so many metres from the origin, that looks 60 m far to the east with 90 degrees."""
    lon, lat = degrees(X + east, Y + north)
    usual = {"mount_height_m": 6.0, "azimuth_deg": 90.0, "hfov_deg": 90.0, "range_m": 60.0}
    row = {"layer_id": "cameras", "source_key": key, "geom": f"SRID=4490;POINT({lon} {lat})"} | usual | values
    return int(connection.execute(insert(camera).values(row).returning(camera.c.id)).scalar_one())


def house(east: float, north: float, size: float = 10.0) -> str:
    ring = [degrees(X + east + a, Y + north + b) for a, b in [(0, 0), (size, 0), (size, size), (0, size), (0, 0)]]
    return "SRID=4490;" + shapely.MultiPolygon([shapely.Polygon(ring)]).wkt


def add_house(connection: Connection, key: str, east: float, north: float, **values: Any) -> int:
    row = {"layer_id": "buildings", "source_key": key, "height_m": 20.0, "geom": house(east, north)} | values
    return int(connection.execute(insert(building).values(row).returning(building.c.id)).scalar_one())


@pytest.fixture
def ground(settings: Settings) -> Ground:
    return Ground(settings.files, METRIC)


@pytest.fixture
def two(engine: Engine, ground: Ground) -> tuple[int, int]:
    """Two cameras, 500 m apart, whose viewsheds are kept; a house stands 20 m before the first."""
    with engine.begin() as connection:
        first, second = add_camera(connection, "A", 0, 0), add_camera(connection, "B", 500, 0)
        add_house(connection, "H", 20, -5)
    compute_all(engine, ground)
    return first, second


def compute_all(engine: Engine, ground: Ground, *, workers: int = 1) -> int:
    plan = plan_viewsheds(engine, METRIC)
    return sum(compute_viewsheds(engine, ground, plan, workers=workers))


def dirty(engine: Engine) -> set[int]:
    with engine.connect() as connection:
        found = select(camera_viewshed.c.camera_id).where(camera_viewshed.c.dirty_at.is_not(None))
        return set(connection.execute(found).scalars())


def row_of(engine: Engine, number: int) -> Any:
    with engine.connect() as connection:
        return connection.execute(
            select(camera_viewshed, camera_viewshed.c.geom.ST_AsBinary().label("outline")).where(
                camera_viewshed.c.camera_id == number
            )
        ).one()


def test_what_is_kept_is_what_is_seen(engine: Engine, two: tuple[int, int]) -> None:
    first, second = (row_of(engine, number) for number in two)
    quarter = np.pi * 60**2 / 4
    assert (second.seen_m2, second.ground_m2) == (pytest.approx(quarter, rel=0.02), second.seen_m2)
    # Before the house all is seen, behind it (20 m high, the eye at 6 m) nothing: of a shadow 10 m wide at 20 m.
    assert first.ground_m2 == pytest.approx(quarter - 100, rel=0.02)
    wedge = np.arctan(5 / 20) * 2
    shadow = wedge / 2 * 60**2 - 20 * 10 / 2 - 100
    assert first.ground_m2 - first.seen_m2 == pytest.approx(shadow, rel=0.05)
    assert (first.terrain, first.mount, first.cell_m, first.target_height_m) == ("none", "pole", 1.0, 1.5)
    assert first.dirty_at is None
    assert first.computed_at is not None
    assert set(first.versions) == {"buildings", "terrain"}
    for row in (first, second):
        assert area_m2(shapely.from_wkb(row.outline)) == pytest.approx(row.seen_m2, rel=0.03)


def test_nothing_is_made_twice_and_all_of_it_when_asked(engine: Engine, ground: Ground, two: tuple[int, int]) -> None:
    assert compute_all(engine, ground) == 0
    assert plan_viewsheds(engine, METRIC, anew=True).total == 2
    assert compute_all(engine, ground, workers=2) == 2
    assert dirty(engine) == set()


@pytest.mark.parametrize(
    ("change", "marks"),
    [
        ("update cim.building set height_m = 30", {"A"}),
        ("update cim.building set base_height_m = 3", {"A"}),
        ("update cim.building set valid_to = now()", {"A"}),
        ("update cim.building set name = 'x', residents = 7, attributes = '{\"a\": 1}'", set()),
        ("delete from cim.building", {"A"}),
        ("truncate cim.building cascade", {"A", "B"}),
        ("update cim.camera set azimuth_deg = 10 where source_key = 'B'", {"B"}),
        ("update cim.camera set range_m = 90", {"A", "B"}),
        ("update cim.camera set attributes = '{\"vfov_deg\": 40}' where source_key = 'A'", {"A"}),
        ("update cim.camera set name = 'x', state = '离线', owner = 'y'", set()),
    ],
)
def test_a_change_marks_what_it_changes(engine: Engine, two: tuple[int, int], change: str, marks: set[str]) -> None:
    with engine.begin() as connection:
        connection.execute(text(change))
    assert dirty(engine) == {number for number, key in zip(two, "AB", strict=True) if key in marks}


def test_a_new_house_marks_only_those_who_look_at_it(engine: Engine, two: tuple[int, int], ground: Ground) -> None:
    with engine.begin() as connection:
        add_house(connection, "behind", -50, 0)
        add_house(connection, "beyond", 70, 0)
    assert dirty(engine) == set()
    before = row_of(engine, two[1]).seen_m2
    with engine.begin() as connection:
        added = add_house(connection, "before", 530, -5)
    assert dirty(engine) == {two[1]}
    assert compute_all(engine, ground) == 1
    assert row_of(engine, two[1]).seen_m2 < before
    # moved away: the old place counts; moved to the other: the new one does
    with engine.begin() as connection:
        connection.execute(update(building).where(building.c.id == added).values(geom=house(40, 10)))
    assert dirty(engine) == set(two)
    assert compute_all(engine, ground) == 2
    assert row_of(engine, two[1]).seen_m2 == before


def test_many_houses_mark_by_sets_and_still_no_one_far_away(engine: Engine, two: tuple[int, int]) -> None:
    with engine.begin() as connection:
        far = add_camera(connection, "C", 5000, 5000)
        announce(connection, cameras_by_id(connection, [far], METRIC), METRIC)
        connection.execute(text("update cim.camera_viewshed set dirty_at = null"))
        usual = {"layer_id": "buildings", "height_m": 5.0}
        rows = [
            usual | {"source_key": f"M{number}", "geom": house(number % 40 * 15, 8 + number // 40 * 15, 8)}
            for number in range(1600)
        ]
        connection.execute(insert(building), rows)
    assert dirty(engine) == set(two)


def test_what_no_longer_holds_is_made_anew_by_and_by(engine: Engine, ground: Ground, two: tuple[int, int]) -> None:
    with engine.begin() as connection:
        many = [add_camera(connection, f"m{number}", 3000 + 5 * number, 0) for number in range(AT_ONCE + 3)]
        # nobody knows where it stands, nor ever will
        connection.execute(insert(camera).values(layer_id="cameras", source_key="nowhere"))
    made = []
    while not made or made[-1]:
        with engine.begin() as connection:
            announce_missing(connection, ground)
        with engine.begin() as one, engine.begin() as other:
            made.append(renew_some(one, ground))
            # one at a time
            assert renew_some(other, ground) == 0
    assert sum(made) == len(many)
    assert max(made) <= AT_ONCE
    assert len(made) >= 3
    with engine.connect() as connection:
        rows = connection.execute(select(camera_viewshed).where(camera_viewshed.c.camera_id.in_(many))).all()
    assert len(rows) == len(many)
    assert all(row.dirty_at is None and row.seen_m2 > 0 for row in rows)


def test_a_camera_that_is_removed_takes_its_viewshed_along(engine: Engine, two: tuple[int, int]) -> None:
    with engine.begin() as connection:
        connection.execute(delete(camera).where(camera.c.id == two[0]))
    with engine.connect() as connection:
        assert connection.execute(select(camera_viewshed.c.camera_id)).scalars().all() == [two[1]]


def test_what_changes_while_it_is_computed_is_not_kept_as_right(
    engine: Engine, ground: Ground, two: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine.begin() as connection:
        connection.execute(text("update cim.camera_viewshed set dirty_at = clock_timestamp()"))

    def overtaken(*arguments: Any) -> Any:
        with engine.begin() as other:
            other.execute(update(building).values(height_m=3.0))
        return viewshed_of(*arguments)

    monkeypatch.setattr(kept, "viewshed_of", overtaken)
    with engine.begin() as connection:
        refresh(connection, ground, [two[0]])
    monkeypatch.undo()
    assert two[0] in dirty(engine)
    assert compute_all(engine, ground) == 2
    assert dirty(engine) == set()


def test_terrain_hides_and_its_change_marks(
    engine: Engine, ground: Ground, two: tuple[int, int], take: Any, tmp_path: Path
) -> None:
    # a ridge of 30 m, 40 m east of the second camera, on ground at 10 m
    column = np.arange(400)
    heights = np.where(np.abs((column + 0.5) * 5 - (1000 + 540)) < 6, 40.0, 10.0)
    profile = {"driver": "GTiff", "count": 1, "height": 400, "width": 400, "dtype": "float32", "crs": METRIC,
               "transform": Affine(5, 0, X - 1000, 0, -5, Y + 1000), "nodata": -9999.0}  # fmt: skip
    with rasterio.open(tmp_path / "dtm.tif", "w", **profile) as raster:
        raster.write(np.tile(heights, (400, 1)).astype(np.float32), 1)
    assert take(tmp_path / "dtm.tif").status == "imported"
    assert dirty(engine) == set(two)
    assert compute_all(engine, ground) == 2
    row = row_of(engine, two[1])
    assert (row.terrain, row.eye_height_m) == ("whole", pytest.approx(16.0, abs=0.01))
    shape = shapely.from_wkb(row.outline)
    assert shapely.contains_xy(shape, *degrees(X + 530, Y))
    assert not shapely.contains_xy(shape, *degrees(X + 555, Y))


def test_registers_leave_gaps_and_answers_say_what_was_taken(engine: Engine) -> None:
    with engine.begin() as connection:
        blank = {"mount_height_m": None, "azimuth_deg": None, "hfov_deg": None, "range_m": None}
        add_camera(connection, "blank", 0, 0, **blank)
        add_camera(connection, "far", 0, 0, range_m=3000.0, hfov_deg=400.0)
        add_camera(connection, "tall", 0, 0, tilt_deg=-10.0, attributes={"垂直视场角": "35.5"})
        add_camera(connection, "word", 0, 0, tilt_deg=-10.0, attributes={"vfov_deg": "wide"})
    with engine.connect() as connection:
        rows = connection.execute(select_cameras()).all()
    found = dict(zip(["blank", "far", "tall", "word"], cameras_of(rows, METRIC), strict=True))
    assert found["blank"].assumed == {"hfov_deg": 360.0, "mount_height_m": 5.0, "range_m": 100.0}
    assert found["far"].assumed == {"hfov_deg": 360.0, "range_m": 1000.0}
    assert (found["tall"].vfov_deg, found["word"].vfov_deg) == (35.5, None)
    # at 114.21 degrees east, 0.21 degrees from the central meridian, grid north is 0.21 * sin 22.7 degrees east of true
    assert found["tall"].azimuth_deg == pytest.approx(90 - 0.0827, abs=0.002)


@pytest.mark.skipif(not PILOT.exists(), reason="needs the pilot district in .cim/district-pilot")
@pytest.mark.slow
def test_cameras_of_the_pilot_district_see_what_lines_walked_one_by_one_see(
    engine: Engine, ground: Ground, take: Any, tmp_path: Path
) -> None:
    take(PILOT / "raster" / "dem_5m.tif")
    take(PILOT / "gis" / "buildings.gpkg")
    with (PILOT / "registers" / "cameras.csv").open(encoding="utf-8-sig", newline="") as source:
        lines = list(csv.reader(source))
    with (tmp_path / "cameras.csv").open("w", encoding="utf-8", newline="") as some:
        csv.writer(some).writerows([lines[0], *lines[1::60][:15]])
    take(tmp_path / "cameras.csv")
    assert compute_all(engine, ground, workers=2) == 15
    with engine.connect() as connection:
        cameras = cameras_of(connection.execute(select_cameras()).all(), METRIC)
        assert len(blocks(cameras)) > 1
        agreement = []
        for one in cameras:
            surface = surface_for(connection, ground, [one])
            seen = see(surface, one, 1.5)
            agreement.append(((seen.lowest_m <= 1.5) == walked(surface, seen, 1.5))[seen.is_ground].mean())
            # alone or with its block: the same surface, the same cells
            alone = viewshed_of(surface, one, METRIC)
            assert row_of(engine, one.id).seen_m2 == pytest.approx(alone.seen_m2, abs=2)
            assert alone.terrain == "whole"
        same = [
            is_said_to_see(connection, ground, one, place) for one in cameras for place in places_of(engine, one.id)
        ]
    assert np.mean(agreement) > 0.99
    assert min(agreement) > 0.97
    # 10 places that the kept outline covers and 10 that it does not, camera by camera, and the exact lines to them
    assert len(same) > 200
    assert np.mean(same) > 0.95


def places_of(engine: Engine, number: int) -> list[tuple[float, float, bool]]:
    """Return places (longitude, latitude) inside of a kept viewshed's reach, and whether they are seen by it."""
    row, rng = row_of(engine, number), np.random.default_rng(number)
    shape = shapely.from_wkb(row.outline)
    with engine.connect() as connection:
        reach = shapely.from_wkb(
            connection.execute(
                select(camera_viewshed.c.reach.ST_AsBinary()).where(camera_viewshed.c.camera_id == number)
            ).scalar_one()
        )
        within = select(camera_viewshed.c.reach).where(camera_viewshed.c.camera_id == number).scalar_subquery()
        houses = select(building.c.geom.ST_AsBinary()).where(building.c.geom.ST_Intersects(within))
        walls = shapely.union_all(shapely.from_wkb(list(connection.execute(houses).scalars())))
    west, south, east, north = reach.bounds
    places = np.column_stack([rng.uniform(west, east, 400), rng.uniform(south, north, 400)])
    places = places[~shapely.contains_xy(walls, places)]
    is_seen = shapely.contains_xy(shape, places)
    return [(*place, seen) for seen in (True, False) for place in places[is_seen == seen][:10].tolist()]


def is_said_to_see(connection: Connection, ground: Ground, one: Camera, place: tuple[float, float, bool]) -> bool:
    """Tell whether the exact line of sight says of a place what the kept viewshed says."""
    answer = find_seeing(connection, ground, place[0], place[1], None, 500, Caller("admin"))
    return (one.id in {entry["id"] for entry in answer["cameras"]}) == place[2]


def test_the_command_computes_what_is_missing(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine.begin() as connection:
        numbers = {add_camera(connection, key, 400.0 * place, 900.0 * place) for place, key in enumerate("ABCD")}
    monkeypatch.setenv("CIM_HOME", str(settings.home))
    monkeypatch.setenv("CIM_DATABASE_URL", str(settings.database_url))
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    for arguments, computed in (([], 4), ([], 0), (["--all", "--workers", "1"], 4)):
        result = CliRunner().invoke(app, ["viewsheds", "--json", *arguments])
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["computed"] == computed
    with engine.connect() as connection:
        kept_of = select(camera_viewshed.c.camera_id).where(camera_viewshed.c.geom.is_not(None))
        assert set(connection.execute(kept_of).scalars()) == numbers
