"""Transforms agree with values computed elsewhere, east first."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely

from cim import crs
from cim.errors import InvalidInput


def _gauss_krueger(longitude_deg: float, latitude_deg: float, central_deg: float) -> tuple[float, float]:
    """Transverse Mercator by the classical series (GB 22021 / Snyder 1987, eq. 8-9 to 8-13), false easting 500 km."""
    a, f = 6378137.0, 1 / 298.257222101
    e2 = f * (2 - f)
    phi, lam = math.radians(latitude_deg), math.radians(longitude_deg - central_deg)
    n = a / math.sqrt(1 - e2 * math.sin(phi) ** 2)
    t, c = math.tan(phi) ** 2, e2 / (1 - e2) * math.cos(phi) ** 2
    big = lam * math.cos(phi)
    arc = a * (
        (1 - e2 / 4 - 3 * e2**2 / 64 - 5 * e2**3 / 256) * phi
        - (3 * e2 / 8 + 3 * e2**2 / 32 + 45 * e2**3 / 1024) * math.sin(2 * phi)
        + (15 * e2**2 / 256 + 45 * e2**3 / 1024) * math.sin(4 * phi)
        - 35 * e2**3 / 3072 * math.sin(6 * phi)
    )
    east = n * (big + (1 - t + c) * big**3 / 6 + (5 - 18 * t + t**2 + 72 * c - 58 * e2 / (1 - e2)) * big**5 / 120)
    north = arc + n * math.tan(phi) * (big**2 / 2 + (5 - t + 9 * c + 4 * c**2) * big**4 / 24)
    return 500000 + east, north


def test_epsg_4547_agrees_with_the_series_east_first() -> None:
    east, north = crs.from_geographic("EPSG:4547").points(114.22, 22.70)
    expected = _gauss_krueger(114.22, 22.70, 114.0)
    assert (float(east), float(north)) == pytest.approx(expected, abs=0.001)


def test_north_first_systems_come_east_first() -> None:
    longitude, latitude = crs.to_geographic("EPSG:4526").points(38_522_000.0, 2_511_000.0)
    assert 114 < float(longitude) < 115
    assert 22 < float(latitude) < 23


def test_wgs84_to_cgcs2000_says_that_it_is_ballpark() -> None:
    assert crs.to_geographic("EPSG:4326").is_ballpark
    assert not crs.to_geographic("EPSG:4547").is_ballpark


def test_heights_pass_through_unchanged() -> None:
    line = shapely.LineString([(522000, 2511000, 31.5), (522100, 2511000, 30.5)])
    (moved,) = crs.to_geographic("EPSG:4547").geometries(np.array([line], dtype=object))
    assert [z for _, _, z in moved.coords] == [31.5, 30.5]


def test_geodesic_measures_against_the_plane() -> None:
    square = shapely.box(522000, 2511000, 522100, 2511200)
    (moved,) = crs.to_geographic("EPSG:4547").geometries(np.array([square], dtype=object))
    assert crs.area_m2(moved) == pytest.approx(20000, rel=2e-5)
    assert crs.length_m(shapely.LineString(moved.exterior.coords)) == pytest.approx(600, rel=1e-5)


def test_feet_are_known() -> None:
    assert crs.unit_factor(crs.parse_crs("EPSG:3547")) == pytest.approx(1200 / 3937)


def test_compound_systems_name_their_vertical_part() -> None:
    assert crs.vertical_name(crs.parse_crs("EPSG:2056+5728")) == "EPSG:5728"
    assert crs.vertical_name(crs.parse_crs("EPSG:4547")) is None


@pytest.mark.parametrize("value", ["", "EPSG:abc", "NC83", "EPSG:99999999"])
def test_an_unknown_system_is_named(value: str) -> None:
    with pytest.raises(InvalidInput, match="EPSG:4547"):
        crs.parse_crs(value)


def test_unreachable_coordinates_are_refused() -> None:
    with pytest.raises(InvalidInput, match="do not lie"):
        crs.from_geographic("EPSG:4547").points(500.0, 95.0)


def test_convergence_has_the_sign_of_the_offset() -> None:
    # gamma = (lambda - lambda0) sin(phi) to first order
    found = crs.convergence_deg("EPSG:4547", 114.5, 22.7)
    assert found == pytest.approx(0.5 * math.sin(math.radians(22.7)), rel=1e-3)


@pytest.mark.parametrize(
    ("code", "x", "y", "longitude", "latitude"),
    [
        # The Onze Lieve Vrouwetoren of Amersfoort, origin of RD New (Bessel ellipsoid, 100 m off WGS 84)
        ("EPSG:28992", 155000.0, 463000.0, 5.38720621, 52.15517440),
        # The old observatory of Bern, origin of the Swiss grid (swisstopo, "Formulas and constants", LV95)
        ("EPSG:2056", 2600000.0, 1200000.0, 7.438632495, 46.951082877),
    ],
)
def test_old_datums_are_shifted_and_not_taken_as_they_are(
    code: str, x: float, y: float, longitude: float, latitude: float
) -> None:
    transform = crs.to_geographic(code)
    found = [float(part) for part in transform.points(x, y)]
    _, _, distance_m = crs.GEOD.inv(*found, longitude, latitude)
    assert distance_m < 1.5
    assert transform.is_ballpark
    back = [float(part) for part in crs.from_geographic(code).points(*found)]
    assert back == pytest.approx([x, y], abs=0.01)
