"""The 20 digits of a device or user in video networks: coding rule A of GB/T 28181 (annex D of 2016, E of 2022).

Centre 8 (area 6 of GB/T 2260, and 2), industry 2 (positions 9 and 10), type 3 (positions 11 to 13), network 1
(position 14), serial 6.
"""

from __future__ import annotations

from typing import NamedTuple

from cim.codes.area import require_district
from cim.codes.digits import require_digits
from cim.errors import InvalidCode

INDUSTRIES = {
    "00": "public security, roads", "01": "public security, communities", "02": "public security, inside",
    "03": "public security, other", "04": "traffic, roads", "05": "traffic, checkpoints", "06": "traffic, inside",
    "07": "traffic, other", "08": "city management", "09": "health and environment", "10": "inspection and customs",
    "11": "education", "40": "farming, forestry, fishing", "41": "mining", "42": "manufacturing", "43": "metallurgy",
    "44": "power", "45": "gas", "46": "construction", "47": "logistics", "48": "post", "49": "information",
    "50": "hotels and catering", "51": "finance", "52": "real estate", "53": "business services",
    "54": "water", "55": "entertainment",
}  # fmt: skip
TYPES = {
    "111": "digital video recorder", "112": "video server", "113": "encoder", "114": "decoder",
    "115": "video matrix", "116": "audio matrix", "117": "alarm controller", "118": "network video recorder",
    "130": "hybrid video recorder", "131": "camera", "132": "network camera", "133": "display", "134": "alarm input",
    "135": "alarm output", "136": "audio input", "137": "audio output", "138": "mobile transmission",
    "139": "other peripheral", "200": "central signalling server", "201": "web server", "202": "media server",
    "203": "proxy server", "204": "security server", "205": "alarm server", "206": "database server",
    "207": "GIS server", "208": "management server", "209": "access gateway", "210": "media storage server",
    "211": "signalling security gateway", "215": "business group", "216": "virtual organisation",
}  # fmt: skip
#: First and last of the ranges of types, and what they are; between them is nothing.
_RANGES = (
    (111, 130, "main device at the front"), (131, 199, "peripheral at the front"), (200, 299, "device of the platform"),
    (300, 399, "user of a centre"), (400, 499, "user of a terminal"), (500, 599, "server outside of the platform"),
    (600, 999, "extension"),
)  # fmt: skip
CAMERAS = frozenset({"131", "132"})


class DeviceCode(NamedTuple):
    """The parts of a device's id; ``kind`` says what its type is."""

    centre: str
    industry: str
    type: str
    network: str
    serial: str
    kind: str


def parse_device(code: str) -> DeviceCode:
    """Take apart a device's id; raises InvalidCode."""
    require_digits(code, 20, "GB/T 28181 id", "centre 8, industry 2, type 3, network 1, serial 6")
    require_district(code, "GB/T 28181 id")
    industry, kind = code[8:10], code[10:13]
    if industry not in INDUSTRIES and not 12 <= int(industry) <= 39 and int(industry) < 56:
        raise InvalidCode(f"'{code}' is no GB/T 28181 id: digits 9 and 10 are {industry}, which is no industry")
    name = TYPES.get(kind) or next((what for low, high, what in _RANGES if low <= int(kind) <= high), None)
    if name is None:
        raise InvalidCode(
            f"'{code}' is no GB/T 28181 id: digits 11 to 13 are {kind}, which is no type (131 and 132 are cameras; "
            "types begin at 111)"
        )
    return DeviceCode(code[:8], industry, kind, code[13], code[14:], name)
