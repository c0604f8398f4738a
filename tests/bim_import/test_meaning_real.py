"""Real files: all that is in them is in the model or accounted for, by counts that ifcopenshell itself gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ifcopenshell
import ifcopenshell.util.element
import ifcopenshell.util.system
import pytest
from sqlalchemy import Engine, func, select

from cim.access import Caller
from cim.reports import ImportReport
from cim.tables import element, element_group, model, object_link, space
from layers.catalogue import get_layer
from layers.queries.cql import condition

pytestmark = pytest.mark.shared
Run = Callable[..., ImportReport]


@pytest.fixture
def place_anywhere(tmp_path: Path) -> Callable[[Path], Path]:
    """Return a list of places that has this file: where it stands is not what is tested here."""

    def write(path: Path) -> Path:
        target = tmp_path / "place.csv"
        target.write_text(f"file,crs,easting,northing,height\n{path.name},EPSG:4547,522000,2512000,50\n")
        return target

    return write


def counted(engine: Engine, statement: Any) -> Counter[str]:
    with engine.connect() as connection:
        return Counter({row[0]: row[1] for row in connection.execute(statement)})


def elements_of(file: Any) -> list[Any]:
    features = {one.id() for one in file.by_type("IfcFeatureElement")}
    return [one for one in file.by_type("IfcElement") if one.id() not in features]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "ifc2x3/Office_A_20110811.ifc",
        "ifc4/AC20-FZK-Haus.ifc",
        "ifc4/domestic-hot-water.ifc",
        "ifc2x3/Duplex_Electrical.ifc",
    ],
)
def test_all_is_in_or_accounted_for(
    run_import: Run, engine: Engine, shared_data: Path, place_anywhere: Callable[[Path], Path], name: str
) -> None:
    path = shared_data / "ifc" / name
    report = run_import(path, place_anywhere(path))
    assert report.status == "imported", report.error
    with engine.connect() as connection:
        attributes = connection.scalar(select(model.c.attributes))
    counts = attributes["counts"]
    file = ifcopenshell.open(str(path))
    assert counts["products"] == len(file.by_type("IfcProduct"))
    assert counted(engine, select(element.c.ifc_class, func.count()).group_by(element.c.ifc_class)) == Counter(
        one.is_a() for one in elements_of(file)
    )
    assert counts.get("openings", 0) == len(file.by_type("IfcFeatureElement"))
    assert counts.get("ports", 0) == len(file.by_type("IfcPort"))
    groups = counted(engine, select(element_group.c.name, element_group.c.member_count))
    assert groups == Counter(
        {
            one.Name: sum(len(relation.RelatedObjects) for relation in file.by_type("IfcRelAssignsToGroup")
                          if relation.RelatingGroup == one)
            for one in file.by_type("IfcGroup")
        }
    )  # fmt: skip
    assert counts.pop("products") == sum(counts.values())


def test_hot_water_is_connected_as_the_library_says(
    run_import: Run, engine: Engine, shared_data: Path, place_anywhere: Callable[[Path], Path]
) -> None:
    path = shared_data / "ifc/ifc4/domestic-hot-water.ifc"
    run_import(path, place_anywhere(path))
    file = ifcopenshell.open(str(path))
    expected = set()
    for one in elements_of(file):
        for other in [
            *ifcopenshell.util.system.get_connected_to(one),
            *ifcopenshell.util.system.get_connected_from(one),
        ]:
            expected.add(frozenset((one.GlobalId, other.GlobalId)))
    assert len(expected) > 5
    with engine.connect() as connection:
        ids = {row.id: row.global_id for row in connection.execute(select(element.c.id, element.c.global_id))}
        links = connection.execute(
            select(object_link.c.from_id, object_link.c.to_id).where(object_link.c.kind == "port")
        )
        assert {frozenset((ids[link.from_id], ids[link.to_id])) for link in links} == expected


@pytest.mark.slow
def test_queries_count_as_the_library_does(
    run_import: Run, engine: Engine, shared_data: Path, place_anywhere: Callable[[Path], Path]
) -> None:
    path = shared_data / "ifc/ifc2x3/Office_A_20110811.ifc"
    run_import(path, place_anywhere(path))
    file = ifcopenshell.open(str(path))
    walls = file.by_type("IfcWall")
    psets = [ifcopenshell.util.element.get_psets(wall) for wall in walls]
    outside = sum(sets.get("Pset_WallCommon", {}).get("IsExternal") is True for sets in psets)
    assert 0 < outside < len(walls)
    assert "IfcWallStandardCase" in {wall.is_a() for wall in walls}
    with engine.connect() as connection:
        layer = get_layer(connection, "elements", Caller("admin"))
        for asked, expected in (
            ("IfcWall", len(walls)),
            ("ifc_class LIKE 'IfcWall'", len(file.by_type("IfcWall", include_subtypes=False))),
            ("IfcWall AND psets.Pset_WallCommon.IsExternal = true", outside),
            ("IfcDoor OR IfcWindow", len(file.by_type("IfcDoor")) + len(file.by_type("IfcWindow"))),
        ):
            found = connection.scalar(select(func.count()).select_from(element).where(condition(layer, asked)))
            assert found == expected, asked


def test_rooms_of_the_fzk_haus_have_the_files_own_areas_and_volumes(
    run_import: Run, engine: Engine, shared_data: Path, place_anywhere: Callable[[Path], Path]
) -> None:
    path = shared_data / "ifc/ifc4/AC20-FZK-Haus.ifc"
    report = run_import(path, place_anywhere(path))
    file = ifcopenshell.open(str(path))
    stated = {
        one.GlobalId: ifcopenshell.util.element.get_psets(one, qtos_only=True) for one in file.by_type("IfcSpace")
    }
    with engine.connect() as connection:
        rows = connection.execute(select(space)).all()
        closed = connection.scalar(select(func.bool_and(func.ST_IsClosed(space.c.solid))))
        check = connection.scalar(select(model.c.attributes))["quantity_check"]
    assert len(rows) == len(stated) == 7
    assert closed is True
    for row in rows:
        values = next(found for found in stated[row.global_id].values() if "NetFloorArea" in found)
        # Some rooms are drawn to the walls, some to the plaster.
        areas = (values["NetFloorArea"], values["GrossFloorArea"])
        assert min(abs(row.floor_area_m2 - area) for area in areas) < 0.001 * row.floor_area_m2
        assert row.volume_m3 == pytest.approx(values["NetVolume"], rel=0.001)
    assert (check["floor_area_m2"]["agree"], check["volume_m3"]["agree"]) == (7, 7)
    # The room under the roof is given a ceiling of 4 m, but its body ends at the ridge.
    assert [note.code for note in report.notes if note.code == "quantities_differ"] == ["quantities_differ"]
    assert check["height_m"]["worst"]["quantity"] == "FinishCeilingHeight"
    assert check["height_m"]["worst"]["stated"] == 4.0
