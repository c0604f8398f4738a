"""Postal addresses of IFC files, as authoring programs really write them."""

from __future__ import annotations

from typing import Any

import ifcopenshell
import pytest

from bim_import.postal_address import postal_line, street_line


@pytest.mark.parametrize(
    ("said", "line", "street"),
    [
        ({"AddressLines": ["Enter address here"], "Town": "Chicago", "Region": "IL"}, "Chicago, IL", None),
        ({"AddressLines": ["请在此处输入地址"], "Country": "中国北京"}, "中国北京", None),
        ({"AddressLines": ["ここにアドレスを入力"]}, None, None),
        ({"AddressLines": ["Unknown"], "InternalLocation": "x", "Town": "Unknown", "Region": "Unknown"}, None, None),
        ({"AddressLines": ["<Default>", ""], "Town": " "}, None, None),
        ({"AddressLines": ["龙平大道1号"], "Town": "深圳"}, "龙平大道1号, 深圳", "龙平大道1号, 深圳"),
        ({"AddressLines": ["Unknown Soldier Street 1"]}, "Unknown Soldier Street 1", "Unknown Soldier Street 1"),
        ({"Town": "Karlsruhe"}, "Karlsruhe", None),
    ],
)
def test_what_nobody_has_written_is_no_address(said: dict[str, Any], line: str | None, street: str | None) -> None:
    address = ifcopenshell.file(schema="IFC4").create_entity("IfcPostalAddress", **said)
    assert postal_line(address) == line
    assert street_line(address) == street


def test_no_address() -> None:
    assert postal_line(None) is None
    assert street_line(None) is None
