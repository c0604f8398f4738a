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
#: Shorter words share too few trigrams.
_LEAST_SIGNS = 4


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
    _add_named(connection, [(word, word.text, "same") for word in asked], found)
    longer = [word for word in asked if word not in found]
    _add_named(connection, [(word, form, "part") for word in longer for form in _parts(word)], found)
    rest = [word for word in asked if word not in found]
    if rest:
        for n, name, how in connection.execute(statement("address_alike_words"), _columns(rest)).all():
            found.setdefault(rest[n], []).append(Meaning(name, how, WORTH[how]))
        _add_alike(connection, [word for word in rest if word not in found and len(word.text) >= _LEAST_SIGNS], found)
    return {word: _best(word, known) for word, known in found.items()}


def _add_alike(connection: Connection, words: list[Word], found: dict[Word, list[Meaning]]) -> None:
    """Look for names by trigrams: the dearest way, for what no other has found."""
    if not words:
        return
    columns = {name: values for name, values in _columns(words).items() if name in {"n", "kind", "word"}}
    for n, name, likeness in connection.execute(statement("address_trigrams"), columns):
        worth = WORTH["alike"] * float(likeness)
        if worth >= _LEAST_LIKENESS:
            found.setdefault(words[n], []).append(Meaning(name, "alike", worth))


def _add_named(connection: Connection, forms: list[tuple[Word, str, str]], found: dict[Word, list[Meaning]]) -> None:
    """Add the names that equal one of the forms of each word."""
    if not forms:
        return
    columns = {
        "n": list(range(len(forms))),
        "kind": [word.kind for word, _, _ in forms],
        "form": [form for _, form, _ in forms],
    }
    for n, name in connection.execute(statement("address_words"), columns).all():
        word, _, how = forms[n]
        found.setdefault(word, []).append(Meaning(name, how, WORTH[how]))


def _parts(word: Word) -> set[str]:
    """Return what of a word may be a name: its end; an estate's name may also be its beginning."""
    text = word.text
    parts = {text[start:] for start in range(1, len(text) - 1)}
    if word.kind == "estate":
        parts |= {text[:end] for end in range(3, len(text))}
    return parts


def _columns(words: list[Word]) -> dict[str, list[int] | list[str]]:
    spoken = [pinyin_of(word.text) for word in words]
    return {
        "n": list(range(len(words))),
        "kind": [word.kind for word in words],
        "word": [word.text for word in words],
        "pinyin": [full for full, _ in spoken],
        # Initials of Chinese words are no evidence: many names share them.
        "initials": ["" if has_han(word.text) else word.text for word in words],
        "variants": ["\n".join(variants_of(word.text)) for word in words],
    }


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
