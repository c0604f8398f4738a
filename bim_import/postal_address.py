"""IfcPostalAddress as one line, without what authoring programs put there until somebody writes an address."""

from __future__ import annotations

import re
from typing import Any

from bim_import.property_values import text_or_none

#: Of Revit in English, Chinese and Japanese, and what others write for nothing.
_PLACEHOLDER = re.compile(
    r"(?:please )?enter (?:\w+ )?address(?: here)?|请?在此处?输入地址|ここにアドレスを入力(?:ください)?"
    r"|<[^<>]*>|unknown|undefined|not defined|n/?a|none|default",
    re.IGNORECASE,
)


def postal_line(address: Any) -> str | None:
    """Return all that an IfcPostalAddress says, parts separated by commas; None where it says nothing."""
    if address is None:
        return None
    parts = [*_lines(address), *map(_said, (address.PostalCode, address.Town, address.Region, address.Country))]
    return text_or_none(", ".join(part for part in parts if part))


def street_line(address: Any) -> str | None:
    """Return the same where it has lines of its own: a town alone is no address of a building."""
    return postal_line(address) if address is not None and _lines(address) else None


def _lines(address: Any) -> list[str]:
    return [line for line in map(_said, address.AddressLines or ()) if line]


def _said(value: Any) -> str | None:
    text = text_or_none(value)
    return None if text is None or _PLACEHOLDER.fullmatch(text) else text
