"""What a part of an address means: names of the gazetteer that a word is, sounds like, or stands for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from layers.addresses.gazetteer import variants_of
from layers.addresses.pinyin import has_han, pinyin_of
from layers.sql import statement

#: How much of a match a way of finding a name is.
WORTH = {"same": 1.0, "part": 0.97, "sound": 0.92, "initials": 0.9, "short": 0.88, "one sign": 0.8, "alike": 0.75}
_MOST = 6
_LEAST_LIKENESS = 0.45


class Word(NamedTuple):
    """A part of an address: road, estate, street, community or district."""

    kind: str
    text: str


class Meaning(NamedTuple):
    """A name that a word may mean, how it was found, and how sure that is (0 to 1)."""

    name: str
    how: str
    worth: float


def meanings(connection: Connection, words: Iterable[Word]) -> dict[Word, list[Meaning]]:
    """Return the names that words may mean, the likeliest first; words that mean none are left out."""
    asked = [word for word in dict.fromkeys(words) if word.text]
    found: dict[Word, list[Meaning]] = {}
    forms = [(n, word.kind, form, how) for n, word in enumerate(asked) for form, how in _forms(word)]
    if forms:
        columns = dict(zip(("n", "kind", "form", "how"), map(list, zip(*forms, strict=True)), strict=True))
        for n, name, how in connection.execute(statement("address_words"), columns):
            found.setdefault(asked[n], []).append(Meaning(name, how, WORTH[how]))
    rest = [word for word in asked if word not in found]
    if rest:
        for n, name, how, likeness in connection.execute(statement("address_alike_words"), _columns(rest)):
            worth = WORTH[how] * (float(likeness) if how == "alike" else 1.0)
            if worth >= _LEAST_LIKENESS:
                found.setdefault(rest[n], []).append(Meaning(name, how, worth))
    return {word: _best(word, known) for word, known in found.items()}


def _forms(word: Word) -> list[tuple[str, str]]:
    """Return what of a word may be a name: all of it, or its end; an estate's name may also be its beginning."""
    text = word.text
    forms = {text: "same"}
    for start in range(1, len(text) - 1):
        forms.setdefault(text[start:], "part")
    if word.kind == "estate":
        for end in range(len(text) - 1, 2, -1):
            forms.setdefault(text[:end], "part")
    return list(forms.items())


def _columns(words: list[Word]) -> dict[str, list[int] | list[str]]:
    spoken = [pinyin_of(word.text) for word in words]
    return {
        "n": list(range(len(words))),
        "kind": [word.kind for word in words],
        "word": [word.text for word in words],
        "pinyin": [full for full, _ in spoken],
        # Initials of Chinese words are no evidence: many names share them.
        "initials": ["" if has_han(word.text) else word.text for word in words],
        "pattern": [_pattern(word.text) if len(word.text) >= 2 else "" for word in words],
        "variants": ["\n".join(variants_of(word.text)) for word in words],
    }


def _pattern(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_") + "%"


def _best(word: Word, known: list[Meaning]) -> list[Meaning]:
    """Return each name once by its best way; of parts of a word the longest, others only if nothing is better."""
    best: dict[str, Meaning] = {}
    for meaning in sorted(known, key=lambda meaning: (-meaning.worth, -len(meaning.name), meaning.name)):
        best.setdefault(meaning.name, meaning)
    ordered = list(best.values())
    if ordered[0].how == "same":
        return ordered[:1]
    if ordered[0].how == "part":
        return [meaning for meaning in ordered if len(meaning.name) == len(ordered[0].name)][:_MOST]
    return ordered[:_MOST]
