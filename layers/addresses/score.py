"""How well a building answers an address, part by part, with the reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from layers.addresses.words import Meaning, Word

Known = Mapping[Word, Sequence[Meaning]]
#: What each part weighs, and what the whole score is multiplied by where the building says otherwise.
WEIGHTS = {"district": 0.03, "street": 0.05, "community": 0.05, "road": 0.2, "number": 0.2, "estate": 0.3, "block": 0.3}
#: Rows of ``address_candidates.sql`` begin with the number of the address and the building.
_FIRST = 2
_WEIGHED = tuple((position, part, weight) for position, (part, weight) in enumerate(WEIGHTS.items(), _FIRST))
CONTRADICTED = {
    "district": 0.8, "street": 0.9, "community": 0.93, "road": 0.7, "number": 0.65, "estate": 0.6, "block": 0.4
}  # fmt: skip
AREAS = ("district", "street", "community")
#: Added where what is left of the address names the building's area: it decides between equals.
NAMED_IN_PASSING = 0.02
#: A part that the building does not say.
_UNSAID = 0.4
_NAMED = frozenset({"district", "street", "community", "road", "estate"})


class Reason(NamedTuple):
    """One part of the address: what was asked, what the building says, and how they compare."""

    part: str
    asked: str
    found: str | None
    how: str


class Scored(NamedTuple):
    """A building's score (0 to 1), and its row of ``cim.address``."""

    building_id: int
    score: float
    candidate: Any


def score(said: Mapping[str, str], known: Known, candidate: Any, left: str = "") -> Scored:
    """Compare the parts that an address says with one row of ``cim.address``.

    Parameters
    ----------
    left
        What stood before names that were found in longer words: perhaps areas without their closing words.
    """
    total = weight = 0.0
    factor = 1.0
    # Runs for every candidate of every address: the row's values are taken by their position.
    for position, part, importance in _WEIGHED:
        text = said.get(part)
        if not text:
            continue
        value = candidate[position]
        weight += importance
        if value == text:
            total += importance
            continue
        worth, how = _worth(part, text, value, known)
        total += importance * worth
        if how == "other":
            factor *= CONTRADICTED[part]
    found = factor * total / weight if weight else 0.0
    if left and any(_is_named(getattr(candidate, area), left) for area in AREAS if area not in said):
        found = min(found + NAMED_IN_PASSING, 1.0)
    return Scored(candidate[1], found, candidate)


def _is_named(area: str | None, left: str) -> bool:
    """Tell whether a text has the name of an area without the word that closes it."""
    stem = (area or "").removesuffix("街道").removesuffix("社区").removesuffix("区")
    return len(stem) >= 2 and stem in left


def explain(said: Mapping[str, str], known: Known, scored: Scored) -> list[Reason]:
    """Return how each part compares."""
    values = [(part, said[part], getattr(scored.candidate, part)) for part in WEIGHTS if part in said]
    return [Reason(part, text, value, _worth(part, text, value, known)[1]) for part, text, value in values]


def _worth(part: str, text: str, value: str | None, known: Known) -> tuple[float, str]:
    if not value:
        return _UNSAID, "unsaid"
    if value == text:
        return 1.0, "same"
    if part in _NAMED:
        for meaning in known.get(Word(part, text), ()):
            if meaning.name == value:
                return meaning.worth, meaning.how
        if part == "estate" and part_of(text, value):
            return 0.8, "part"
        # An unknown word is no contradiction: it may be a name that nobody registered.
        return (0.0, "other") if Word(part, text) in known else (0.2, "unknown")
    if part == "block" and text.lstrip("0123456789期区") == value:
        return 0.9, "part"
    return 0.0, "other"


def part_of(text: str, value: str) -> bool:
    """Tell whether one of two names of two signs or more holds the other."""
    return min(len(text), len(value)) >= 2 and (text in value or value in text)
