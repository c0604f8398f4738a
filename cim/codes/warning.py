"""The id of a warning in the national early-warning release system: 31 characters (GB/T 35965.1, annex A).

``ZZZZZZDDDUUUXX_YYYYMMDDhhmmss_N``: area 6 (GB/T 2260), industry of the organisation 3 (GB/T 4657), unit 3 and
extension 2 of the releasing unit; time of entry, Beijing time; a digit that counts the warnings of one second.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cim.codes.area import require_date, require_district
from cim.errors import InvalidCode

_FORM = re.compile(r"([0-9]{6})([0-9]{3})([0-9]{3})([0-9]{2})_([0-9]{14})_([0-9])", re.ASCII)
_BEIJING = ZoneInfo("Asia/Shanghai")


class WarningId(NamedTuple):
    """The parts of a warning's id; ``organisation`` 416 is the weather service."""

    area: str
    organisation: str
    unit: str
    extension: str
    entered_at: datetime
    sequence: int


def parse_warning(code: str) -> WarningId:
    """Take apart a warning's id; raises InvalidCode."""
    found = _FORM.fullmatch(code)
    if found is None:
        raise InvalidCode(f"'{code[:60]}' is no warning id: {_fault(code)}")
    area, organisation, unit, extension, moment, sequence = found.groups()
    require_district(area, "warning id")
    require_date(moment[:8], code, "warning id")
    try:
        entered_at = datetime.strptime(moment, "%Y%m%d%H%M%S").replace(tzinfo=_BEIJING)
    except ValueError:
        raise InvalidCode(f"'{code}' is no warning id: {moment[8:]} is no time of the day (hhmmss)") from None
    return WarningId(area, organisation, unit, extension, entered_at, int(sequence))


def _fault(code: str) -> str:
    form = "31 are right: unit 14, '_', time 14 (YYYYMMDDhhmmss), '_', sequence 1"
    if len(code) != 31:
        return f"it has {len(code)} characters; {form}"
    for place in (14, 29):
        if code[place] != "_":
            return f"character {place + 1} is '{code[place]}' and '_' is right"
    odd = next(n for n, sign in enumerate(code) if n not in (14, 29) and sign not in "0123456789")
    return f"character {odd + 1} is '{code[odd]}' and a digit is right"
