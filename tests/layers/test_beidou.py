"""BeiDou grid codes against the worked example of GB/T 39409-2020 (appendix B.2) and against the cells' own edges."""

from __future__ import annotations

import numpy as np
import pytest

from cim.errors import InvalidInput
from layers.grids.beidou import MAX_LEVEL, decode, encode, size_deg

#: 39 59 35.38 N, 116 18 45.37 E: the codes that the standard derives step by step.
LON, LAT = 116 + 18 / 60 + 45.37 / 3600, 39 + 59 / 60 + 35.38 / 3600
STEPS = ["N50J", "N50J47", "N50J475", "N50J47539", "N50J47539B8", "N50J47539B82", "N50J47539B8255", "N50J47539B825534"]
#: 5.1: the sides of the levels in seconds of arc.
SECONDS = [(21600, 14400), (1800, 1800), (900, 600), (60, 60), (4, 4), (2, 2), (1 / 4, 1 / 4), (1 / 32, 1 / 32),
           (1 / 256, 1 / 256), (1 / 2048, 1 / 2048)]  # fmt: skip


@pytest.mark.parametrize("level", range(1, 9))
def test_the_example_of_the_standard(level: int) -> None:
    assert str(encode(LON, LAT, level)) == STEPS[level - 1]


@pytest.mark.parametrize("level", range(1, MAX_LEVEL + 1))
def test_cells_have_the_sizes_of_the_standard(level: int) -> None:
    assert np.array(size_deg(level)) * 3600 == pytest.approx(SECONDS[level - 1], rel=1e-12)
    cell = decode(str(encode(LON, LAT, level)))
    assert (cell.east - cell.west) * 3600 == pytest.approx(SECONDS[level - 1][0], rel=1e-6)
    assert cell.west <= LON < cell.east
    assert cell.south <= LAT < cell.north


@pytest.mark.parametrize("level", range(1, MAX_LEVEL + 1))
def test_a_cell_names_its_own_middle(level: int) -> None:
    random = np.random.default_rng(level)
    for lon, lat in zip(random.uniform(0, 180, 200), random.uniform(0, 88, 200), strict=True):
        code = str(encode(lon, lat, level))
        cell = decode(code)
        assert str(encode((cell.west + cell.east) / 2, (cell.south + cell.north) / 2, level)) == code
        assert cell.west - 1e-10 <= lon <= cell.east
        assert cell.south - 1e-10 <= lat <= cell.north


def test_a_cell_owns_its_south_and_west_edges_also_in_decimal_degrees() -> None:
    minutes = np.arange(0, 60)
    west = 116 + minutes / 60
    codes = encode(west, np.full(60, 39.5), 4)
    assert len(set(codes.tolist())) == 60
    assert [decode(str(code)).west for code in codes] == pytest.approx(west.tolist(), abs=1e-12)


def test_codes_of_many_places_at_once_are_those_of_each() -> None:
    random = np.random.default_rng(1)
    lon, lat = random.uniform(113.5, 114.7, 500), random.uniform(22.4, 22.9, 500)
    assert encode(lon, lat, 6).tolist() == [str(encode(x, y, 6)) for x, y in zip(lon, lat, strict=True)]


@pytest.mark.parametrize("place", [(-1.0, 40.0), (116.0, -1.0), (116.0, 88.5), (180.0, 1.0), (float("nan"), 1.0)])
def test_places_elsewhere_are_refused(place: tuple[float, float]) -> None:
    with pytest.raises(InvalidInput, match="no BeiDou grid code"):
        encode(*place, 4)


@pytest.mark.parametrize(
    "code",
    ["", "S50J", "N5", "NxxJ", "N50W", "N10J", "N50J4", "N50JC0", "N50J476", "N50J47539F0", "N50J47539B8255345500"],
)
def test_wrong_codes_are_refused(code: str) -> None:
    with pytest.raises(InvalidInput, match=r"BeiDou|level|column|longer"):
        decode(code + ("00" if len(code) == 20 else ""))


def test_levels_that_are_none_are_refused() -> None:
    for level in (0, 11):
        with pytest.raises(InvalidInput, match="level"):
            encode(LON, LAT, level)
