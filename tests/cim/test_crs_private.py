"""Owners' systems: seven parameters against the matrix and Newton's geocentric formulas, control points by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cim import crs, local_systems, private_crs
from cim.errors import InvalidInput, InvalidSetting
from cim.settings import read_settings

SEVEN = """
[shenzhen_local]
projection = "+proj=tmerc +lat_0=0 +lon_0=114 +k=1 +x_0=120000 +y_0=-2300000 +ellps=krass"
x_m = -15.415
y_m = 142.027
z_m = 86.451
rx_arcsec = 0.512
ry_arcsec = -0.877
rz_arcsec = 1.203
scale_ppm = -2.41
rotation = "{rotation}"
accuracy_m = 0.05
vertical = "EPSG:5737"
"""
POINTS = """
[harbour_grid]
to = "EPSG:4547"
axes = "north_east"
{extra}
points = [
  {{name = "J1", local = [1000.0, 2000.0], target = [2502000.000, 520000.000]}},
  {{name = "J2", local = [1000.0, 3000.0], target = [2502500.050, 520866.054]}},
  {{name = "J3", local = [3000.0, 2000.0], target = [2503732.108, 518999.900]}},
  {{name = "J4", local = [3000.0, 3000.0], target = [{j4}, 519865.954]}},
]
"""


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    yield
    local_systems.forget(["shenzhen_local", "harbour_grid"])


def use(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "private_crs.toml"
    path.write_text(text, encoding="utf-8")
    return private_crs.use_private_systems(path, is_required=True)


def _geocentric(longitude: float, latitude: float, a: float, f: float) -> np.ndarray:
    e2 = f * (2 - f)
    n = a / math.sqrt(1 - e2 * math.sin(latitude) ** 2)
    x, y = n * math.cos(latitude) * math.cos(longitude), n * math.cos(latitude) * math.sin(longitude)
    return np.array([x, y, n * (1 - e2) * math.sin(latitude)])


def _geographic(xyz: np.ndarray, a: float, f: float) -> tuple[float, float]:
    e2, p = f * (2 - f), math.hypot(xyz[0], xyz[1])
    latitude = math.atan2(xyz[2], p * (1 - e2))
    for _ in range(20):
        n = a / math.sqrt(1 - e2 * math.sin(latitude) ** 2)
        latitude = math.atan2(xyz[2] + e2 * n * math.sin(latitude), p)
    return math.degrees(math.atan2(xyz[1], xyz[0])), math.degrees(latitude)


@pytest.mark.parametrize(("rotation", "sign"), [("position_vector", 1.0), ("coordinate_frame", -1.0)])
def test_seven_parameters_agree_with_the_matrices(tmp_path: Path, rotation: str, sign: float) -> None:
    assert use(tmp_path, SEVEN.format(rotation=rotation)) == ["shenzhen_local"]
    # A place on the Krasovsky ellipsoid, projected by PROJ alone, and moved by hand with the rotation matrices
    longitude, latitude = 114.06, 22.54
    from pyproj import Proj

    east, north = Proj("+proj=tmerc +lat_0=0 +lon_0=114 +k=1 +x_0=120000 +y_0=-2300000 +ellps=krass")(
        longitude, latitude
    )
    xyz = _geocentric(math.radians(longitude), math.radians(latitude), 6378245.0, 1 / 298.3)
    # EPSG guidance note 7-2: position vector is T + (1 + s) Rz Ry Rx X with active, anticlockwise turns.
    rx, ry, rz = (sign * math.radians(part / 3600) for part in (0.512, -0.877, 1.203))
    turn_x = np.array([[1, 0, 0], [0, math.cos(rx), -math.sin(rx)], [0, math.sin(rx), math.cos(rx)]])
    turn_y = np.array([[math.cos(ry), 0, math.sin(ry)], [0, 1, 0], [-math.sin(ry), 0, math.cos(ry)]])
    turn_z = np.array([[math.cos(rz), -math.sin(rz), 0], [math.sin(rz), math.cos(rz), 0], [0, 0, 1]])
    moved = np.array([-15.415, 142.027, 86.451]) + (1 - 2.41e-6) * (turn_z @ turn_y @ turn_x @ xyz)
    expected = _geographic(moved, 6378137.0, 1 / 298.257222101)
    transform = crs.to_geographic("SHENZHEN_LOCAL")
    found = [float(part) for part in transform.points(east, north)]
    assert crs.GEOD.inv(*found, *expected)[2] < 0.001
    back = [float(part) for part in crs.from_geographic("shenzhen_local").points(*found)]
    assert back == pytest.approx([east, north], abs=1e-4)
    assert transform.accuracy_m == pytest.approx(0.05)
    assert not transform.is_ballpark
    assert rotation in transform.description
    assert crs.name_of(transform.source) == "shenzhen_local"
    assert crs.vertical_name(transform.source) == "EPSG:5737"


def test_the_two_conventions_are_not_the_same(tmp_path: Path) -> None:
    found = []
    for rotation in ("position_vector", "coordinate_frame"):
        use(tmp_path, SEVEN.format(rotation=rotation))
        found.append([float(part) for part in crs.to_geographic("shenzhen_local").points(126173.0, 193600.0)])
    assert 10 < crs.GEOD.inv(*found[0], *found[1])[2] < 100


def test_agrees_with_what_proj_makes_of_towgs84(tmp_path: Path) -> None:
    text = SEVEN.format(rotation="position_vector") + 'to = "EPSG:4326"\n'
    use(tmp_path, text)
    towgs84 = "+towgs84=-15.415,142.027,86.451,0.512,-0.877,1.203,-2.41"
    proj = "+proj=tmerc +lat_0=0 +lon_0=114 +k=1 +x_0=120000 +y_0=-2300000 +ellps=krass"
    expected = crs.transform_between(f"{proj} {towgs84} +type=crs", "EPSG:4326").points(126173.0, 193600.0)
    found = crs.transform_between("shenzhen_local", "EPSG:4326").points(126173.0, 193600.0)
    assert crs.GEOD.inv(*found, *expected)[2] < 0.001


def test_control_points_by_hand(tmp_path: Path) -> None:
    # A turn by 30 degrees: north' = n cos 30 + e sin 30, east' = e cos 30 - n sin 30, with errors of 0.1 m at most
    assert use(tmp_path, POINTS.format(extra="", j4="2504232.058")) == ["harbour_grid"]
    transform = crs.transform_between("harbour_grid", "EPSG:4547")
    east, north = transform.points(2500.0, 2000.0)
    n, e = 1000.0, 500.0
    assert float(north) == pytest.approx(2502000 + n * math.cos(math.pi / 6) + e / 2, abs=0.1)
    assert float(east) == pytest.approx(520000 + e * math.cos(math.pi / 6) - n / 2, abs=0.1)
    assert "4 control points" in transform.description
    assert "rms 0.0" in transform.description
    assert transform.accuracy_m is not None
    assert 0.001 <= transform.accuracy_m < 0.1
    back = crs.transform_between("EPSG:4547", "harbour_grid").points(east, north)
    assert np.array(back) == pytest.approx([2500.0, 2000.0], abs=1e-6)
    longitude, latitude = (float(part) for part in crs.to_geographic("harbour_grid").points(2500.0, 2000.0))
    expected = crs.to_geographic("EPSG:4547").points(east, north)
    assert (longitude, latitude) == pytest.approx([float(part) for part in expected], abs=1e-12)
    # The grid's north points 30 degrees east of 4547's, which at its meridian is 0.07 degrees off true north.
    turn = crs.convergence_deg("harbour_grid", longitude, latitude)
    assert abs(turn) == pytest.approx(30, abs=0.1)


def test_the_residuals_are_those_of_numpy(tmp_path: Path) -> None:
    from cim.control_points import fit_affine, fit_similarity

    random = np.random.default_rng(7)
    local = random.uniform(0, 5000, (9, 2))
    target = local @ np.array([[0.9, -0.3], [0.3, 0.9]]).T + [520000, 2502000] + random.normal(0, 0.05, (9, 2))
    # independent: all parameters at once, by the normal equations of the design matrix
    x, y = local.T
    zero, one = np.zeros(9), np.ones(9)
    similar = np.vstack([np.column_stack([x, -y, one, zero]), np.column_stack([y, x, zero, one])])
    observed = target.T.ravel()
    rest = observed - similar @ np.linalg.lstsq(similar, observed, rcond=None)[0]
    fit = fit_similarity(local, target)
    assert fit.residuals_m == pytest.approx(np.hypot(rest[:9], rest[9:]), abs=1e-6)
    assert fit.rms_m == pytest.approx(math.sqrt((rest**2).sum() / (18 - 4)), abs=1e-6)
    assert fit.scale == pytest.approx(math.sqrt(0.9), abs=1e-4)
    assert fit.turn_deg == pytest.approx(math.degrees(math.atan2(0.3, 0.9)), abs=1e-3)
    affine = np.column_stack([x, y, one])
    off = target - affine @ np.linalg.lstsq(affine, target, rcond=None)[0]
    assert fit_affine(local, target).residuals_m == pytest.approx(np.hypot(*off.T), abs=1e-6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (POINTS.format(extra="", j4="2504242.058"), "'J4' is .* m off"),
        (POINTS.format(extra='model = "helmert"', j4="2504232.058"), "model"),
        (POINTS.format(extra='to = "EPSG:4490"', j4="1").replace('to = "EPSG:4547"\n', ""), "projected system"),
        (SEVEN.format(rotation="clockwise"), "rotation"),
        (SEVEN.format(rotation="position_vector").replace('rotation = "position_vector"\n', ""), "rotation"),
        (SEVEN.format(rotation="position_vector").replace("+proj=tmerc", "+proj=nothing"), "cannot be made"),
        (SEVEN.format(rotation="position_vector").replace("+ellps=krass", "+nadgrids=@x +ellps=krass"), "projection"),
        (SEVEN.format(rotation="position_vector") + "colour = 1\n", "colour"),
        ('["GCJ-02"]\nprojection = ""\n', "cannot be the name"),
        ("shenzhen_local = 3", "is a table"),
        ("[", "cannot be read"),
        ('[harbour_grid]\npoints = [{name = "A", local = [0, 0], target = [1, 1]}]\n', "has 1 points"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InvalidSetting, match=words):
        use(tmp_path, text)


def test_points_on_one_line_fix_no_affine(tmp_path: Path) -> None:
    points = ", ".join(f'{{name = "P{n}", local = [{n}, {n}], target = [{n}, {n}]}}' for n in range(4))
    with pytest.raises(InvalidSetting, match="on one line"):
        use(tmp_path, f'[harbour_grid]\nmodel = "affine"\npoints = [{points}]\n')


def test_settings_make_them_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="GCJ-02"):
        crs.parse_crs("shenzhen_local")
    monkeypatch.setenv("CIM_HOME", str(tmp_path))
    (tmp_path / "private_crs.toml").write_text(SEVEN.format(rotation="position_vector"), encoding="utf-8")
    read_settings()
    assert crs.name_of(crs.parse_crs("shenzhen_local")) == "shenzhen_local"
    monkeypatch.setenv("CIM_PRIVATE_CRS", str(tmp_path / "absent.toml"))
    with pytest.raises(InvalidSetting, match=r"absent\.toml"):
        read_settings()
