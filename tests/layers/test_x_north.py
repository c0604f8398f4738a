"""Registers in systems whose X is north: the numbers decide, and the report says so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyproj import Proj

if TYPE_CHECKING:
    from conftest import Ask, Take

#: Longitude and latitude of two places, and EPSG:4547 by PROJ's projection alone
PLACES = [(114.22, 22.70), (114.25, 22.72)]
GRS80 = Proj("+proj=tmerc +lat_0=0 +lon_0=114 +k=1 +x_0=500000 +y_0=0 +ellps=GRS80")


@pytest.mark.parametrize("names", [("X", "Y"), ("X坐标", "Y坐标"), ("Y", "X")])
def test_x_is_north_where_it_can_only_be_that(take: Take, ask: Ask, tmp_path: Path, names: tuple[str, str]) -> None:
    """Write north first under the first name; the third case has the west's order of names."""
    path = tmp_path / "hydrants.csv"
    rows = [GRS80(*place) for place in PLACES]
    lines = [f"H{n},{north:.3f},{east:.3f}" for n, (east, north) in enumerate(rows)]
    path.write_text(f"编码,{names[0]},{names[1]}\n" + "\n".join(lines) + "\n", encoding="utf-8")
    report = take(path, layer="hydrants", crs="EPSG:4547")
    assert report.status == "imported"
    assert report.quarantined == 0
    told = [note for note in report.notes if note.code == "x_is_north"]
    assert len(told) == (names != ("Y", "X"))
    found = ask("select ST_X(geom), ST_Y(geom) from cim.feature order by source_key")
    for (longitude, latitude), (x, y) in zip(PLACES, found, strict=True):
        assert (x, y) == pytest.approx((longitude, latitude), abs=1e-7)


def test_named_axes_are_not_turned(take: Take, tmp_path: Path) -> None:
    path = tmp_path / "hydrants.csv"
    path.write_text("编码,easting,northing\nH1,2511000,522000\n", encoding="utf-8")
    report = take(path, layer="hydrants", crs="EPSG:4547")
    assert (report.status, "swapped" in str(report.error)) == ("refused", True)
