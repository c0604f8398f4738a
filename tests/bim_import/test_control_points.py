"""Models placed by control points: fits checked against transforms that were made up, and against other libraries."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from pyproj import Proj
from scipy.spatial.transform import Rotation
from sqlalchemy import Engine, select

from bim_import.control_points import fit, point_scale
from bim_import.map_system import read_system
from bim_import.placements import ControlPoint, GivenPlace, read_placements
from cim.errors import InvalidFile, UnplacedModel
from cim.reports import ImportReport
from cim.tables import model

Run = Callable[..., ImportReport]
MODEL = np.array([[0.0, 0.0, 0.0], [80.0, 0.0, 1.0], [80.0, 45.0, 2.0], [0.0, 45.0, 12.0]])
ORIGIN = np.array([522000.0, 2512000.0, 38.0])


def on_map(turn_deg: float, scale: float, points: np.ndarray = MODEL) -> np.ndarray:
    turn = math.radians(turn_deg)
    matrix = [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
    return np.column_stack([scale * points[:, :2] @ np.transpose(matrix), points[:, 2]]) + ORIGIN


def place(points: np.ndarray, target: np.ndarray, scale: str | float = "crs", tolerance: float = 0.1) -> GivenPlace:
    pairs = tuple(
        ControlPoint((one[0], one[1], one[2]), (other[0], other[1], other[2]))
        for one, other in zip(points.tolist(), target.tolist(), strict=True)
    )
    return GivenPlace("a", "EPSG:4547", 0, 0, 0, 0, "origin", pairs, scale, tolerance)


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize(("mode", "scale"), [("free", 1.00037), (1.0, 1.0), (0.9998, 0.9998)])
def test_points_without_error_are_met(count: int, mode: str | float, scale: float) -> None:
    target = on_map(112.5, scale)
    found = fit(place(MODEL[:count], target[:count], mode), read_system("EPSG:4547"))
    assert found.largest_m < 1e-8
    assert (found.rotation_deg, found.scale) == pytest.approx((112.5, scale), abs=1e-9)
    assert found.matrix @ [200, -30, 5, 1] == pytest.approx(
        [*on_map(112.5, scale, np.array([[200.0, -30.0, 5.0]]))[0], 1.0], abs=1e-6
    )


def test_points_with_errors_are_fitted_as_other_libraries_fit_them() -> None:
    noise = np.random.default_rng(7).normal(0, 0.02, MODEL.shape)
    target = on_map(30.0, 1.0) + noise
    held = fit(place(MODEL, target, 1.0), read_system("EPSG:4547"))
    flat = MODEL * [1, 1, 0]
    # Kabsch's rotation in space, of points in a plane.
    turn, _ = Rotation.align_vectors(((target - target.mean(0)) * [1, 1, 0]), flat - flat.mean(0))
    assert held.rotation_deg == pytest.approx(math.degrees(turn.as_rotvec()[2]), abs=1e-7)
    # The free fit in four real unknowns: e = a x - b y + c, n = b x + a y + d.
    free = fit(place(MODEL, target, "free"), read_system("EPSG:4547"))
    x, y, one, zero = MODEL[:, 0], MODEL[:, 1], np.ones(4), np.zeros(4)
    design = np.vstack([np.column_stack([x, -y, one, zero]), np.column_stack([y, x, zero, one])])
    (a, b, east, north), *_ = np.linalg.lstsq(design, np.concatenate([target[:, 0], target[:, 1]]), rcond=None)
    assert free.matrix[:2, :2].tolist() == pytest.approx(np.array([[a, -b], [b, a]]), abs=1e-8)
    assert free.matrix[:2, 3] == pytest.approx([east, north], abs=1e-4)
    assert free.matrix[2, 3] == pytest.approx((target[:, 2] - MODEL[:, 2]).mean(), abs=1e-9)
    assert free.residuals_m.sum(axis=0) == pytest.approx([0, 0, 0], abs=1e-6)


@pytest.mark.parametrize(
    ("crs", "at"),
    [("EPSG:4547", (522000, 2512000)), ("EPSG:25832", (250000, 5400000)), ("EPSG:2056", (2759000, 1222000))],
)
def test_the_scale_of_the_map_system_is_its_point_scale_factor(crs: str, at: tuple[float, float]) -> None:
    proj = Proj(crs)
    factors = proj.get_factors(*proj(*at, inverse=True))
    expected = (factors.meridional_scale + factors.parallel_scale) / 2
    # Bessel's and the international ellipsoids differ from that of the stored system by some 1e-5.
    assert point_scale(read_system(crs), *at) == pytest.approx(expected, abs=2e-5 if crs == "EPSG:2056" else 1e-8)


def test_a_model_of_true_size_fits_in_the_scale_of_the_map() -> None:
    scale = point_scale(read_system("EPSG:4547"), 522000.0, 2512000.0)
    assert abs(scale - 1) > 5e-6
    found = fit(place(MODEL, on_map(10.0, scale)), read_system("EPSG:4547"))
    assert found.largest_m < 1e-6


def test_points_on_a_line_are_enough() -> None:
    points = MODEL[:1] + np.outer([0.0, 1.0, 2.5], [10.0, 5.0, 0.0])
    assert fit(place(points, on_map(77.0, 1.0, points), 1.0), read_system("EPSG:4547")).largest_m < 1e-8


@pytest.mark.parametrize(
    ("points", "target", "said"),
    [
        (np.zeros((3, 3)), on_map(0.0, 1.0)[:3], "coincide in the model"),
        (MODEL[:3], np.tile(ORIGIN, (3, 1)), "coincide on the map"),
        (MODEL, on_map(0.0, 1.0) + np.array([[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1.0, 0]]), "number 4 is"),
        (MODEL, on_map(0.0, 1.0) + np.array([[0, 0, 0], [0, 0, 0.5], [0, 0, 0], [0, 0, 0]]), "number 2 is"),
        (MODEL * 1000, on_map(0.0, 1.0), "must be in metres"),
    ],
)
def test_points_that_do_not_fit_are_refused(points: np.ndarray, target: np.ndarray, said: str) -> None:
    with pytest.raises(UnplacedModel, match=said):
        fit(place(points, target, 1.0), read_system("EPSG:4547"))


def test_mirrored_axes_are_refused() -> None:
    with pytest.raises(UnplacedModel, match="do not fit"):
        fit(place(MODEL, on_map(0.0, 1.0)[:, [1, 0, 2]] - [1990000, -1990000, 0], 1.0), read_system("EPSG:4547"))


@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_model_is_placed_by_control_points(
    run_import: Run, engine: Engine, make_house: Any, tmp_path: Path, form: str
) -> None:
    target = on_map(60.0, 1.0) + np.array([[0.01, 0, 0], [-0.01, 0, 0], [0, 0, 0.004], [0, 0, -0.004]])
    path = tmp_path / f"places.{form}"
    if form == "json":
        points = [{"model": one, "map": other} for one, other in zip(MODEL.tolist(), target.tolist(), strict=True)]
        entry = {"file": "house.ifc", "crs": "EPSG:4547", "scale": 1, "tolerance_m": 0.05, "control_points": points}
        other = {"file": "b.ifc", "crs": "EPSG:4547", "easting": 1, "northing": 2}
        path.write_bytes(orjson.dumps({"models": [other, entry]}))
    else:
        rows = [
            f"house.ifc,EPSG:4547,{e!r},{n!r},{h!r},{x!r},{y!r},{z!r},1,0.05"
            for (x, y, z), (e, n, h) in zip(MODEL.tolist(), target.tolist(), strict=True)
        ]
        path.write_text("\n".join(["file,crs,easting,northing,height,x,y,z,scale,tolerance_m", *rows]))
    report = run_import(make_house(place=False).write(tmp_path / "house.ifc"), path)
    assert report.status == "imported", report.error
    (note,) = [note.message for note in report.notes if note.code == "control_points"]
    assert "4 control points" in note
    with engine.connect() as connection:
        row = connection.execute(select(model)).one()
    matrix = np.array(row.placement).reshape(4, 4)
    assert matrix[:2, :2] == pytest.approx(np.array([[0.5, -math.sqrt(0.75)], [math.sqrt(0.75), 0.5]]), abs=5e-4)
    assert np.abs(matrix @ [40, 22.5, 0, 1] - [*on_map(60.0, 1.0, np.array([[40, 22.5, 0.0]]))[0], 1]).max() < 0.01
    kept = row.georeference["evidence"]["control_points"]
    assert len(kept["points"]) == 4
    assert row.georeference["method"] == "control_points"
    residual = np.array([one["residual_m"] for one in kept["points"]])
    modelled = (MODEL @ matrix[:3, :3].T) + matrix[:3, 3]
    assert residual == pytest.approx(target - modelled, abs=1e-3)


FITTED = (
    '{"file": "a", "crs": "EPSG:4547", "scale": %s, "control_points": [{"model": [0, 0, 0], "map": [1, 2, 3]}, %s]}'
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[{"file": "a", "crs": "EPSG:4547"', "line 1 is no JSON"),
        ("[1]", "entry 1 is no object"),
        ('[{"crs": "EPSG:4547", "easting": 1, "northing": 2}]', "entry 1: file is empty"),
        ('[{"file": "a", "easting": 1, "northing": 2}]', "entry 1: crs is empty"),
        ('[{"file": "a", "crs": "EPSG:4547", "easting": "x", "northing": 2}]', "entry 1: easting is 'x'"),
        ('[{"file": "a", "crs": "EPSG:4547", "easting": 1}]', "entry 1: northing is ''"),
        ('[{"file": "a", "crs": "EPSG:4547", "east": 1, "northing": 2}]', "entry 1: 'east' is not known"),
        ('[{"file": "a", "crs": "EPSG:4547", "control_points": []}]', "control_points has 0"),
        ('[{"file": "a", "crs": "EPSG:4547", "control_points": 3}]', "control_points is no list"),
        (FITTED % ("1", '{"model": [0, 0], "map": [1, 2, 3]}'), r"model is '\[0, 0\]'"),
        (FITTED % ("1", '{"model": [0, 0, "n"], "map": [1, 2, 3]}'), "model is 'n'"),
        (FITTED % ("0", '{"model": [9, 0, 0], "map": [1, 9, 3]}'), "scale is '0'"),
        (FITTED % ('"grid"', '{"model": [9, 0, 0], "map": [1, 9, 3]}'), "is 'grid'"),
        ("file,crs,easting,northing\na,EPSG:4547,1,\n", "line 2: northing is ''"),
        ("file,crs,easting,northing\na,EPSG:4547,inf,1\n", "line 2: easting is 'inf'"),
        ("file,crs,easting,northing\n,EPSG:4547,1,1\n", "line 2: file is empty"),
        ("file,crs,easting,northing,x,y,z\na,EPSG:4547,1,1,0,0,0\n", "line 2: control_points has 1"),
    ],
)  # fmt: skip
def test_bad_rows_are_named(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "places.json"
    path.write_text(content)
    with pytest.raises(InvalidFile, match=said):
        read_placements(path)


@pytest.mark.parametrize(("encoding", "delimiter"), [("utf-8-sig", ";"), ("gbk", ","), ("utf-8", "\t")])
def test_tables_as_people_write_them(tmp_path: Path, encoding: str, delimiter: str) -> None:
    path = tmp_path / "places.csv"
    header = delimiter.join(["FILE", "crs", "Easting", "northing", "height"])
    row = delimiter.join(["龙岗区图书馆模型.ifc", "EPSG:4547", "1.5", "2", ""])
    path.write_text(f"{header}\r\n{row}\r\n\r\n", encoding=encoding)
    (found,) = read_placements(path)
    assert (found.file, found.easting, found.height_m) == ("龙岗区图书馆模型.ifc", 1.5, 0.0)


def test_an_unknown_system_is_named_with_its_row(run_import: Run, make_house: Any, tmp_path: Path) -> None:
    path = tmp_path / "places.csv"
    path.write_text("file,crs,easting,northing\nhouse.ifc,EPSG:999999,1,2\n")
    report = run_import(make_house(place=False).write(tmp_path / "house.ifc"), path)
    assert report.status == "waiting"
    assert "'places.csv' line 2" in str(report.error)
    assert "EPSG:999999" in str(report.error)
