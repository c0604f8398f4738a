from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from district.bim.program import PLANTED_FAULTS, PROGRAM
from district.bim.site import FAULTS, ModelSite, as_authored


def test_the_programme_is_that_of_the_pilot_district() -> None:
    assert len(PROGRAM) == 37
    assert len({program.slug for program in PROGRAM}) == 37
    assert len({program.name_zh for program in PROGRAM}) == 37
    assert sum(program.products for program in PROGRAM) == 40_000
    assert max(program.products for program in PROGRAM) == 15_000
    assert {program.schema for program in PROGRAM} == {"IFC4", "IFC2X3", "IFC4X3"}
    kinds = Counter(program.kind for program in PROGRAM)
    assert kinds["hospital"] == kinds["metro_station"] == 1
    assert min(kinds["tower"], kinds["office"], kinds["school"], kinds["factory"]) >= 5


def test_the_planted_faults_are_of_known_kinds_and_fit_their_schema() -> None:
    by_slug = {program.slug: program for program in PROGRAM}
    counts = Counter(PLANTED_FAULTS.values())
    assert set(counts) == set(FAULTS)
    assert counts["mm_missing_scale"] == 1
    assert all(counts[fault] == 2 for fault in FAULTS if fault != "mm_missing_scale")
    for slug, fault in PLANTED_FAULTS.items():
        assert slug in by_slug
        # Only IFC4 and later have an IfcMapConversion that can lack its Scale.
        assert fault != "mm_missing_scale" or by_slug[slug].schema != "IFC2X3"


@pytest.mark.parametrize(
    ("fault", "storeys", "height_m"),
    [(None, 6, 24.0), ("storeys_disagree", 8, 24.0), ("height_disagrees", 6, 30.0), ("no_place", 6, 24.0)],
)
def test_only_two_faults_change_the_building(fault: str | None, storeys: int, height_m: float) -> None:
    program = replace(PROGRAM[0], storeys_above=6, storey_height_m=4.0)
    site = ModelSite(program, "440307000001", 520_000.0, 2_512_000.0, 30.0, 15.0, "龙城大道1号", fault)
    authored = as_authored(site)
    assert authored.storeys_above == storeys
    assert authored.storeys_above * authored.storey_height_m == pytest.approx(height_m)
