"""Addresses to buildings and units: the same few statements for one address and for thousands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from layers.addresses.parse import Address, parse
from layers.addresses.score import Known, Reason, Scored, explain, score
from layers.addresses.words import Meaning, Word, meanings
from layers.sql import statement

#: A score below it is no match.
ENOUGH = 0.6
#: Scores this close are a tie.
_TIE = 0.005
_TIED = 0.75
_WITHOUT_ROOM = 0.9
_MOST_TIED = 40
_NAMED = ("district", "street", "community", "road", "estate")


@dataclass
class Match:
    """What one address was taken to mean.

    Attributes
    ----------
    building_id, unit_id
        None where nothing was found, or several are as good.
    candidates
        The best buildings with their scores, best first.
    """

    text: str
    parts: Address
    building_id: int | None = None
    unit_id: int | None = None
    score: float = 0.0
    is_ambiguous: bool = False
    reasons: list[Reason] = field(default_factory=list)
    candidates: list[Scored] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.said = self.parts.said()
        self.left = ""

    @property
    def status(self) -> str:
        """Return matched | ambiguous | none."""
        if self.building_id is not None:
            return "matched"
        return "ambiguous" if self.is_ambiguous else "none"


def match(connection: Connection, texts: Sequence[str], *, limit: int = 5) -> list[Match]:
    """Match addresses, all at once: a few thousand a call are best.

    Parameters
    ----------
    limit
        How many candidates each answer keeps.
    """
    found = [Match(text, parse(text)) for text in texts]
    known = meanings(connection, (Word(kind, getattr(one.parts, kind)) for one in found for kind in _NAMED))
    for one in found:
        one.left = _left(one.parts, known)
    scored: list[list[Scored]] = [[] for _ in found]
    _consider(connection, found, known, scored, _precise, range(len(found)))
    # Where the block was not found in its estate, all of the road's number or of the estate are looked at.
    open_ = [n for n, best in enumerate(scored) if not best or best[0].score < ENOUGH]
    _consider(connection, found, known, scored, _loose, open_)
    tied = [_tied(best) for best in scored]
    units = _units(connection, found, tied)
    for n, one in enumerate(found):
        one.candidates = scored[n][:limit]
        _decide(one, known, tied[n], units.get(n, []))
    return found


Question = tuple[str, str, str, str]


def _precise(parts: Address, roads: Sequence[str], estates: Sequence[str]) -> list[Question]:
    """Return (road, number, estate, block) to look for, '' for any: what names a building directly."""
    if estates and parts.block:
        return [("", "", estate, parts.block) for estate in estates]
    if roads and parts.number:
        return [(road, parts.number, "", "") for road in roads]
    if estates:
        return [("", "", estate, "") for estate in estates]
    return [(road, "", "", "") for road in roads]


def _loose(parts: Address, roads: Sequence[str], estates: Sequence[str]) -> list[Question]:
    found: list[Question] = []
    if parts.number:
        found += [(road, parts.number, "", "") for road in roads]
    found += [("", "", estate, "") for estate in estates]
    return found


def _consider(
    connection: Connection,
    found: Sequence[Match],
    known: dict[Word, list[Meaning]],
    scored: list[list[Scored]],
    ask: Any,
    which: Iterable[int],
) -> None:
    """Add candidates to what is scored, the best first."""
    rows = []
    for n in which:
        parts = found[n].parts
        roads = [meaning.name for meaning in known.get(Word("road", parts.road), ())]
        estates = [meaning.name for meaning in known.get(Word("estate", parts.estate), ())]
        rows += [(n, *question) for question in ask(parts, roads, estates)]
    if not rows:
        return
    columns = dict(zip(("n", "road", "number", "estate", "block"), map(list, zip(*rows, strict=True)), strict=True))
    touched: dict[int, dict[int, Scored]] = {}
    for row in connection.execute(statement("address_candidates"), columns).all():
        n, building_id = row[:2]
        own = touched.get(n)
        if own is None:
            own = touched[n] = {one.building_id: one for one in scored[n]}
        if building_id not in own:
            own[building_id] = score(found[n].said, known, row, found[n].left)
    for n, own in touched.items():
        scored[n] = sorted(own.values(), key=lambda one: (-one.score, one.building_id))


def _tied(best: Sequence[Scored]) -> list[Scored]:
    """Return the buildings that answer equally well, none where none does."""
    if not best or best[0].score < ENOUGH:
        return []
    return [one for one in best if one.score >= best[0].score - _TIE]


def _left(parts: Address, known: Known) -> str:
    """Return what stands beside a name that was found in a longer word."""
    left = ""
    for word in (Word("road", parts.road), Word("estate", parts.estate)):
        for meaning in known.get(word, ())[:1]:
            if meaning.how == "part":
                left += word.text.replace(meaning.name, " ")
    return left


def _units(connection: Connection, found: Sequence[Match], tied: Sequence[Sequence[Scored]]) -> dict[int, list[Any]]:
    """Return the units with the room that was asked for in the buildings that answer, by the address's number."""
    rows = [
        (n, one.building_id, room)
        for n, best in enumerate(tied)
        if found[n].parts.room and len(best) <= _MOST_TIED
        for one in best
        for room in {found[n].parts.room, found[n].parts.room.lstrip("0")}
    ]
    units: dict[int, list[Any]] = {}
    if rows:
        columns = dict(zip(("n", "building", "room"), map(list, zip(*rows, strict=True)), strict=True))
        for row in connection.execute(statement("address_units"), columns).all():
            units.setdefault(row.n, []).append(row)
    return units


def _decide(one: Match, known: Known, tied: Sequence[Scored], units: Sequence[Any]) -> None:
    if not tied:
        one.score = one.candidates[0].score if one.candidates else 0.0
        return
    chosen = _of_unit(one.parts, units)
    if len(tied) > 1:
        homes = {row.building_id for row in chosen}
        tied = [candidate for candidate in tied if candidate.building_id in homes] or tied
    one.score = tied[0].score
    if len(tied) > 1:
        one.is_ambiguous, one.score = True, one.score * _TIED
        one.reasons = [Reason("building", one.text, None, f"{len(tied)} buildings answer equally well")]
        return
    one.building_id, one.reasons = tied[0].building_id, explain(one.said, known, tied[0])
    if not one.parts.room:
        return
    rooms = [row for row in chosen if row.building_id == one.building_id]
    if len(rooms) == 1:
        one.unit_id = rooms[0].id
        one.reasons.append(Reason("room", one.parts.room, rooms[0].room, "same"))
    else:
        one.score *= _WITHOUT_ROOM
        how = f"{len(rooms)} units have it" if rooms else "no unit has it"
        one.reasons.append(Reason("room", one.parts.room, None, how))


def _of_unit(parts: Address, units: Sequence[Any]) -> Sequence[Any]:
    """Return the rooms of the asked 单元, where their addresses say one."""
    if not parts.unit or len(units) < 2:
        return units
    own = [row for row in units if row.address and parse(row.address).unit == parts.unit]
    return own or units
