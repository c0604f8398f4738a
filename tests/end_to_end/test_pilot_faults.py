"""Every planted fault that the importers can see is found on the pilot district, and nothing else is rejected."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from cim.importing import ImportContext, ImportOptions, import_paths

if TYPE_CHECKING:
    from conftest import Pilot

pytestmark = pytest.mark.slow


def _quarantine(pilot: Pilot) -> list[tuple[str, str, str]]:
    rows = pilot.rows("select file_name, reason, detail from cim.quarantine order by id")
    return [(row.file_name, row.reason, row.detail) for row in rows]


def test_every_row_is_accounted_for(pilot: Pilot) -> None:
    expected = Counter[str]()
    for name, rows in pilot.truth["counts"].items():
        if not name.startswith(("ifc/", "raster/", "faults/")):
            expected[name.partition(":")[0]] += rows
    found = Counter[str]()
    for name, report in pilot.reports.items():
        if name.startswith(("gis/", "registers/", "live/")):
            place = "gis/grids/" if report.file.endswith("网格.shp") else f"{name.partition('/')[0]}/"
            layers = dict(report.layers)
            if report.importer == "ifc" or "terrain" in layers:
                continue
            found[place + report.file] += sum(counts.read for counts in layers.values())
            for counts in layers.values():
                assert counts.read == counts.added + counts.changed + counts.unchanged + counts.quarantined, name
    assert found == expected


def test_duplicate_codes_are_quarantined_and_named(pilot: Pilot) -> None:
    found = [detail for file, _, detail in _quarantine(pilot) if file == "buildings.gpkg"]
    for fault in pilot.faults("duplicate_code"):
        assert any(fault["key"] in detail for detail in found), fault


def test_self_crossing_footprints_are_repaired_and_reported(pilot: Pilot) -> None:
    report = pilot.reports["gis/buildings.gpkg"]
    notes = " ".join(note.message for note in report.notes)
    assert report.layers["buildings"].repaired == len(pilot.faults("self_crossing"))
    for fault in pilot.faults("self_crossing"):
        assert fault["key"] in notes
        ((valid,),) = pilot.rows("select ST_IsValid(geom) from cim.building where code = :code", code=fault["key"])
        assert valid


@pytest.mark.parametrize(("kind", "field"), [("storeys_disagree", "storeys_above"), ("height_disagrees", "height_m")])
def test_disagreements_are_kept_as_conflicts(pilot: Pilot, kind: str, field: str) -> None:
    models = {entry["ifc"]: code for code, entry in pilot.truth["buildings"].items() if entry["ifc"]}
    for fault in pilot.faults(kind):
        code = models.get(fault["key"], fault["key"])
        rows = pilot.rows(
            "select c.claims from cim.conflict c join cim.building b on b.id = c.building_id"
            " where b.code = :code and c.field = :field",
            code=code,
            field=field,
        )
        assert len(rows) == 1, fault
        values = {claim["value"] for claim in rows[0].claims}
        assert len(values) > 1
        # What was overruled is still there: the merge keeps disagreements, it does not overwrite them.
        assert pilot.truth["buildings"][code][field] in values


def test_no_other_building_has_a_conflict_of_storeys_or_height(pilot: Pilot) -> None:
    models = {entry["ifc"]: code for code, entry in pilot.truth["buildings"].items() if entry["ifc"]}
    planted = {
        models.get(fault["key"], fault["key"])
        for kind in ("storeys_disagree", "height_disagrees")
        for fault in pilot.faults(kind)
    }
    rows = pilot.rows(
        "select b.code from cim.conflict c join cim.building b on b.id = c.building_id"
        " where c.field in ('storeys_above', 'height_m')"
    )
    assert {row.code for row in rows} == planted


def test_models_that_cannot_be_placed_wait_with_their_reason(pilot: Pilot) -> None:
    words = {"no_place": "--place", "georeferenced_twice": "twice", "mm_missing_scale": "scale"}
    for kind, word in words.items():
        for fault in pilot.faults(kind):
            report = pilot.reports[fault["file"]]
            assert report.status == "waiting", fault
            assert word in str(report.error).lower(), report.error


def test_sound_models_stand_on_their_footprints(pilot: Pilot) -> None:
    for slug in ("factory_01", "tower_13", "tower_12", "office_06"):
        report = pilot.reports[f"ifc/{slug}.ifc"]
        assert report.status == "imported", report
        rows = pilot.rows(
            "select b.code, s.score from cim.building_source s join cim.building b on b.id = s.building_id"
            " join cim.dataset d on d.id = s.dataset_id where d.name = :name and s.kind = 'ifc'",
            name=f"{slug}.ifc",
        )
        assert [pilot.truth["buildings"][row.code]["ifc"] for row in rows] == [slug]
        assert rows[0].score > 0.8


def test_files_without_a_usable_place_are_refused_with_a_remedy(pilot: Pilot) -> None:
    without = pilot.reports["faults/井盖_no_crs.shp"]
    assert (without.status, "--crs" in str(without.error)) == ("refused", True)
    swapped = pilot.reports["faults/shelters_swapped.csv"]
    taken = sum(counts.added for counts in swapped.layers.values())
    assert taken == 0
    assert "swapped" in f"{swapped.error}" or swapped.quarantined == pilot.truth["counts"][swapped_name(pilot)]


def test_coordinates_of_a_web_map_wait_and_land_when_they_are_named(pilot: Pilot) -> None:
    (fault,) = pilot.faults("gcj02")
    report = pilot.reports[fault["file"]]
    assert (report.status, "--crs GCJ-02" in str(report.error)) == ("waiting", True)
    context = ImportContext(ImportOptions(crs="GCJ-02", dry_run=True), pilot.settings)
    [taken] = list(import_paths(pilot.engine, [pilot.folder / fault["file"]], context))
    assert taken.status == "imported"
    assert sum(counts.added for counts in taken.layers.values()) == pilot.truth["counts"][fault["file"]]
    # No other file of the pilot was doubted.
    doubted = pilot.rows("select file_name from cim.quarantine where reason = 'doubtful_crs'")
    assert [row.file_name for row in doubted] == ["poi_gcj02.geojson"]


def swapped_name(pilot: Pilot) -> str:
    return str(pilot.faults("swapped_axes")[0]["file"])


def test_gbk_files_read_right(pilot: Pilot) -> None:
    assert pilot.reports["faults/道路设施_gbk.shp"].status == "imported"
    rows = pilot.rows(
        "select o.name, o.attributes::text as attributes from cim.feature o join cim.dataset d on d.id = o.dataset_id"
        " where d.name = '道路设施_gbk.shp'"
    )
    assert len(rows) == pilot.truth["counts"]["faults/道路设施_gbk.shp"]
    text = " ".join(f"{row.name} {row.attributes}" for row in rows)
    assert "路" in text
    assert "�" not in text


def test_dangling_pipes_are_reported(pilot: Pilot) -> None:
    for fault in pilot.faults("dangling_pipe"):
        report = pilot.reports[fault["file"]]
        assert any(note.code == "dangling_pipe" and fault["key"] in note.message for note in report.notes), fault


def test_nothing_else_is_rejected(pilot: Pilot) -> None:
    """Statuses and quarantine as planted: four duplicate codes, the unplaced models, the two refused files."""
    waiting = {
        fault["file"]
        for kind in ("no_place", "georeferenced_twice", "mm_missing_scale", "gcj02")
        for fault in pilot.faults(kind)
    }
    found = {name for name, report in pilot.reports.items() if report.status == "waiting"}
    assert found == waiting
    refused = {name for name, report in pilot.reports.items() if report.status == "refused"}
    assert refused <= {"faults/井盖_no_crs.shp", "faults/shelters_swapped.csv"}
    rejected = Counter(file for file, _, _ in _quarantine(pilot))
    rejected.pop("shelters_swapped.csv", None)
    assert rejected == {"buildings.gpkg": 4} | {name.rpartition("/")[2]: 1 for name in waiting}


def test_a_waiting_model_goes_in_once_its_place_is_given(pilot: Pilot) -> None:
    options = ImportOptions(place=pilot.folder / "ifc" / "placements.csv")
    path = pilot.folder / "ifc" / "factory_06.ifc"
    (report,) = import_paths(pilot.engine, [path], ImportContext(options, pilot.settings))
    assert report.status == "imported", report.error
    rows = pilot.rows(
        "select b.code from cim.model m join cim.building b on b.id = m.building_id"
        " join cim.dataset d on d.id = m.dataset_id where d.name = 'factory_06.ifc'"
    )
    assert [pilot.truth["buildings"][row.code]["ifc"] for row in rows] == ["factory_06"]
    assert pilot.rows("select 1 from cim.quarantine where file_name = 'factory_06.ifc'") == []


def test_importing_everything_again_changes_nothing(pilot: Pilot) -> None:
    tables = ("building", "building_source", "conflict", "unit", "pipe", "pipe_node", "element", "mesh", "event")
    query = " union all ".join(f"select '{name}', count(*), max(xmin::text::bigint) from cim.{name}" for name in tables)
    before = pilot.rows(query)
    context = ImportContext(ImportOptions(), pilot.settings)
    for part in ("gis", "registers", "live"):
        for report in import_paths(pilot.engine, [pilot.folder / part], context):
            assert report.status == "unchanged", report
    assert pilot.rows(query) == before
