"""Real files: placed where an independent computation puts them, complete to the product, or refused with reason."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ifcopenshell
import numpy as np
import pytest
from pyproj import Transformer
from sqlalchemy import Engine, func, select

from cim.reports import ImportReport
from cim.tables import building_source, element, mesh, mesh_instance, model, space

pytestmark = pytest.mark.shared
Run = Callable[..., ImportReport]


def only_model(engine: Engine) -> Any:
    with engine.connect() as connection:
        return connection.execute(select(model)).one()


def check_complete(engine: Engine, path: Path) -> None:
    """Compare the rows with the products that ifcopenshell itself counts."""
    if path.suffix in {".zip", ".ifczip"}:
        with zipfile.ZipFile(path) as archive:
            file = ifcopenshell.file.from_string(archive.read(archive.namelist()[0]).decode("latin-1"))
    else:
        file = ifcopenshell.open(str(path))
    features = {one.id() for one in file.by_type("IfcFeatureElement")}
    elements = [one for one in file.by_type("IfcElement") if one.id() not in features]
    counts = only_model(engine).attributes["counts"]
    assert counts.pop("products") == len(file.by_type("IfcProduct")) == sum(counts.values())
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(element)) == len(elements)
        assert connection.scalar(select(func.count()).select_from(space)) == len(file.by_type("IfcSpace"))
        drawn = connection.scalar(select(func.count()).select_from(mesh_instance))
        assert drawn == only_model(engine).attributes["instances"] > 0


def test_duplex_stands_in_luxembourg_and_not_in_chicago(run_import: Run, engine: Engine, shared_data: Path) -> None:
    path = shared_data / "ifc/ifc2x3/Duplex_A_georeferenced.ifc"
    report = run_import(path)
    assert report.status == "imported", report.error
    row = only_model(engine)
    # LUREF stands on another ellipsoid than CGCS2000: taken as they are, the coordinates would be 120 m off.
    expected = Transformer.from_crs(2169, 4326, always_xy=True).transform(76670.0, 77179.0)
    assert (row.longitude, row.latitude) == pytest.approx(expected, abs=1e-8)
    assert (row.longitude, row.latitude) == pytest.approx((6.122, 49.629), abs=0.002)
    assert "site_contradicts_conversion" in {note.code for note in report.notes}
    check_complete(engine, path)
    with engine.connect() as connection:
        fields = connection.scalar(select(building_source.c.fields))
    assert (fields["storeys_above"], fields["storeys_below"], fields["base_height_m"]) == (2, 0, 293.7)


@pytest.mark.parametrize("part", ["Architecture", "Structural", "Hvac"])
def test_millimetres_in_the_map_unit(run_import: Run, engine: Engine, shared_data: Path, part: str) -> None:
    path = shared_data / f"ifc/ifc4/PCERT_Building-{part}.ifc"
    assert run_import(path).status == "imported"
    row = only_model(engine)
    expected = Transformer.from_crs(32760, 4490, always_xy=True).transform(729013.34883, 9063992.68470)
    assert (row.longitude, row.latitude) == pytest.approx(expected, abs=1e-8)
    assert np.array(row.placement).reshape(4, 4)[2, 3] == pytest.approx(1.3)
    check_complete(engine, path)


def test_fzk_haus_on_a_real_footprint(run_import: Run, engine: Engine, shared_data: Path) -> None:
    path = shared_data / "ifc/ifc4/AC20-FZK-Haus.ifc"
    assert run_import(path).status == "waiting"
    report = run_import(path, shared_data / "place_liechtenstein/ifc_placements.csv")
    assert report.status == "imported", report.error
    check_complete(engine, path)
    with engine.connect() as connection:
        # PROJ knows no operation from CGCS2000 to Swiss coordinates; the way in led through WGS 84.
        stored = func.ST_SetSRID(building_source.c.geom, 4326)
        fields, wkt = connection.execute(
            select(building_source.c.fields, func.ST_AsText(func.ST_Transform(stored, 2056)))
        ).one()
        volumes = connection.execute(select(space.c.floor_area_m2, space.c.volume_m3)).all()
    assert (fields["storeys_above"], fields["base_height_m"]) == (2, 1266.0)
    # The named corner of the house, and the way 158670730 of OpenStreetMap: it reaches 11.3 m and 10 m from there.
    import shapely

    area = shapely.from_wkt(wkt)
    assert area.area == pytest.approx(120.0, rel=0.02)
    assert area.distance(shapely.Point(2759827.39, 1222347.33)) < 0.05
    assert np.hypot(*(np.array(area.centroid.coords[0]) - [2759827.39 - 4.26, 1222347.33 + 6.20])) < 1.0
    # The file's own quantities: seven rooms of 171.8 m2 in all by KIT's room list, all closed bodies.
    assert len(volumes) == 7
    assert all(volume > 2.0 * area for area, volume in volumes)


def test_the_inverted_scale_is_named(run_import: Run, shared_data: Path) -> None:
    report = run_import(shared_data / "ifc/ifc4x3/georef-utm.ifc")
    assert report.status == "waiting"
    assert "inverted" in str(report.error)
    assert "1000" in str(report.error)


def test_absolute_coordinates_of_a_railway(run_import: Run, engine: Engine, shared_data: Path) -> None:
    report = run_import(shared_data / "ifc/ifc4x3/linear-placement-of-signal.ifc")
    assert report.status == "imported", report.error
    row = only_model(engine)
    assert row.georeference["method"] == "absolute_coordinates"
    assert (row.longitude, row.latitude) == pytest.approx((14.439, 41.007), abs=0.01)


def test_a_draft_of_ifc4x3_is_read_and_its_name_kept(run_import: Run, engine: Engine, shared_data: Path) -> None:
    path = shared_data / "ifc/ifc4x3/DrainageSystem-2_RC3.ifc"
    report = run_import(path)
    assert report.status == "imported", report.error
    row = only_model(engine)
    assert (row.original_schema, row.ifc_schema) == ("IFC4X3_RC3", "IFC4X3_ADD2")
    assert (row.longitude, row.latitude) == pytest.approx((24.477, 61.991), abs=0.001)


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("doubleguids.ifc", "waiting", "--place"),
        ("errorfile.ifc", "refused", "no product"),
        ("xbim_InvalidMultiByte.ifc", "refused", "not readable"),
    ],
)
def test_bad_files(run_import: Run, shared_data: Path, name: str, status: str, said: str) -> None:
    report = run_import(shared_data / "ifc/bad" / name)
    assert report.status == status
    assert said in str(report.error)


def test_bad_syntax_files_are_refused_one_by_one(run_import: Run, shared_data: Path) -> None:
    for path in sorted((shared_data / "ifc/bad/step_syntax").glob("*.ifc")):
        report = run_import(path)
        assert report.status in {"refused", "waiting"}, path.name
        assert report.error


@pytest.mark.slow
def test_office_meshes_are_shared(run_import: Run, engine: Engine, shared_data: Path) -> None:
    path = shared_data / "ifc/ifc2x3/Office_A_20110811.ifc"
    report = run_import(path, shared_data / "place_liechtenstein/ifc_placements.csv")
    assert report.status == "imported", report.error
    check_complete(engine, path)
    with engine.connect() as connection:
        meshes = connection.scalar(select(func.count()).select_from(mesh))
        drawn = connection.scalar(select(func.count()).select_from(mesh_instance))
        statuses = set(connection.scalars(select(element.c.geometry_status)))
    assert meshes < 0.7 * drawn
    assert statuses == {"ok", "none"}
