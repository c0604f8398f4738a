"""Official codes taken apart by hand, and every way in which one is wrong with its reason."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cim import codes
from cim.errors import InvalidCode, InvalidInput

BUILDING = "4403070010010000001"
WARNING = "44030741600000_20240608143000_0"


def test_the_parts_of_each_code() -> None:
    assert codes.parse_area("440307") == ("440307", "", "")
    assert codes.parse_area("440307001002") == ("440307", "001", "002")
    assert codes.parse_building(BUILDING) == ("440307", "001", "001", "0000001")
    assert codes.parse_room(BUILDING + "000302").room == "000302"
    assert codes.parse_grid_cell("440307001002003") == ("440307", "001", "002", "003")
    device = codes.parse_device("44030700001320000001")
    assert device == ("44030700", "00", "132", "0", "000001", "network camera")
    assert codes.parse_device("44030700082000000001").kind == "central signalling server"
    warning = codes.parse_warning(WARNING)
    assert (warning.area, warning.organisation, warning.unit, warning.extension) == ("440307", "416", "000", "00")
    # Beijing time is eight hours before UTC all year.
    assert warning.entered_at == datetime(2024, 6, 8, 6, 30, tzinfo=UTC)
    assert warning.sequence == 0


@pytest.mark.parametrize(
    ("scheme", "code", "reason"),
    [
        ("area", "44030", "it has 5 characters"),
        ("area", "990307", "begins with 99"),
        ("building", "440307001001000000", "it has 18 digits and 19 are right"),
        ("building", BUILDING + "000302", f"name a room; its building is {BUILDING}"),
        ("building", "440307001001000000A", "character 19 is 'A'"),
        ("building", "440307001001000000１", "character 19 is '１'"),
        ("building", "4403070010010000000", "digits 13 to 19"),
        ("building", "4403070000010000001", r"digits 7 to 9 \(street\) are all zero"),
        ("building", "4403070010000000001", r"digits 10 to 12 \(community\)"),
        ("building", "4403000010010000001", r"digits 5 to 6 \(district\)"),
        ("building", "0003070010010000001", "begins with 00"),
        ("building", "", "it has 0 digits"),
        ("room", BUILDING, "it has 19 digits and 25 are right"),
        ("room", BUILDING + "000000", "digits 20 to 25"),
        ("grid_cell", "44030700100200", "it has 14 digits"),
        ("grid_cell", "440307001002000", "digits 13 to 15"),
        ("device", "4403070000132000001", "it has 19 digits"),
        ("device", "44030700001100000001", "digits 11 to 13 are 110"),
        ("device", "44030700000990000001", "digits 11 to 13 are 099"),
        ("device", "99030700001320000001", "no province"),
        ("warning", "44030741600000_20240608143000", "it has 29 characters"),
        ("warning", "44030741600000-20240608143000_0", "character 15 is '-'"),
        ("warning", "44030741600000_20240608143000-0", "character 30 is '-'"),
        ("warning", "44030741600000_20240608143O00_0", "character 27 is 'O'"),
        ("warning", "44030741600000_20240231143000_0", "20240231 is no day"),
        ("warning", "44030741600000_20240608246000_0", "246000 is no time"),
        ("warning", "99030741600000_20240608143000_0", "begins with 99"),
    ],
)
def test_what_is_wrong_is_said(scheme: str, code: str, reason: str) -> None:
    with pytest.raises(InvalidCode, match=reason):
        codes.SCHEMES[scheme](code)
    found = codes.reason_if_wrong(scheme, code)
    assert found is not None
    assert codes.reason_if_wrong("building", BUILDING) is None


@pytest.mark.parametrize("code", ["44030700121320000001", "44030700391320000001", "44030700991320000001"])
def test_reserved_industries_are_taken(code: str) -> None:
    assert codes.parse_device(code).type == "132"


def test_a_scheme_that_there_is_not() -> None:
    with pytest.raises(InvalidInput, match="no scheme of codes"):
        codes.reason_if_wrong("passport", "1")
