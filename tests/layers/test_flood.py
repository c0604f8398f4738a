"""Connected inundation, bands, and what stands in water, on ground made by hand and against shapely."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import shapely
from shapely.geometry import shape

from cim.errors import CimError, InvalidGeometry, InvalidInput, TooLarge
from layers.water.asked import MAX_LIMIT, parse_flood
from layers.water.bands import EDGES_M, area_deeper, band_of, extent_of
from layers.water.buildings import STEP_M, storeys_wet
from layers.water.inundation import inundate, reaches_edge, voids_beside
from layers.water.reach import level_along
from layers.water.wet import Water, boxes_of, stand_at, stand_of
from tests.layers.flood_ground import NORTH, TO_DEGREES, WEST, degrees, filled, shape_at, window


def seed(shape_of: tuple[int, int], row: int, column: int) -> Any:
    found = np.zeros(shape_of, bool)
    found[row, column] = True
    return found


def test_a_hollow_that_no_way_leads_to_stays_dry() -> None:
    heights = np.full((7, 11), 10.0)
    heights[1:6, 1:4] = 2.0  # the pond that fills
    heights[1:6, 6:10] = 1.0  # deeper, and behind a ridge of 10
    depth = inundate(heights, 5.0, seed(heights.shape, 3, 2))
    assert depth.sum() == 15 * 3.0
    assert not depth[:, 5:].any()
    heights[3, 4:6] = 4.0  # a gap in the ridge
    assert inundate(heights, 5.0, seed(heights.shape, 3, 2)).sum() == 15 * 3.0 + 2 * 1.0 + 20 * 4.0


@pytest.mark.parametrize("crest", [4.0, 6.0])
def test_a_dam_holds_as_far_as_it_is_high(crest: float) -> None:
    heights = np.tile(np.linspace(0, 3, 30), (20, 1))
    heights[:, 15] = crest
    depth = inundate(heights, 5.0, seed(heights.shape, 10, 3))
    assert (depth[:, 16:] > 0).any() == (crest < 5.0)


def test_a_wall_across_corners_holds() -> None:
    heights = np.zeros((10, 10))
    np.fill_diagonal(heights, 9.0)
    depth = inundate(heights, 1.0, seed(heights.shape, 9, 0))
    assert (depth > 0).sum() == 45
    assert not depth[np.triu_indices(10)].any()


def test_a_slope_takes_the_volume_of_a_wedge() -> None:
    cell, fall = 0.5, 0.02
    column = (np.arange(400) + 0.5) * cell
    heights = np.tile(column * fall, (80, 1))
    depth = inundate(heights, 1.0, seed(heights.shape, 40, 0))
    # 50 m long and 1 m deep at its foot, 40 m wide
    assert depth.sum() * cell**2 == pytest.approx(0.5 * 50 * 1.0 * 40, rel=1e-4)
    assert (depth > 0).sum() * cell**2 == pytest.approx(50 * 40, rel=1e-9)


@pytest.mark.parametrize("number", range(8))
def test_any_ground_is_flooded_as_by_walking_from_cell_to_cell(number: int) -> None:
    random = np.random.default_rng(number)
    heights = random.normal(0, 1, (60, 80)) + np.linspace(-1, 1, 80)
    heights[random.random(heights.shape) < 0.05] = np.nan
    level: Any = 0.4 if number % 2 else np.tile(np.linspace(1.0, 0.0, 60)[:, None], (1, 80))
    seeds = random.random(heights.shape) < 0.002
    depth = inundate(heights, level, seeds)
    assert np.array_equal(depth, filled(heights, level, seeds))
    assert not depth[np.isnan(heights)].any()


def test_edges_and_voids_are_told() -> None:
    heights = np.full((9, 9), 5.0)
    heights[3:6, 3:6] = 0.0
    depth = inundate(heights, 2.0, seed(heights.shape, 4, 4))
    assert (reaches_edge(depth), voids_beside(heights, depth)) == (False, 0)
    heights[2, 4] = np.nan
    heights[0, 0] = np.nan  # not beside the water
    depth = inundate(heights, 2.0, seed(heights.shape, 4, 4))
    assert (depth > 0).sum() == 9
    assert voids_beside(heights, depth) == 1
    assert reaches_edge(inundate(heights, 6.0, seed(heights.shape, 4, 4)))


def test_a_river_floods_to_its_own_falling_level() -> None:
    # A valley that falls 1 m in 100 m, with sides of 10 %, and a river down its middle, drawn upstream.
    rows, columns = 201, 101
    x, y = np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5)
    heights = 20.0 - y * 0.01 + np.abs(x - 50.5) * 0.1
    heights[100, 50] += 6.0  # a bridge that the terrain still has
    ground = window(heights)
    line = shape_at(shapely.LineString([(50.5, 200.5), (50.5, 0.5)]))
    for is_forward in (False, None):
        found = level_along(ground, np.array([line], dtype=object), is_forward, rise_m=2.0, level_m=None)
        depth = inundate(heights, found.level_m, found.seeds)
        # 2 m above the river reaches 20 m to each side
        assert (depth[20] > 0).sum() == pytest.approx(39, abs=2)
        assert depth[20, 50] == pytest.approx(2.0, abs=1e-6)
        assert depth[180, 50] == pytest.approx(2.0, abs=1e-6)
        along = found.level_m[:, 50]
        assert (np.diff(along) <= 1e-9).all()
        assert found.highest_m - found.lowest_m == pytest.approx(2.0, abs=0.02)
    flat = level_along(ground, np.array([line], dtype=object), None, rise_m=None, level_m=20.5)
    assert np.ptp(flat.level_m) == 0
    with pytest.raises(InvalidInput, match="no part of the river"):
        level_along(
            ground, np.array([shapely.LineString([(10, 10), (10.1, 10)])], dtype=object), None, rise_m=1.0, level_m=None
        )


def test_each_cell_takes_the_level_of_the_nearest_reach() -> None:
    random = np.random.default_rng(5)
    heights = random.random((60, 70)) * 0.1 - np.arange(70) * 0.05
    line = shapely.LineString([(5.5, 50.5), (30.5, 10.5), (65.5, 40.5)])
    ground = window(heights)
    found = level_along(ground, np.array([shape_at(line)], dtype=object), True, rise_m=1.0, level_m=None)
    river = np.argwhere(found.seeds)
    for row, column in random.integers(0, (60, 70), (200, 2)):
        away = np.hypot(*(river - (row, column)).T)
        nearest = river[np.isclose(away, away.min())]
        assert any(found.level_m[r, c] == found.level_m[row, column] for r, c in nearest)


def test_bands_cover_the_water_and_no_more() -> None:
    random = np.random.default_rng(3)
    rough = random.normal(0, 1, (12, 15))
    depth = np.clip(np.kron(rough, np.ones((8, 8))) + random.normal(0, 0.2, (96, 120)), 0, None)
    ground = window(np.zeros(depth.shape), 5.0)
    extent = extent_of(ground, depth)
    bands = band_of(depth)
    for feature in extent["features"]:
        number = EDGES_M.index(feature["properties"]["depth_from_m"])
        cells = (depth > 0) & (bands == number)
        assert feature["properties"]["area_m2"] == pytest.approx(cells.sum() * 25.0)
        exact = shapely.union_all(boxes(cells, 5.0))
        drawn = in_metres(shape(feature["geometry"]))
        assert drawn.is_valid
        # nothing is drawn farther than half a cell from where it is (and a centimetre of rounding)
        assert shapely.difference(drawn, exact.buffer(2.55)).area < 1.0
        assert shapely.difference(exact.buffer(-2.55), drawn).area < 1.0
    assert sum(f["properties"]["area_m2"] for f in extent["features"]) == pytest.approx((depth > 0).sum() * 25.0)
    deep = in_metres(area_deeper(ground, depth, 0.3))
    assert shapely.symmetric_difference(deep, shapely.union_all(boxes(depth >= 0.3, 5.0))).area < 30.0
    assert area_deeper(ground, depth, 99.0).is_empty


def test_a_depth_on_an_edge_belongs_to_the_deeper_band() -> None:
    assert band_of(np.array([0.01, 0.15, 0.2999, 0.3, 0.6, 1.0, 1.999, 2.0, 9.0])).tolist() == [
        0,
        1,
        1,
        2,
        3,
        4,
        4,
        5,
        5,
    ]


def boxes(cells: Any, cell_m: float) -> Any:
    row, column = np.nonzero(cells)
    west, north = WEST + column * cell_m, NORTH - row * cell_m
    return shapely.box(west, north - cell_m, west + cell_m, north)


def in_metres(geometry: Any) -> Any:
    back = TO_DEGREES.transform
    return shapely.transform(geometry, lambda xy: np.column_stack(back(xy[:, 0], xy[:, 1], direction="INVERSE")))


@pytest.mark.parametrize("number", range(4))
def test_objects_stand_as_deep_as_brute_force_says(number: int) -> None:
    random = np.random.default_rng(number)
    cell = 5.0
    depth = np.clip(np.kron(random.normal(0, 1, (10, 10)), np.ones((6, 6))), 0, None) * random.random((60, 60))
    heights = random.random((60, 60)) * 10
    water = Water(window(heights, cell), depth)
    place = random.random((150, 2)) * 340 - 20
    size = 2 + random.random((150, 2)) * 40
    plans = shapely.box(place[:, 0], place[:, 1], *(place + size).T)
    plans[::7] = shapely.buffer(plans[::7], 12).tolist()
    plans[0] = shapely.box(100, 100, 110, 110)  # its sides lie on sides of cells
    plans[1] = shapely.Polygon()
    plans[2] = shapely.box(-5000, -5000, 9000, 9000)
    drawn = np.array([shape_at(plan) for plan in plans], dtype=object)
    stand = stand_of(water, drawn)
    squares, deep, level = boxes(depth > 0, cell), depth[depth > 0], (heights + depth)[depth > 0]
    for index, outline in enumerate(water.window.metric(drawn)):
        hit = shapely.intersects(outline, squares)
        assert stand.depth[index] == (deep[hit].max() if hit.any() else 0.0), index
        assert stand.level[index] == (level[hit].max() if hit.any() else pytest.approx(np.nan, nan_ok=True)), index
    points = [degrees(x, y) for x, y in place]
    found = stand_at(water, *np.array(points).T)
    for (x, y), one in zip(place, found.depth, strict=True):
        inside = 0 <= x < 300 and 0 <= y < 300
        assert one == (depth[int(y // cell), int(x // cell)] if inside else 0.0)


def test_boxes_for_the_index_cover_all_water() -> None:
    random = np.random.default_rng(1)
    depth = np.where(random.random((300, 170)) < 0.0002, 1.0, 0.0)
    ground = window(np.zeros(depth.shape), 5.0)
    sides = boxes_of(Water(ground, depth))
    covers = shapely.box(sides["wests"], sides["souths"], sides["easts"], sides["norths"])
    row, column = np.nonzero(depth)
    for x, y in zip((column + 0.5) * 5, (row + 0.5) * 5, strict=True):
        square = shape_at(shapely.box(x - 2.5, y - 2.5, x + 2.5, y + 2.5))
        assert shapely.covers(shapely.union_all(covers), square)
    assert shapely.area(covers).sum() < 0.5 * shapely.box(*shapely.total_bounds(covers)).area


@pytest.mark.parametrize(
    ("columns", "depth", "level", "expected"),
    [
        ({}, 0.1, 20.1, (0, 0, "assumed")),  # it does not come over the step
        ({}, 0.5, 20.5, (1, 0, "assumed")),
        ({}, STEP_M + 3.01, 23.2, (2, 0, "assumed")),
        ({"storeys_below": 2}, 0.01, 20.0, (0, 2, "assumed")),
        ({"storeys_above": 1}, 9.0, 29.0, (1, 0, "assumed")),
        ({"storeys_above": 10, "height_m": 40.0}, STEP_M + 4.01, 24.2, (2, 0, "height")),
        ({"storeys_above": 10, "height_m": 400.0}, STEP_M + 3.01, 23.2, (2, 0, "assumed")),
        ({"floors": [12.0, 16.0, 20.0, 24.5], "storeys_below": 2}, 0.5, 20.5, (1, 2, "storeys")),
        ({"floors": [20.3, 24.5], "storeys_below": 0}, 0.2, 20.2, (0, 0, "storeys")),
    ],
)
def test_storeys_get_wet_from_below(
    columns: dict[str, Any], depth: float, level: float, expected: tuple[int, int, str]
) -> None:
    row: Any = {"floors": None, "storeys_above": None, "storeys_below": None, "height_m": None} | columns
    assert storeys_wet(SimpleNamespace(**row), depth, level) == expected  # type: ignore[arg-type]


POINT = {"from": {"point": [114.2, 22.7]}}
SQUARE = {"type": "Polygon", "coordinates": [[[114.2, 22.7], [114.21, 22.7], [114.21, 22.71], [114.2, 22.7]]]}


@pytest.mark.parametrize(
    ("body", "error", "word"),
    [
        ([], InvalidInput, "object"),
        ({}, InvalidInput, "level_m"),
        (POINT, InvalidInput, "either level_m"),
        (POINT | {"level_m": 3, "rise_m": 2}, InvalidInput, "either level_m"),
        (POINT | {"level_m": 1e9}, InvalidInput, "-500 to 9000"),
        (POINT | {"rise_m": 0}, InvalidInput, "rise_m"),
        (POINT | {"rise_m": float("nan")}, InvalidInput, "rise_m"),
        (POINT | {"rise_m": True}, InvalidInput, "rise_m"),
        (POINT | {"rise_m": 2, "depth": 3}, InvalidInput, "'depth'"),
        (POINT | {"rise_m": 2, "limit": MAX_LIMIT + 1}, InvalidInput, "limit"),
        ({"from": {"point": [22.7, 114.2]}, "rise_m": 2}, InvalidInput, "longitude"),
        ({"from": {"point": [114, 22], "river": 4}, "rise_m": 2}, InvalidInput, "'from'"),
        ({"from": {"river": "4"}, "rise_m": 2}, InvalidInput, "from.river"),
        ({"from": {"line": SQUARE}, "rise_m": 2}, InvalidGeometry, "LineString"),
        (POINT | {"rise_m": 2, "within": {"zone": 0}}, InvalidInput, "within.zone"),
        (POINT | {"rise_m": 2, "within": {"type": "Point"}}, InvalidGeometry, "Polygon"),
        ({"rain": {"mm": 80, "hours": 2}}, InvalidInput, "within"),
        ({"rain": 80, "within": SQUARE}, InvalidInput, "rain is an object"),
        ({"rain": {"mm": 80}, "within": SQUARE}, InvalidInput, "hours"),
        ({"rain": {"mm": 80, "hours": 400}, "within": SQUARE}, InvalidInput, "hours"),
        ({"rain": {"mm": 80, "hours": 2, "runoff": 2}, "within": SQUARE}, InvalidInput, "runoff"),
        ({"rain": {"mm": 80, "hours": 2}, "within": SQUARE} | POINT, InvalidInput, "does not go with rain"),
        (
            POINT | {"rise_m": 2, "within": {"type": "Polygon", "coordinates": [[[0, 0]] * 100_001]}},
            TooLarge, "vertices",
        ),
    ],
)  # fmt: skip
def test_bad_requests_say_what_would_be_right(body: Any, error: type[CimError], word: str) -> None:
    with pytest.raises(error) as raised:
        parse_flood(body)
    assert word in raised.value.detail


def test_what_was_asked_is_told_again() -> None:
    asked = parse_flood(POINT | {"rise_m": 2, "within": SQUARE, "limit": 5})
    told = asked.told()
    assert (told["point"], told["rise_m"], told["limit"]) == ((114.2, 22.7), 2.0, 5)
    assert told["within"]["type"] == "Polygon"
    assert set(told) == {"point", "rise_m", "within", "limit"}
