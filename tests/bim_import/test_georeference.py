from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyproj import Transformer
from sqlalchemy import Engine, select

from bim_import.placements import find_place, read_placements
from cim.errors import InvalidFile, UnplacedModel
from cim.reports import ImportReport
from cim.tables import model, quarantine

Run = Callable[..., ImportReport]


def placed(engine: Engine) -> Any:
    with engine.connect() as connection:
        return connection.execute(select(model)).one()


def absolute(made: Any) -> Any:
    """Give a site the map's own coordinates."""
    made.site.ObjectPlacement.RelativePlacement = made.axes(522000.0, 2512000.0, 50.0)
    return made


def test_without_any_statement_it_waits_with_the_evidence(
    run_import: Run, engine: Engine, make_house: Any, tmp_path: Path
) -> None:
    made = make_house(place=False)
    made.site.RefLatitude, made.site.RefLongitude = (22, 42, 0, 0), (114, 13, 0, 0)
    report = run_import(made.write(tmp_path / "nowhere.ifc"))
    assert report.status == "waiting"
    assert "--place" in str(report.error)
    with engine.connect() as connection:
        row = connection.execute(select(quarantine)).one()
    assert row.reason == "unplaced_model"
    assert row.record["site_longitude_latitude"] == pytest.approx([114 + 13 / 60, 22.7])


@pytest.mark.parametrize(
    ("unit_m", "scale", "said"),
    [
        (0.001, None, "scale omitted"),
        (0.001, 1.0, "scale omitted"),
        (0.001, 1000.0, "scale inverted"),
        (1.0, 0.3048, "contradicts"),
    ],
)
def test_a_wrong_scale_is_named(
    run_import: Run, make_house: Any, tmp_path: Path, unit_m: float, scale: float | None, said: str
) -> None:
    made = make_house(unit_m=unit_m, place=False)
    made.georeference(522000.0, 2512000.0, 50.0, 0.0, scale)
    report = run_import(made.write(tmp_path / "scale.ifc"))
    assert report.status == "waiting"
    assert said in str(report.error)


def test_a_combined_scale_factor_is_kept(run_import: Run, engine: Engine, make_house: Any, tmp_path: Path) -> None:
    made = make_house(place=False)
    made.georeference(522000.0, 2512000.0, 50.0, 0.0, 0.9996)
    run_import(made.write(tmp_path / "factor.ifc"))
    assert np.array(placed(engine).placement).reshape(4, 4)[0, 0] == pytest.approx(0.9996, abs=1e-12)


def test_georeferenced_twice_waits(run_import: Run, make_house: Any, tmp_path: Path) -> None:
    report = run_import(absolute(make_house()).write(tmp_path / "twice.ifc"))
    assert report.status == "waiting"
    assert "twice" in str(report.error)


def test_absolute_coordinates_with_a_zero_conversion_are_right(
    run_import: Run, engine: Engine, make_house: Any, tmp_path: Path
) -> None:
    made = absolute(make_house(place=False))
    made.georeference(0.0, 0.0, 0.0, 0.0, 1.0)
    report = run_import(made.write(tmp_path / "absolute.ifc"))
    assert report.status == "imported", report.error
    row = placed(engine)
    assert row.georeference["method"] == "absolute_coordinates"
    # The stored frame is near the building, not at the equator.
    assert np.hypot(*(np.array(row.placement).reshape(4, 4)[:2, 3] - [522000, 2512000])) < 100


def test_a_zero_conversion_with_local_coordinates_says_nothing(
    run_import: Run, make_house: Any, tmp_path: Path
) -> None:
    made = make_house(place=False)
    made.georeference(0.0, 0.0, 0.0, 0.0, 1.0)
    assert run_import(made.write(tmp_path / "zero.ifc")).status == "waiting"


@pytest.mark.parametrize("name", ["NC83", "EPSG:4326", ""])
def test_a_system_that_is_no_projected_one_waits(run_import: Run, make_house: Any, tmp_path: Path, name: str) -> None:
    made = make_house(place=False)
    made.georeference(522000.0, 2512000.0, 50.0, 0.0, 1.0, name)
    report = run_import(made.write(tmp_path / "system.ifc"))
    assert report.status == "waiting"


def test_outside_of_the_systems_area_it_waits(run_import: Run, make_house: Any, tmp_path: Path) -> None:
    made = make_house(place=False)
    made.georeference(2512000.0, 522000.0, 50.0, 0.0, 1.0)  # swapped
    report = run_import(made.write(tmp_path / "swapped.ifc"))
    assert report.status == "waiting"
    assert "EPSG:4547" in str(report.error)


@pytest.mark.parametrize("home", ["project", "site"])
def test_property_sets_of_ifc2x3_on_project_and_site(
    run_import: Run, engine: Engine, make_house: Any, tmp_path: Path, home: str
) -> None:
    made = make_house("IFC2X3", place=False)
    owner = getattr(made, home)
    cosine, sine = math.cos(0.5), math.sin(0.5)
    made.pset(
        owner, "ePSet_MapConversion", Eastings=522000.0, Northings=2512000.0, OrthogonalHeight=50.0,
        XAxisAbscissa=cosine, XAxisOrdinate=sine, Scale=1.0,
    )  # fmt: skip
    made.pset(owner, "ePSet_ProjectedCRS", Name="EPSG:4547,EPSG:5737", MapUnit="METRE")
    report = run_import(made.write(tmp_path / "old.ifc"))
    assert report.status == "imported", report.error
    row = placed(engine)
    longitude, latitude = Transformer.from_crs(4547, 4490, always_xy=True).transform(522000.0, 2512000.0)
    assert (row.longitude, row.latitude, row.height_m) == pytest.approx((longitude, latitude, 50.0), abs=1e-9)
    assert row.georeference["grade"] == 40
    assert np.array(row.placement).reshape(4, 4)[:2, 0] == pytest.approx([cosine, sine], abs=1e-12)


def test_placed_by_a_file(run_import: Run, engine: Engine, make_house: Any, tmp_path: Path) -> None:
    path = make_house(place=False).write(tmp_path / "house.ifc")
    assert run_import(path).status == "waiting"
    place = tmp_path / "places.csv"
    place.write_text(
        "file,crs,easting,northing,height,rotation\nother.ifc,EPSG:4547,1,2,3,4\n"
        "house.ifc,EPSG:4547,522100,2512100,61,90\n"
    )
    report = run_import(path, place)
    assert report.status == "imported", report.error
    matrix = np.array(placed(engine).placement).reshape(4, 4)
    # Ten metres along the model's x are ten metres north.
    assert matrix @ [10, 0, 0, 1] == pytest.approx([522100, 2512110, 61, 1], abs=1e-6)
    with engine.connect() as connection:
        assert connection.execute(select(quarantine)).all() == []


@pytest.mark.parametrize(
    ("anchor", "point"), [("centre", (5, 3)), ("lower_left", (0, 0)), ("upper_left", (0, 6)), ("origin", (0, 0))]
)
def test_anchors(
    run_import: Run, engine: Engine, make_house: Any, tmp_path: Path, anchor: str, point: tuple[float, float]
) -> None:
    place = tmp_path / "places.csv"
    place.write_text(
        f"file,crs,easting,northing,height,rotation,anchor\nhouse,EPSG:4547,522100,2512100,61,0,{anchor}\n"
    )
    run_import(make_house(place=False).write(tmp_path / "house.ifc"), place)
    matrix = np.array(placed(engine).placement).reshape(4, 4)
    assert matrix @ [*point, 0, 1] == pytest.approx([522100, 2512100, 61, 1], abs=1e-3)


PLACES = "file,crs,easting,northing\n{}\n"


@pytest.mark.parametrize(
    ("row", "name", "is_exact"),
    [
        ("tower_01.ifc", "tower_01.ifc", True),
        ("tower_01", "tower_01.ifc.zip", True),
        ("tower_01.ifc", "deliveries.zip/2024/tower_01.ifc", True),
        ("revit2012_janesville_restaurant.ifc", "janesville_restaurant_27MB.ifc.zip", False),
        ("IFC-houten kozijnen.ifc (Schependomlaan)", "Schependomlaan_houten_kozijnen.ifczip", False),
        ("Duplex_A", "Duplex_A_georeferenced.ifc", False),
        ("tower_01.ifc", "tower_02.ifc", None),
        ("tower.ifc", "tower_02.ifc", None),
        ("project_building_1", "project_building_2.ifc", None),
    ],
)
def test_rows_are_found_by_name(tmp_path: Path, row: str, name: str, is_exact: bool | None) -> None:
    path = tmp_path / "places.csv"
    path.write_text(PLACES.format(f"{row},EPSG:4547,1,2"))
    found = find_place(read_placements(path), [name])
    assert (found[1] if found else None) is is_exact


def test_two_rows_that_may_mean_one_model_are_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "places.csv"
    path.write_text(PLACES.format("school_a_old,EPSG:4547,1,2\nschool_a_new,EPSG:4547,3,4"))
    with pytest.raises(UnplacedModel, match="school_a_old"):
        find_place(read_placements(path), ["school_a.ifc"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("file,easting,northing\na,1,2\n", "crs"),
        ("name,crs\n", "easting"),
        (PLACES.format("a,EPSG:4547,x,2"), "line 2: easting is 'x'"),
        ("file,crs,easting,northing,anchor\na,EPSG:4547,1,2,top\n", "anchor is 'top'"),
    ],
)
def test_a_bad_file_of_places_is_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "places.csv"
    path.write_text(content)
    with pytest.raises(InvalidFile, match=said):
        read_placements(path)


@pytest.mark.parametrize(
    ("name", "vertical"), [("EPSG:2056,EPSG:5728", "EPSG:5728"), ("EPSG:7415", "EPSG:5709"), ("2056", None)]
)
def test_the_height_system_of_pairs_and_compounds(
    run_import: Run, engine: Engine, make_house: Any, tmp_path: Path, name: str, vertical: str | None
) -> None:
    made = make_house(place=False)
    east, north = (85000.0, 446000.0) if name == "EPSG:7415" else (2689000.0, 1253000.0)
    made.georeference(east, north, 5.0, 0.0, 1.0, name)
    report = run_import(made.write(tmp_path / "heights.ifc"))
    assert report.status == "imported", report.error
    assert placed(engine).georeference["vertical_datum"] == vertical
