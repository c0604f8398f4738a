"""One way to write what addresses write in many: widths, numerals, words for buildings and rooms, separators."""

from __future__ import annotations

import re
import unicodedata

_DIGITS = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "○": 0}
_UNITS = {"十": 10, "百": 100, "千": 1000}
_NUMERAL = "零〇○一二三四五六七八九十百千两"
#: Numerals count only before these words; elsewhere they are part of a name ('三街', '五联').
_COUNTED = re.compile(rf"([{_NUMERAL}]+)(?=号|栋|幢|座|单元|楼|层|室|房|期|区|巷|弄|#)")
_LAST_NUMERAL = re.compile(r"(?<=[栋元号])([零〇○一二三四五六七八九]{3,4})(?=\||$)")
_STREET_NUMBER = re.compile(r"(?<=[一-鿿])(\d{1,2})(?=街|路|大道|横街|马路)")
#: parts that do not belong together
BREAK = "|"
_NOISE = re.compile(r"[\s,，.。;；:：、|/\\()（）\[\]【】<>《》\"'“”‘’·]+")
#: A blank before a number or a counting word means nothing; between two numbers it parts them.
_NOISE_WITHIN = re.compile(r"(?<=[一-鿿])\s+(?=\d)|(?<=[\da-z])\s+(?=号|栋|幢|座|单元|楼|层|室|房|期|区|巷)")
_NOISE_OF_NUMBERS = re.compile(r"(?<=[\da-z])\s+(?=\d)")
_DASH = re.compile(r"[-‐-―−－~～_]+")
#: (what is written, what it is called here); order counts
_WORDS = (
    (
        re.compile(
            r"(?<=\d)(?:号楼|號樓|幢|座|#楼|楼栋|號楼|栋楼|#(?=\d|单元|$))|(?<=[a-z甲乙丙丁])(?:号楼|幢|座|栋楼)"
        ),
        "栋",
    ),
    (re.compile(r"號"), "号"),
    (re.compile(r"街道办事处|街道办|街办"), "街道"),
    (re.compile(r"社区居委会|居民委员会|居委会|社区工作站"), "社区"),
    (re.compile(r"(?<=\d)(?:号房|房间|房|号室)"), "室"),
    (re.compile(r"(?<=\d)(?:门|梯)(?=\d|$)"), "单元"),
    (re.compile(r"(?<=\d)f(?![a-z])"), "层"),
)
_LEADING_ZEROS = re.compile(r"(?<!\d)0+(?=\d+(?:号|栋|单元|层|区|巷))")
#: What any of the rules below could change; most addresses of registers have none of it.
_ODD = re.compile(rf"[^0-9一-鿿]|[{_NUMERAL}]|[號幢座楼门梯办居房]|工作站|\d街|\d路|\d大道|\d横街|\d马路|(?<!\d)0")


def canonical(text: str) -> str:
    """Return an address in one spelling: half-width, digits for counted numerals, 栋, 室, 单元, breaks for blanks."""
    if _ODD.search(text) is None:
        return text
    found = unicodedata.normalize("NFKC", text).casefold()
    found = _NOISE_WITHIN.sub("", found)
    found = _NOISE_OF_NUMBERS.sub("-", found)
    found = _NOISE.sub(BREAK, found).strip(BREAK)
    found = _DASH.sub("-", found)
    found = _COUNTED.sub(lambda match: _number(match[1]), found)
    found = _STREET_NUMBER.sub(lambda match: numeral(int(match[1])), found)
    for pattern, word in _WORDS:
        found = pattern.sub(word, found)
    found = _LAST_NUMERAL.sub(lambda match: _number(match[1]), found)
    return _LEADING_ZEROS.sub("", found)


def _number(text: str) -> str:
    """Return the digits of a numeral: '二十三' is 23, '二〇三' is 203, '五零一' is 501."""
    if not any(sign in _UNITS for sign in text):
        return "".join(str(_DIGITS[sign]) for sign in text)
    total, digit = 0, None
    for sign in text:
        if sign in _UNITS:
            total += (1 if digit is None else digit) * _UNITS[sign]
            digit = None
        else:
            digit = _DIGITS[sign]
    return str(total + (digit or 0))


def numeral(number: int) -> str:
    """Return a number below 100 in Chinese: the way streets are numbered."""
    signs = "零一二三四五六七八九"
    tens, ones = divmod(number, 10)
    if not tens:
        return signs[ones]
    return ("" if tens == 1 else signs[tens]) + "十" + (signs[ones] if ones else "")
