"""Places that files state: systems, units, grades, contradictions, proposals; answers by hand or by pyproj."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyproj import CRS, Geod, Proj, Transformer
from sqlalchemy import Engine, select

from bim_import.default_cities import default_at
from bim_import.extent import middle_m
from bim_import.georeference import Georeference, place_by_file, place_given
from bim_import.map_system import read_system
from bim_import.placements import read_placements
from bim_import.site import to_degrees
from bim_import.statement import Statement, read_statement
from cim.errors import InvalidInput, UnplacedModel
from cim.reports import ImportReport
from cim.tables import model, quarantine

Run = Callable[..., ImportReport]
SHENZHEN = (22, 42, 36, 0), (114, 12, 50, 0)  # where (522000, 2512000) of EPSG:4547 is
SURVEY_FOOT = 1200 / 3937


def statement(made: Any, unit_m: float = 1.0) -> Statement:
    return read_statement(made.file, "house.ifc", middle_m(made.file, made.file.by_type("IfcElement"), unit_m), unit_m)


def placed(made: Any, unit_m: float = 1.0, crs: str | None = None) -> Georeference:
    return place_by_file(statement(made, unit_m), crs, "EPSG:4547")


def refused(made: Any, unit_m: float = 1.0) -> UnplacedModel:
    with pytest.raises(UnplacedModel) as caught:
        placed(made, unit_m)
    return caught.value


def conversion(made: Any) -> Any:
    return made.file.by_type("IfcMapConversion")[0]


def locate(made: Any, latitude: tuple[int, ...], longitude: tuple[int, ...], elevation: float | None = None) -> None:
    made.site.RefLatitude, made.site.RefLongitude, made.site.RefElevation = latitude, longitude, elevation


# Systems ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "vertical"),
    [
        ("EPSG:2056", 2056, None),
        ("epsg:2056", 2056, None),
        ("2056", 2056, None),
        ("EPSG 2056", 2056, None),
        ("EPSG:2056,EPSG:5728", 2056, "EPSG:5728"),
        ("EPSG:2056, EPSG:5728", 2056, "EPSG:5728"),
        ("EPSG:2056+5728", 2056, "EPSG:5728"),
        ("EPSG:7415", 28992, "EPSG:5709"),
        ("urn:ogc:def:crs:EPSG::2056", 2056, None),
        ("CH1903+ / LV95", 2056, None),
        ("CH1903+ / LV95 + LN02 height", 2056, "EPSG:5728"),
        ("CGCS2000 / 3-degree Gauss-Kruger CM 114E", 4547, None),
        ("ETRS89 / UTM zone 32N", 25832, None),
        (CRS.from_epsg(25832).to_wkt("WKT1_GDAL"), 25832, None),
        (CRS.from_epsg(25832).to_wkt(), 25832, None),
    ],
)
def test_names_of_systems(text: str, code: int, vertical: str | None) -> None:
    found = read_system(text)
    assert (found.crs.to_epsg(min_confidence=60), found.unit_m, found.vertical) == (code, 1.0, vertical)


@pytest.mark.parametrize("text", ["", "NC83", "UTM32", "EPSG:4326", "EPSG:5728", "EPSG:999999", "Gauss"])
def test_what_names_no_projected_system(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_system(text)


@pytest.mark.parametrize(("code", "unit_m"), [(3547, SURVEY_FOOT), (2222, 0.3048), (6347, 1.0)])
def test_a_system_in_feet_has_a_twin_in_metres(code: int, unit_m: float) -> None:
    found = read_system(f"EPSG:{code}")
    assert found.unit_m == pytest.approx(unit_m, rel=1e-12)
    assert found.crs.axis_info[0].unit_conversion_factor == 1.0
    area = CRS.from_epsg(code).area_of_use
    assert area is not None
    middle = (area.west + area.east) / 2, (area.south + area.north) / 2
    feet = Transformer.from_crs(4269, code, always_xy=True).transform(*middle)
    metres = Transformer.from_crs(4269, found.crs, always_xy=True).transform(*middle)
    assert np.array(metres) == pytest.approx(np.array(feet) * unit_m, abs=1e-4)


@pytest.mark.parametrize("map_unit", ["none", "US survey foot", "metre"])
def test_a_model_in_us_survey_feet_stands_right(
    run_import: Run, engine: Engine, make_house: Any, tmp_path: Path, map_unit: str
) -> None:
    """The Kentucky zone of the pipe network in the shared data, whose own unit is the US survey foot."""
    made = make_house(place=False)
    feet = 5_030_000.0, 3_890_000.0
    factor = SURVEY_FOOT if map_unit == "metre" else 1.0
    made.georeference(feet[0] * factor, feet[1] * factor, 600.0 * factor, 25.0, 1.0, "EPSG:3547")
    new = made.file.create_entity
    if map_unit == "none":
        made.file.by_type("IfcProjectedCRS")[0].MapUnit = None
    elif map_unit != "metre":
        measure = new("IfcMeasureWithUnit", new("IfcLengthMeasure", SURVEY_FOOT), made.file.by_type("IfcSIUnit")[0])
        exponents = new("IfcDimensionalExponents", 1, 0, 0, 0, 0, 0, 0)
        foot = new("IfcConversionBasedUnit", exponents, "LENGTHUNIT", "US SURVEY FOOT", measure)
        made.file.by_type("IfcProjectedCRS")[0].MapUnit = foot
    if map_unit != "metre":
        conversion(made).Scale = 1 / SURVEY_FOOT
    report = run_import(made.write(tmp_path / "kentucky.ifc"))
    assert report.status == "imported", report.error
    with engine.connect() as connection:
        row = connection.execute(select(model)).one()
    to_degrees = Transformer.from_crs(3547, 4326, always_xy=True)
    assert (row.longitude, row.latitude) == pytest.approx(to_degrees.transform(*feet), abs=1e-9)
    assert row.height_m == pytest.approx(600.0 * SURVEY_FOOT, abs=1e-4)
    assert row.georeference["crs"] == "EPSG:3547"
    # A hundred metres along the model's x, in feet of the map.
    matrix = np.array(row.placement).reshape(4, 4)
    east, north = (matrix @ [100, 0, 0, 1])[:2]
    turn = math.radians(25)
    there = feet[0] + 100 / SURVEY_FOOT * math.cos(turn), feet[1] + 100 / SURVEY_FOOT * math.sin(turn)
    ours = Transformer.from_crs(CRS.from_user_input(row.metric_crs), 4326, always_xy=True).transform(east, north)
    assert Geod(ellps="WGS84").inv(*ours, *to_degrees.transform(*there))[2] < 0.001


# Operations ---------------------------------------------------------------------------------------------------------


def test_factors_along_the_axes(make_house: Any) -> None:
    made = make_house("IFC4X3", unit_m=0.001, place=False)
    made.georeference(522000.0, 2512000.0, 50.0, 30.0, 0.001)
    values = conversion(made).get_info(recursive=False)
    made.file.remove(conversion(made))
    arguments = [values[name] for name in list(values)[2:]]
    made.file.create_entity("IfcMapConversionScaled", *arguments, 0.9996, 0.9996, 1.0)
    found = placed(made, 0.001)
    turn = math.radians(30)
    expected = [522000 + 0.9996 * 200 * math.cos(turn), 2512000 + 0.9996 * 200 * math.sin(turn), 60, 1]
    assert found.placement @ [200, 0, 10, 1] == pytest.approx(expected, abs=1e-6)
    assert (found.grade, found.method) == (50, "IfcMapConversionScaled")


def test_a_rigid_operation_shifts_only(make_house: Any) -> None:
    made = make_house("IFC4X3", unit_m=0.001, place=False)
    new = made.file.create_entity
    target = new("IfcProjectedCRS", Name="EPSG:4547")
    shift = [new("IfcLengthMeasure", value) for value in (522000.0, 2512000.0)]
    new("IfcRigidOperation", made.context, target, *shift, 50.0)
    found = placed(made, 0.001)
    assert found.placement @ [200, 100, 3, 1] == pytest.approx([522200, 2512100, 53, 1], abs=1e-9)


def test_the_well_known_text_of_a_system_is_read(make_house: Any) -> None:
    made = make_house("IFC4X3", place=False)
    made.georeference(522000.0, 2512000.0, 50.0, 0.0, 1.0, "the city's own name")
    crs = made.file.by_type("IfcProjectedCRS")[0]
    made.file.create_entity("IfcWellKnownText", CRS.from_epsg(4547).to_wkt(), crs)
    assert placed(made).crs_name == "EPSG:4547"


def test_a_world_coordinate_system_is_taken_off(make_house: Any) -> None:
    """The map conversion speaks of the context's coordinate system (IFC 4.3.2, IfcMapConversion)."""
    made = make_house()
    made.context.WorldCoordinateSystem = made.axes(40.0, 30.0, 2.0)
    found = placed(made)
    assert found.placement @ [40, 30, 2, 1] == pytest.approx([522000, 2512000, 50, 1], abs=1e-9)


def test_map_coordinates_in_the_world_coordinate_system_are_not_twice(make_house: Any) -> None:
    made = make_house()
    made.context.WorldCoordinateSystem = made.axes(522000.0, 2512000.0, 0.0)
    made.site.ObjectPlacement.RelativePlacement = made.axes(522000.0, 2512000.0, 0.0)
    found = placed(made)
    assert found.degrees() == pytest.approx(
        Transformer.from_crs(4547, 4490, always_xy=True).transform(522000, 2512000), abs=1e-3
    )


def test_several_conversions_that_differ_wait(make_house: Any) -> None:
    made = make_house()
    made.georeference(523000.0, 2512000.0, 50.0, 30.0, 1.0)
    assert "several map conversions that differ" in str(refused(made))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("Eastings", "76 km", "Eastings = '76 km'"), ("Scale", "one", "Scale = 'one'"), ("Northings", "nan", "Northings")],
)
def test_property_sets_with_words_for_numbers_wait(make_house: Any, name: str, value: str, said: str) -> None:
    made = make_house("IFC2X3", place=False)
    values: dict[str, Any] = {"Eastings": 522000.0, "Northings": 2512000.0} | {name: value}
    made.pset(made.project, "ePSet_MapConversion", **values)
    made.pset(made.project, "ePSet_ProjectedCRS", Name="EPSG:4547")
    assert said in str(refused(made))


@pytest.mark.parametrize(("word", "metres"), [("US Survey Foot", SURVEY_FOOT), ("millimetre", 0.001), ("METRE", 1.0)])
def test_units_of_property_sets(make_house: Any, word: str, metres: float) -> None:
    made = make_house("IFC2X3", place=False)
    made.pset(
        made.site, "ePSet_MapConversion", Eastings="%.9f" % (522000 / metres), Northings=2512000.0 / metres,
        OrthogonalHeight=50.0 / metres, Scale=1.0 / metres,
    )  # fmt: skip
    made.pset(made.project, "ePSet_ProjectedCRS", Name="EPSG:4547", MapUnit=word)
    assert placed(made).placement[:3, 3] == pytest.approx([522000, 2512000, 50], abs=1e-5)


def test_an_unknown_unit_of_the_map_waits(make_house: Any) -> None:
    made = make_house("IFC2X3", place=False)
    made.pset(made.site, "ePSet_MapConversion", Eastings=522000.0, Northings=2512000.0)
    made.pset(made.project, "ePSet_ProjectedCRS", Name="EPSG:4547", MapUnit="chi")
    assert "unit 'chi'" in str(refused(made))


# Grades -------------------------------------------------------------------------------------------------------------


def test_each_level_of_georeferencing_is_recognised(make_house: Any) -> None:
    made = make_house(place=False)
    assert statement(made).grade.level == 0
    made.building.BuildingAddress = made.file.create_entity(
        "IfcPostalAddress", AddressLines=["龙城街道1号"], Town="深圳", Country="CN"
    )
    assert statement(made).grade.evidence == {"10": {"addresses": ["IfcBuilding: 龙城街道1号, 深圳, CN"]}}
    locate(made, *SHENZHEN, 38.5)
    assert statement(made).grade.evidence["20"]["elevation_m"] == 38.5
    made.site.ObjectPlacement.RelativePlacement = made.axes(522000.0, 2512000.0, 38.5)
    (point,) = statement(made).grade.evidence["30"]["placements_m"].values()
    assert point == [522000.0, 2512000.0, 38.5]
    made.context.WorldCoordinateSystem = made.axes(522000.0, 2512000.0, 0.0)
    made.context.TrueNorth = made.file.create_entity("IfcDirection", [0.5, math.sqrt(0.75)])
    found = statement(made).grade
    assert (found.level, found.evidence["40"]["true_north_deg"]) == (40, pytest.approx(60.0))
    made.georeference(522000.0, 2512000.0, 50.0, 0.0, 1.0)
    found = statement(made).grade
    assert (found.level, sorted(found.evidence)) == (50, ["10", "20", "30", "40", "50"])


def test_grade_and_evidence_are_kept_with_the_model_and_in_the_quarantine(
    run_import: Run, engine: Engine, make_house: Any, tmp_path: Path
) -> None:
    made = make_house()
    locate(made, *SHENZHEN)
    assert run_import(made.write(tmp_path / "good.ifc")).status == "imported"
    waiting = make_house(place=False)
    locate(waiting, *SHENZHEN)
    report = run_import(waiting.write(tmp_path / "low.ifc"))
    assert "LoGeoRef 20, 40 is needed" in str(report.error)
    with engine.connect() as connection:
        kept = connection.scalar(select(model.c.georeference))
        record = connection.scalar(select(quarantine.c.record))
    assert kept["grade"] == 50
    assert sorted(kept["evidence"]["levels"]) == ["20", "50"]
    assert (record["grade"], sorted(record["levels"])) == (20, ["20"])


# Contradictions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("latitude", "longitude", "said"),
    [
        ((48, 8, 0), (11, 34, 0), "the site contradicts the map conversion"),
        ((114, 12, 50), (22, 42, 36), "latitude and longitude look swapped"),
        ((22, 42, 36), (-114, -12, -50), "the sign of the longitude looks wrong"),
    ],
)
def test_a_site_elsewhere_waits(make_house: Any, latitude: Any, longitude: Any, said: str) -> None:
    made = make_house()
    locate(made, latitude, longitude)
    error = refused(made)
    assert said in str(error)
    assert error.evidence is not None
    assert error.evidence["grade"] == 50


@pytest.mark.parametrize(
    ("latitude", "longitude", "said"),
    [
        ((0, 0, 0), (0, 0, 0), "zero"),
        ((42, 21, 30, 344238), (-71, -3, -35, -194702), "Boston"),
        ((41, 52, 27, 840000), (-87, -38, -21, -839999), "Chicago"),
        ((39, 54, 57, 601318), (116, 25, 58, 795166), "Beijing"),
    ],
)
def test_a_default_city_is_only_noted(make_house: Any, latitude: Any, longitude: Any, said: str) -> None:
    made = make_house()
    locate(made, latitude, longitude)
    (note,) = placed(made).notes
    assert note.code == "site_contradicts_conversion"
    assert said in note.message
    assert said in str(default_at(to_degrees(longitude), to_degrees(latitude)))


def test_a_site_within_the_city_agrees(make_house: Any) -> None:
    made = make_house()
    locate(made, (22, 33, 0), (114, 6, 0))  # the centre of Shenzhen, 21 km away
    assert placed(made).notes == []


def far_house(make_house: Any, x: float, y: float) -> Any:
    made = make_house(place=False)
    made.site.ObjectPlacement.RelativePlacement = made.axes(x, y, 0.0)
    return made


def test_a_false_origin_waits_unless_the_site_confirms_it(make_house: Any) -> None:
    made = far_house(make_house, -478000.0, 1512000.0)
    made.georeference(1000000.0, 1000000.0, 0.0, 0.0, 1.0)
    assert "false origin" in str(refused(made))
    locate(made, *SHENZHEN)
    found = placed(made)
    assert [note.code for note in found.notes] == ["false_origin"]
    expected = Transformer.from_crs(4547, 4490, always_xy=True).transform(522000, 2512000)
    assert found.degrees() == pytest.approx(expected, abs=1e-3)
    assert np.abs(found.placement @ [*(-np.array(found.offset_m)), 1] - [1e6, 1e6, 0, 1]).max() < 1e-6


def test_a_false_origin_with_a_zero_conversion_is_named(make_house: Any) -> None:
    made = far_house(make_house, 145000.0, 300000.0)
    made.georeference(0.0, 0.0, 0.0, 0.0, 1.0)
    assert "false origin" in str(refused(made))


def test_map_coordinates_without_any_system_take_the_one_asked_for(make_house: Any) -> None:
    made = far_house(make_house, 522000.0, 2512000.0)
    assert "--crs" in str(refused(made))
    found = placed(made, crs="EPSG:4547")
    assert found.method == "absolute_coordinates"
    middle = np.array([522005.0, 2512003.0, 0.0]) - found.offset_m
    assert found.placement @ [*middle, 1] == pytest.approx([522005, 2512003, 0, 1], abs=1e-6)


def test_the_system_asked_for_stands_in_for_an_unknown_name_only(make_house: Any) -> None:
    made = make_house(place=False)
    made.georeference(522000.0, 2512000.0, 50.0, 0.0, 1.0, "NC83")
    assert placed(made, crs="EPSG:4547").crs_name == "EPSG:4547"
    made = make_house()
    assert placed(made, crs="EPSG:2056").crs_name == "EPSG:4547"


# Proposals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("latitude", "longitude", "crs"),
    [((22, 42, 36), (114, 12, 50), "EPSG:4547"), ((60, 10, 0), (24, 56, 0), "EPSG:32635")],
)
def test_the_proposal_puts_true_north_on_the_meridian(
    make_house: Any, tmp_path: Path, latitude: Any, longitude: Any, crs: str
) -> None:
    made = make_house(place=False)
    locate(made, latitude, longitude, 38.5)
    made.site.ObjectPlacement.RelativePlacement = made.axes(120.0, -80.0, 1.5)
    made.context.TrueNorth = made.file.create_entity("IfcDirection", [0.5, math.sqrt(0.75)])
    error = refused(made)
    assert error.evidence is not None
    proposal: Any = error.evidence["proposal"]
    path = tmp_path / "copied.csv"
    path.write_text(proposal["place_file"])
    (row,) = read_placements(path)
    assert (row.file, row.crs, row.anchor) == ("house.ifc", crs, "origin")
    matrix = place_given(row, statement(made), np.zeros(3)).placement
    back = Transformer.from_crs(crs, 4326, always_xy=True)
    there = to_degrees(longitude), to_degrees(latitude)
    site = matrix @ [120, -80, 1.5, 1]
    assert site[2] == pytest.approx(38.5, abs=1e-3)
    assert Geod(ellps="WGS84").inv(*back.transform(*site[:2]), *there)[2] < 0.01
    # A kilometre along the model's true north from the site runs along the meridian, not along the grid.
    end = matrix @ [120 + 1000 * 0.5, -80 + 1000 * math.sqrt(0.75), 1.5, 1]
    azimuth = Geod(ellps="WGS84").inv(*there, *back.transform(*end[:2]))[0]
    assert azimuth == pytest.approx(0.0, abs=0.001)
    assert abs(Proj(crs).get_factors(*there).meridian_convergence) > 0.08


def test_a_default_city_is_not_proposed(make_house: Any) -> None:
    made = make_house(place=False)
    locate(made, (42, 21, 30, 344238), (-71, -3, -35, -194702))
    error = refused(made)
    assert error.evidence is not None
    assert "proposal" not in error.evidence


@pytest.mark.shared
def test_grades_of_real_files(run_import: Run, engine: Engine, shared_data: Path) -> None:
    for name, level, said in (
        ("ifc2x3/tekla_mini_project.ifc", 0, "no map conversion (LoGeoRef 0"),
        ("ifc4/AC20-FZK-Haus.ifc", 20, "LoGeoRef 20, 40 is needed"),
        ("ifc4/large_offset.ifc", 30, "false origin"),
        ("ifc4x3/georef-utm.ifc", 50, "scale inverted"),
        ("ifc4x3/road_Bentley_test2_RC4.ifc", 50, "'NC83'"),
    ):
        report = run_import(shared_data / "ifc" / name)
        assert report.status == "waiting", name
        assert said in str(report.error), name
        with engine.connect() as connection:
            record = connection.scalar(
                select(quarantine.c.record)
                .where(quarantine.c.place.is_not(None))
                .limit(1)
                .order_by(quarantine.c.id.desc())
            )
        assert record["grade"] == level, (name, record)
