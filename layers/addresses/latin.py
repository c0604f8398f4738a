"""What is typed in pinyin: 'lpdd12h' or 'longpingdadao12hao' for 龙平大道12号, 'qphy3d501' for 清平花园3栋501."""

from __future__ import annotations

import re
import unicodedata

from sqlalchemy import Connection, select

from cim.tables import place_name
from layers.addresses.pinyin import CLOSING, has_han

_RUNS = re.compile(r"[a-z]+|\d+")
_LEAST = 2


def is_latin(text: str) -> bool:
    """Tell whether a text may be pinyin: small or large letters, digits and blanks, letters first."""
    plain = _plain(text)
    return (
        not has_han(text) and plain.isascii() and plain.isalnum() and plain[:_LEAST].isalpha() and len(plain) >= _LEAST
    )


def names_typed(connection: Connection, text: str, limit: int = 12) -> list[tuple[str, str, float]]:
    """Return (kind, name, score 0 to 1) of names that a pinyin text without numbers may mean, the best first."""
    typed = _plain(text)
    if not typed.isalpha():
        return []
    return _names(connection, typed, limit)


def addresses_typed(connection: Connection, text: str, limit: int = 6) -> list[tuple[str, float]]:
    """Return the Chinese addresses that a pinyin text with numbers may mean, with a score (0 to 1), the best first."""
    runs = _RUNS.findall(_plain(text))
    if len(runs) < 2 or not runs[0].isalpha():
        return []
    found = []
    for kind, name, score in _names(connection, runs[0], limit):
        rest, is_sure = _in_chinese(runs[1:], "号" if kind == "road" else "栋")
        found.append((name + rest, score if is_sure else 0.8 * score))
    return found


def _names(connection: Connection, typed: str, limit: int) -> list[tuple[str, str, float]]:
    """Return names equal in full or by initials; if there are none those that begin so, the shorter the surer."""
    columns = (place_name.c.kind, place_name.c.name, place_name.c.pinyin, place_name.c.initials)
    equal = select(*columns).where((place_name.c.pinyin == typed) | (place_name.c.initials == typed))
    found = {(row.kind, row.name): (row.kind, row.name, _score(typed, row)) for row in connection.execute(equal)}
    if not found:
        begins = place_name.c.pinyin.startswith(typed) | place_name.c.initials.startswith(typed)
        more = select(*columns).where(begins).order_by(place_name.c.pinyin, place_name.c.kind, place_name.c.name)
        for row in connection.execute(more.limit(5 * limit)):
            found.setdefault((row.kind, row.name), (row.kind, row.name, _score(typed, row)))
    return sorted(found.values(), key=lambda one: (-one[2], one[1], one[0]))[:limit]


def _score(typed: str, row: object) -> float:
    pinyin, initials = getattr(row, "pinyin"), getattr(row, "initials")  # noqa: B009
    if pinyin == typed:
        return 0.95
    if initials == typed:
        return 0.9
    whole = pinyin if pinyin.startswith(typed) else initials
    return 0.6 + 0.25 * len(typed) / len(whole)


def _in_chinese(runs: list[str], closing: str) -> tuple[str, bool]:
    """Return numbers and closing words in Chinese; a number alone after a name is a building or a number of a road."""
    parts = []
    is_sure = True
    for run in runs:
        word = run if run.isdigit() else CLOSING.get(run)
        is_sure = is_sure and word is not None
        parts.append(word if word is not None else run)
    text = "".join(parts)
    if text.isdigit():
        return text + closing, is_sure
    return text, is_sure


def _plain(text: str) -> str:
    return re.sub(r"[\s'\-]+", "", unicodedata.normalize("NFKC", text).casefold())
