"""The truth of half a run keeps what the other half said."""

from __future__ import annotations

from pathlib import Path

from district.truth import Fault, Truth, earlier_truth

FAULT = Fault("no_crs", "faults/a.shp", None, "faults/a.shp", "no .prj", "refuse")


def test_same_seed_and_scale_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    Truth(3, "pilot", {"gis/a.gpkg:b": 7}, [FAULT], {}).write(path)
    earlier = earlier_truth(path, 3, "pilot")
    assert earlier.counts == {"gis/a.gpkg:b": 7}
    assert earlier.faults == [FAULT]


def test_other_seed_or_scale_starts_anew(tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    Truth(3, "pilot", {"gis/a.gpkg:b": 7}, [FAULT], {}).write(path)
    assert earlier_truth(path, 4, "pilot").counts == {}
    assert earlier_truth(path, 3, "full").faults == []


def test_no_earlier_run(tmp_path: Path) -> None:
    assert earlier_truth(tmp_path / "truth.json", 3, "pilot").counts == {}
