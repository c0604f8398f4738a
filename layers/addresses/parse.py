"""An address taken apart: district, street, community, road, number, estate, building, unit, storey, room.

The parts are found by the words that close them, wherever they stand; what is left between is the name of an estate
or of a building. A part that lacks its closing word stays in front of the next one ('龙岗龙平大道' without 区): which
of it is the road is known only to the gazetteer, see ``layers.addresses.words``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from functools import lru_cache

from layers.addresses.canonical import BREAK, canonical

_HAN = "一-鿿"
#: '社区' and '街道' hold the closing words of others; they are one sign while the rest is looked for.
_COMMUNITY, _STREET, _PLOT = "\ue001", "\ue002", "\ue003"
_PROVINCE = re.compile(rf"[{_HAN}]{{2,3}}省|广西壮族自治区|内蒙古自治区")
_CITY = re.compile(rf"(?:^|(?<=\|))[{_HAN}]{{2,3}}市")
_DISTRICT = re.compile(rf"(?:^|(?<=\|))[{_HAN}]{{1,3}}(?<![业园小宅])(?:新区|区|县)")
_STREET_PART = re.compile(rf"[{_HAN}]{{1,5}}?{_STREET}|(?:^|(?<=\|))[{_HAN}]{{1,3}}镇")
_COMMUNITY_PART = re.compile(rf"[{_HAN}]{{1,6}}?{_COMMUNITY}")
_ROAD = re.compile(
    rf"([{_HAN}]{{1,16}}?(?:大道|公路|大街|街|路|道|巷|里|弄)(?:[东西南北中]段?)?)(\d+(?:-\d+)?)号(?!厂|院)"
)
_BARE_ROAD = re.compile(rf"[{_HAN}]{{1,16}}?(?:大道|公路|大街|街|路)(?=\||$|[{_HAN}])")
_NUMBER = re.compile(rf"([{_HAN}]{{2,16}})(\d+)号(?![厂房院])")
_LANES = re.compile(r"(?:(\d+)区)?(\d+)巷(\d+(?:-\d+)?)号?|(\d+)区(\d+(?:-\d+)?)号")
_BLOCK = re.compile(r"(?:(\d+)(期|区))?(\d+[a-z]?|[a-z]\d*|[甲乙丙丁])栋")
_HALL = re.compile(r"(\d+)号(厂房|宿舍|仓库|院)")
_UNIT = re.compile(r"(\d+|[a-z])单元")
_ROOM = re.compile(r"(\d{1,5}[a-z]?|[a-z]\d{2,4})室")
_STOREY = re.compile(r"(?:负|b|-)?(\d+)(?:层|楼)")
_DASHED = re.compile(r"(?<![\d-])(\d{1,3})-(?:(\d{1,2})-)?(\d{3,5}[a-z]?)(?=\||$)")
#: District, street or community, road and number: what stands in front in most registers.
_HEAD = re.compile(rf"([{_HAN}]{{2,}}(?:街道|社区)[{_HAN}]{{2,16}}\d+号)(?![楼厂房院])(.*)", re.DOTALL)
#: Looking for a sign costs a tenth of a pattern that does not match: closing signs first, here and below.
_ABOVE = (("省", _PROVINCE), ("自治区", _PROVINCE), ("市", _CITY))
_AREAS = (
    ("district", ("区", "县"), _DISTRICT),
    ("street", (_STREET, "镇"), _STREET_PART),
    ("community", (_COMMUNITY,), _COMMUNITY_PART),
)
_LAST_NUMBER = re.compile(r"(?:(?<=栋)|(?<=单元)|(?<=号)|(?<=厂房)|(?<=宿舍)|(?<=\|))-?(\d{3,5}[a-z]?)(?=\||$)")


@dataclass
class Address:
    """The parts of an address, empty where it does not say them.

    Attributes
    ----------
    estate
        Name of the estate, village or building.
    block
        Which building of it: '3栋', '1区2巷5号', '4号厂房'.
    """

    district: str = ""
    street: str = ""
    community: str = ""
    road: str = ""
    number: str = ""
    estate: str = ""
    block: str = ""
    unit: str = ""
    storey: str = ""
    room: str = ""

    def said(self) -> dict[str, str]:
        """Return the parts that are there."""
        return {name: value for name in PARTS if (value := getattr(self, name))}


PARTS = tuple(field.name for field in fields(Address))


class _Rest:
    """What is left of the text; parts that are taken leave a break."""

    def __init__(self, text: str) -> None:
        self.text = text

    def take(self, pattern: re.Pattern[str], *, last: bool = False) -> re.Match[str] | None:
        """Cut the first (or last) match out of the text."""
        found = list(pattern.finditer(self.text))[-1:] if last else [pattern.search(self.text)]
        if not found or found[0] is None:
            return None
        self.text = self.text[: found[0].start()] + BREAK + self.text[found[0].end() :]
        return found[0]


def parse(text: str) -> Address:
    """Take an address apart; never fails, and what it cannot tell is in ``estate``."""
    head = _HEAD.match(text)
    if head is not None:
        within = _parse(head[2]) if head[2] else Address()
        if not (within.road or within.district or within.street or within.community):
            return replace(_parse_head(head[1]), **within.said())
    return _parse(text)


@lru_cache(maxsize=20_000)
def _parse_head(text: str) -> Address:
    """Take apart what all buildings at one number of a road share."""
    return _parse(text)


def _parse(text: str) -> Address:
    plain = canonical(text)
    rest = _Rest(plain.replace("社区", _COMMUNITY).replace("街道", _STREET).replace("小区", "小" + _PLOT))
    address = Address()
    if not plain.isalpha() or "室" in plain:
        _take_room(rest, address)
        _take_block(rest, address)
        _take_last(rest, address)
    _take_areas(rest, address)
    _take_road(rest, address)
    left = [part for part in rest.text.split(BREAK) if part]
    if left:
        address.estate = max(left, key=len).replace(_PLOT, "区").strip("-")
    return address


def _take_room(rest: _Rest, address: Address) -> None:
    if "室" in rest.text and (found := rest.take(_ROOM)):
        address.room = found[1]
    if "单元" in rest.text and (found := rest.take(_UNIT)):
        address.unit = found[1]


def _take_block(rest: _Rest, address: Address) -> None:
    if ("区" in rest.text or "巷" in rest.text) and (found := rest.take(_LANES)):
        area, lane, number, only_area, only_number = found.groups()
        address.block = f"{area + '区' if area else ''}{lane}巷{number}号" if lane else f"{only_area}区{only_number}号"
    elif "栋" in rest.text and (found := rest.take(_BLOCK)):
        phase, word, name = found.groups()
        address.block = f"{phase + word if phase else ''}{name}栋"
    elif "号" in rest.text and (found := rest.take(_HALL, last=True)):
        address.block = f"{found[1]}号{found[2]}"
    if ("层" in rest.text or "楼" in rest.text) and (found := rest.take(_STOREY)):
        address.storey = found[1]


def _take_last(rest: _Rest, address: Address) -> None:
    """Take numbers that stand for a room without saying so."""
    if "-" in rest.text and not address.block and not address.room and (found := rest.take(_DASHED)):
        address.block, address.unit, address.room = f"{found[1]}栋", found[2] or "", found[3]
    if not address.room and (found := rest.take(_LAST_NUMBER, last=True)):
        address.room = found[1]


def _take_areas(rest: _Rest, address: Address) -> None:
    """Take province and city (which say nothing here), district, street and community."""
    for closing, pattern in _ABOVE:
        if closing in rest.text:
            rest.take(pattern)
    for name, closings, pattern in _AREAS:
        if (closings[0] in rest.text or closings[-1] in rest.text) and (found := rest.take(pattern)):
            setattr(address, name, found[0].replace(_STREET, "街道").replace(_COMMUNITY, "社区"))
    rest.text = rest.text.replace(_STREET, "街道").replace(_COMMUNITY, "社区")


def _take_road(rest: _Rest, address: Address) -> None:
    text = rest.text
    if "号" in text and (found := rest.take(_ROAD) or rest.take(_NUMBER)):
        address.road, address.number = found[1], found[2]
    elif ("路" in text or "街" in text or "道" in text) and (found := rest.take(_BARE_ROAD)):
        address.road = found[0]
