"""GCJ-02 and BD-09 against published pairs, and back again."""

from __future__ import annotations

import numpy as np
import pytest

from cim import china_offset, crs

#: Of the tests of eviltransform: longitude, latitude in WGS 84 and in GCJ-02
EVILTRANSFORM = [
    ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597)),
    ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766)),
    ((116.377817, 39.911954), (116.38404722455657, 39.91334545536069)),
]


@pytest.mark.parametrize(("wgs84", "gcj02"), EVILTRANSFORM)
def test_gcj02_agrees_with_published_pairs(wgs84: tuple[float, float], gcj02: tuple[float, float]) -> None:
    assert np.array(china_offset.gcj02_of_wgs84(*wgs84)) == pytest.approx(gcj02, abs=1e-9)
    assert np.array(china_offset.wgs84_of_gcj02(*gcj02)) == pytest.approx(wgs84, abs=1e-9)


def test_both_agree_with_the_pairs_of_coordtransform() -> None:
    at = (116.404, 39.915)
    assert np.array(china_offset.gcj02_of_wgs84(*at)) == pytest.approx(
        (116.41024449916938, 39.91640428150164), abs=1e-9
    )
    bd09 = (116.41662724378733, 39.922699552216216)
    assert np.array(china_offset.bd09_of_wgs84(*at)) == pytest.approx(bd09, abs=1e-9)
    assert np.array(china_offset.wgs84_of_bd09(*bd09)) == pytest.approx(at, abs=1e-9)
    # GCJ-02 to BD-09 alone, by way of WGS 84
    moved = china_offset.bd09_of_wgs84(*china_offset.wgs84_of_gcj02(*at))
    assert np.array(moved) == pytest.approx((116.41036949371029, 39.92133699351021), abs=1e-9)


@pytest.mark.parametrize("name", ["GCJ-02", "BD-09"])
def test_a_round_trip_is_closer_than_a_billionth_of_a_degree(name: str) -> None:
    random = np.random.default_rng(4)
    # Inside the rectangle by more than the shift: a position at its edge may be moved out of it.
    longitude, latitude = random.uniform(72.1, 137.7, 200_000), random.uniform(0.9, 55.7, 200_000)
    forth = crs.transform_between("EPSG:4326", name).points(longitude, latitude)
    back = crs.transform_between(name, "EPSG:4326").points(*forth)
    assert np.abs(np.array(back) - [longitude, latitude]).max() < 1e-9
    here = crs.transform_between("EPSG:4326", name).points(114.22, 22.70)
    assert 300 < crs.GEOD.inv(114.22, 22.70, *here)[2] < 1500


@pytest.mark.parametrize("place", [(-104.9903, 39.7392), (153.0251, -27.4698), (9.5215, 47.1410)])
def test_outside_of_china_nothing_is_moved(place: tuple[float, float]) -> None:
    for move in (china_offset.gcj02_of_wgs84, china_offset.wgs84_of_gcj02, china_offset.bd09_of_wgs84):
        assert tuple(float(part) for part in move(*place)) == place


@pytest.mark.parametrize("name", ["GCJ-02", "gcj02", "BD-09", "bd09"])
def test_the_way_to_the_stored_system_states_its_residual(name: str) -> None:
    transform = crs.to_geographic(name)
    assert crs.name_of(transform.source) in {"GCJ-02", "BD-09"}
    assert "residual below 1e-9 deg" in transform.description
    assert "0.5 m" in transform.description
    assert china_offset.RESIDUAL_M <= 0.5
    assert transform.is_ballpark
    assert transform.accuracy_m == pytest.approx(1.5)


def test_into_a_plane_system_it_is_the_same_as_through_wgs84() -> None:
    (wgs84, gcj02), expected = EVILTRANSFORM[1], crs.transform_between("EPSG:4326", "EPSG:4547")
    found = crs.transform_between("GCJ-02", "EPSG:4547").points(*gcj02)
    assert np.array(found) == pytest.approx(np.array(expected.points(*wgs84)), abs=1e-3)
    height = crs.to_geographic("GCJ-02").points([gcj02[0]], [gcj02[1]], [31.5])[2]
    assert height[0] == 31.5
