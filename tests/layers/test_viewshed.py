"""Viewsheds of hand-made scenes, against similar triangles and against lines of sight walked one by one."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import shapely
from scipy.ndimage import map_coordinates

from layers.live.cameras.camera import Camera
from layers.live.cameras.eye import place_eye
from layers.live.cameras.rays import rounded_reach
from layers.live.cameras.sight import Sector, is_clear, look
from layers.live.cameras.surface import Surface
from layers.live.cameras.viewshed import TARGET_HEIGHT_M, Seen, outline, see, viewshed_of

SIDE = 301
MIDDLE = SIDE // 2
METRIC = "EPSG:4547"
WEST, NORTH = 522_000.0, 2_511_000.0


def scene(ground: Any = None, *houses: tuple[int, int, int, int, float]) -> Surface:
    """Return a surface of 1 m cells; houses are (first and last row, first and last column, height above 0)."""
    floor = np.zeros((SIDE, SIDE), np.float32) if ground is None else ground.astype(np.float32)
    heights, is_building = floor.copy(), np.zeros((SIDE, SIDE), bool)
    for top, bottom, left, right, height in houses:
        heights[top : bottom + 1, left : right + 1] = height
        is_building[top : bottom + 1, left : right + 1] = True
    return Surface(heights, floor, is_building, WEST, NORTH, 1.0, "none", frozenset())


def camera(**values: Any) -> Camera:
    """Return a camera over the middle of the scene, 10 m high, that looks all round as far as 100 m."""
    usual: dict[str, Any] = {
        "id": 1, "code": None, "name": None, "state": None, "dataset_id": None, "longitude": 114.2, "latitude": 22.7,
        "x": WEST + MIDDLE + 0.5, "y": NORTH - MIDDLE - 0.5, "mount_height_m": 10.0, "azimuth_deg": 0.0,
        "hfov_deg": 360.0, "tilt_deg": 0.0, "vfov_deg": None, "range_m": 100.0, "assumed": {},
    }  # fmt: skip
    return Camera(**(usual | values))


def seen_map(surface: Surface, one: Camera, target_m: float = TARGET_HEIGHT_M) -> Any:
    """Return which cells of the scene are seen."""
    seen = see(surface, one, target_m)
    answer = np.zeros(surface.ground.shape, bool)
    is_seen = seen.is_seen(target_m)
    answer[seen.rows[is_seen], seen.columns[is_seen]] = True
    return answer


def offsets() -> tuple[Any, Any]:
    """Return metres east and north of the middle, cell by cell."""
    column, row = np.meshgrid(np.arange(SIDE) - MIDDLE, np.arange(SIDE) - MIDDLE)
    return column.astype(float), -row.astype(float)


def walked(surface: Surface, seen: Seen, target_m: float) -> Any:
    """Return what is seen by walking each line in steps of a tenth of a cell over the bilinear surface."""
    answer = []
    for row, column in zip(seen.rows, seen.columns, strict=True):
        away = np.hypot(row - seen.eye.row, column - seen.eye.column)
        # up to where the target's own cell begins
        share = np.arange(0.1, max(away - 0.99, 0.0), 0.1) / max(away, 1e-9)
        places = [seen.eye.row + (row - seen.eye.row) * share, seen.eye.column + (column - seen.eye.column) * share]
        beyond = share * away >= 0.99
        between = map_coordinates(surface.heights.astype(float), places, order=1)[beyond]
        target = surface.ground[row, column] + target_m
        answer.append(bool((between <= seen.eye.height_m + (target - seen.eye.height_m) * share[beyond] + 1e-6).all()))
    return np.array(answer)


def test_on_flat_ground_the_whole_circle_is_seen_and_nothing_beyond() -> None:
    found = seen_map(scene(), camera())
    east, north = offsets()
    assert np.array_equal(found, np.hypot(east, north) <= 100)
    assert found.sum() == pytest.approx(np.pi * 100**2, rel=0.002)


@pytest.mark.parametrize(
    ("azimuth", "hfov"), [(90.0, 60.0), (0.0, 90.0), (350.0, 46.0), (225.0, 180.0), (180.0, 300.0)]
)
def test_a_sector_ends_at_its_edges(azimuth: float, hfov: float) -> None:
    found = seen_map(scene(), camera(azimuth_deg=azimuth, hfov_deg=hfov))
    east, north = offsets()
    off = np.abs((np.rad2deg(np.arctan2(east, north)) - azimuth + 180) % 360 - 180)
    away = np.hypot(east, north)
    doubtful = np.abs(off - hfov / 2) < 1e-3
    expected = (away <= 100) & ((off <= hfov / 2) | (away == 0))
    assert np.array_equal(found[~doubtful], expected[~doubtful])
    assert found.sum() == pytest.approx(np.pi * 100**2 * hfov / 360, rel=0.01)


def test_the_shadow_of_a_wall_ends_where_similar_triangles_say() -> None:
    # 6 m high, 30 m to the north: from an eye at 10 m a target of 1.5 m comes out at 30 * 8.5 / 4 = 63.75 m
    found = seen_map(scene(None, (MIDDLE - 31, MIDDLE - 30, 0, SIDE - 1, 6.0)), camera())
    along = found[:, MIDDLE][::-1]  # northwards
    ahead = along[MIDDLE:]
    assert ahead[:30].all()
    # the far side of the wall is 31 m away, so its shadow ends at 31 * 8.5 / 4 = 65.9 m
    assert not ahead[30:66].any()
    assert ahead[66:101].all()
    assert not ahead[101:].any()


def test_a_wall_as_high_as_the_eye_hides_all_behind_it_and_a_tower_only_its_wedge() -> None:
    walled = seen_map(scene(None, (MIDDLE - 30, MIDDLE - 29, 0, SIDE - 1, 10.0)), camera())
    assert not walled[: MIDDLE - 30].any()
    towered = seen_map(scene(None, (MIDDLE - 40, MIDDLE - 30, MIDDLE - 5, MIDDLE + 5, 80.0)), camera())
    east, north = offsets()
    away = np.hypot(east, north) <= 100
    # the corners of its front, 30 m away and 5.5 m aside, one cell of doubt
    wedge = np.abs(east) / np.maximum(north, 1e-9)
    behind = away & (north > 41) & (wedge < 4.5 / 30)
    beside = away & (north > 0) & (wedge > 6.5 / 30)
    assert not towered[behind].any()
    assert towered[beside].all()
    assert towered[away & (north <= 0)].all()


def test_over_a_round_hill_one_sees_as_far_as_the_tangent() -> None:
    # On a parabola of radius R an eye at h sees a target at t as far as sqrt(2 R h) + sqrt(2 R t).
    radius, high, low = 200.0, 4.0, 1.5
    east, north = offsets()
    found = seen_map(scene(-(east**2 + north**2) / (2 * radius)), camera(mount_height_m=high, range_m=140))
    limit = np.sqrt(2 * radius * high) + np.sqrt(2 * radius * low)
    away = np.hypot(east, north)
    assert limit == pytest.approx(64.5, abs=0.1)
    assert found[away < limit - 1].all()
    assert not found[away > limit + 1].any()


def test_a_roof_hides_what_lies_at_its_foot() -> None:
    # A roof of 21 x 21 m at 20 m, the eye 23 m high in its middle: over the last roof cell, 10 m away, a target of
    # 1.5 m is seen from 10 * 21.5 / 3 = 71.7 m on.
    surface = scene(None, (MIDDLE - 10, MIDDLE + 10, MIDDLE - 10, MIDDLE + 10, 20.0))
    one = camera(mount_height_m=23.0)
    assert place_eye(surface, one).mount == "roof"
    ahead = seen_map(surface, one)[MIDDLE, MIDDLE:]
    assert not ahead[:72].any()
    assert ahead[72:101].all()


def test_a_camera_drawn_inside_a_house_hangs_on_the_wall_before_it() -> None:
    surface = scene(None, (MIDDLE - 10, MIDDLE + 10, MIDDLE - 5, MIDDLE + 5, 20.0))
    one = camera(mount_height_m=5.0, hfov_deg=90.0, azimuth_deg=0.0)
    eye = place_eye(surface, one)
    assert (eye.mount, eye.row, eye.column, eye.moved_m) == ("wall", MIDDLE - 11, MIDDLE, 11.0)
    found = seen_map(surface, one)
    assert found[MIDDLE - 60 : MIDDLE - 11, MIDDLE].all()
    assert not found[MIDDLE:, :].any()
    # One that looks all round hangs on the nearest wall, and does not see through its house.
    dome = place_eye(surface, camera(mount_height_m=5.0))
    assert (dome.mount, abs(dome.column - MIDDLE), dome.moved_m) == ("wall", 6, 6.0)
    assert not seen_map(surface, camera(mount_height_m=5.0))[MIDDLE, MIDDLE + 6 * np.sign(MIDDLE - dome.column)]


def test_deep_inside_a_hall_a_camera_sees_nothing_of_the_streets() -> None:
    surface = scene(None, (MIDDLE - 50, MIDDLE + 50, MIDDLE - 50, MIDDLE + 50, 20.0))
    one = camera(mount_height_m=5.0, hfov_deg=90.0)
    assert place_eye(surface, one).mount == "indoors"
    shed = viewshed_of(surface, one, METRIC)
    assert (shed.seen_m2, shapely.is_empty(shed.geometry)) == (0.0, True)


def test_higher_targets_are_seen_where_lower_ones_are_and_elsewhere() -> None:
    surface = scene(None, (MIDDLE - 31, MIDDLE - 30, 0, SIDE - 1, 6.0))
    maps = [seen_map(surface, camera(), height) for height in (0.0, 1.5, 4.0, 12.0)]
    for lower, higher in pairwise(maps):
        assert not (lower & ~higher).any()
        assert higher.sum() > lower.sum()
    # 50 m away, behind the wall whose far side is at 31 m: seen from 10 - 4 * 50 / 31 = 3.55 m on
    seen = see(surface, camera(), 1.5)
    [place] = np.flatnonzero((seen.rows == MIDDLE - 50) & (seen.columns == MIDDLE))
    assert seen.lowest_m[place] == pytest.approx(10 - 4 * 50 / 31, abs=1e-3)


def test_a_vertical_field_cuts_off_the_foot_of_the_pole() -> None:
    # Looking 20 degrees down with 30: from 35 down to 5 down, so from 8.5 / tan 35 = 12.1 to 8.5 / tan 5 = 97.2 m
    ahead = seen_map(scene(), camera(tilt_deg=-20.0, vfov_deg=30.0))[MIDDLE, MIDDLE:]
    assert np.flatnonzero(ahead).tolist() == list(range(13, 98))


@pytest.mark.parametrize("seed", range(4))
def test_a_made_up_city_is_seen_as_lines_walked_one_by_one_see_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    east, north = offsets()
    ground = 6 * np.sin(east / 40 + seed) * np.cos(north / 55) + 0.03 * east
    houses = []
    for _ in range(60):
        top, left = rng.integers(5, SIDE - 30, 2)
        if max(abs(top + 8 - MIDDLE), abs(left + 8 - MIDDLE)) > 20:
            height = float(ground[top, left] + rng.uniform(4, 40))
            houses.append(
                (int(top), int(top + rng.integers(6, 18)), int(left), int(left + rng.integers(6, 18)), height)
            )
    surface = scene(ground, *houses)
    seen = see(surface, camera(mount_height_m=6.5, range_m=120), TARGET_HEIGHT_M)
    expected = walked(surface, seen, TARGET_HEIGHT_M)
    found = seen.lowest_m <= TARGET_HEIGHT_M
    assert 0.1 < expected.mean() < 0.95
    assert (found == expected).mean() > 0.99
    # and the exact line to a place says the same as the viewshed of all
    eye = (seen.eye.row, seen.eye.column, seen.eye.height_m)
    some = rng.choice(len(found), 2000, replace=False)
    exact = [
        is_clear(
            surface.heights,
            eye,
            (float(row), float(column), float(surface.ground[row, column]) + TARGET_HEIGHT_M),
        )
        for row, column in zip(seen.rows[some], seen.columns[some], strict=True)
    ]
    assert (np.array(exact) == found[some]).mean() > 0.99


def test_outlines_have_the_area_of_their_cells_and_are_valid() -> None:
    rng = np.random.default_rng(3)
    mask = map_coordinates(rng.random((12, 12)), np.mgrid[0:11:80j, 0:11:80j], order=1) > 0.5
    rows, columns = np.nonzero(mask)
    shape = outline(scene(), rows, columns)
    assert shape.geom_type == "MultiPolygon"
    assert shapely.is_valid(shape)
    assert shapely.area(shape) == pytest.approx(mask.sum(), rel=0.02)
    inside = shapely.contains_xy(shape, WEST + columns + 0.5, NORTH - rows - 0.5)
    assert inside.mean() > 0.97


def test_what_is_told_of_a_viewshed_adds_up() -> None:
    surface = scene(None, (MIDDLE - 40, MIDDLE - 30, MIDDLE - 5, MIDDLE + 5, 80.0))
    shed = viewshed_of(surface, camera(hfov_deg=120.0), METRIC)
    assert sum(ring["seen_m2"] for ring in shed.rings) == shed.seen_m2
    assert sum(ring["ground_m2"] for ring in shed.rings) == shed.ground_m2
    assert [ring["to_m"] for ring in shed.rings] == [20.0, 40.0, 60.0, 80.0, 100.0]
    assert [ring["share"] == 1.0 for ring in shed.rings] == [True, False, False, False, False]
    assert shapely.covers(shed.reach, shed.geometry)
    # the house of 11 x 11 cells is no ground
    assert shed.ground_m2 == pytest.approx(np.pi * 100**2 / 3 - 121, rel=0.01)


def test_tables_of_rays_serve_any_reach() -> None:
    for reach in (rounded_reach(1), rounded_reach(137), rounded_reach(200)):
        square = np.zeros((2 * reach + 3,) * 2, np.float32)
        sight = look(square, 5.0, Sector(33.0, 77.0, reach), reach)
        assert (sight.lowest_m <= 1.5).all()
        assert len(sight.cells) == pytest.approx(np.pi * reach**2 * 77 / 360, rel=0.06)
