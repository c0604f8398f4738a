"""Codes of administrative areas: GB/T 2260 for six digits, GB/T 10114 for streets, and three more for communities."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from cim.codes.digits import require_digits
from cim.errors import InvalidCode

#: GB/T 2260: the first two digits, by province, region or city
PROVINCES = frozenset(
    str(number) for numbers in (range(11, 16), range(21, 24), range(31, 38), range(41, 47), range(50, 55),
                                range(61, 66), (71, 81, 82)) for number in numbers
)  # fmt: skip


class Area(NamedTuple):
    """District (6 digits), street (3) and community (3); empty where the code names a larger area."""

    district: str
    street: str
    community: str


def parse_area(code: str) -> Area:
    """Take apart a code of 6 (district), 9 (street) or 12 digits (community); raises InvalidCode."""
    if len(code) not in (6, 9, 12):
        raise InvalidCode(
            f"'{code[:60]}' is no code of an area: it has {len(code)} characters; 6 (district), 9 (street) or 12 "
            "(community) are right"
        )
    require_digits(code, len(code), "code of an area", "district 6, street 3, community 3")
    require_district(code, "code of an area")
    return Area(code[:6], code[6:9], code[9:12])


def require_district(code: str, what: str) -> None:
    """Raise InvalidCode where a code does not begin with a province of GB/T 2260."""
    if code[:2] not in PROVINCES:
        raise InvalidCode(f"'{code[:60]}' is no {what}: it begins with {code[:2]}, which is no province of GB/T 2260")


def require_community(code: str, what: str) -> None:
    """Raise InvalidCode where a code does not begin with a district, a street and a community."""
    require_district(code, what)
    for start, end, name in ((4, 6, "district"), (6, 9, "street"), (9, 12, "community")):
        if not code[start:end].strip("0"):
            raise InvalidCode(f"'{code[:60]}' is no {what}: digits {start + 1} to {end} ({name}) are all zero")


def require_date(text: str, code: str, what: str) -> None:
    """Raise InvalidCode where eight digits are no day of the calendar (YYYYMMDD)."""
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        raise InvalidCode(f"'{code[:60]}' is no {what}: {text} is no day (YYYYMMDD)") from None
