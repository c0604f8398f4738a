"""Matches as people and machines read them: codes, names and addresses of what was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from cim.tables import building, unit
from layers.addresses.latin import addresses_typed, is_latin
from layers.addresses.match import Match, match
from layers.addresses.score import Scored


def find(connection: Connection, texts: Sequence[str], *, limit: int = 5) -> list[dict[str, Any]]:
    """Match addresses, in Chinese or typed in pinyin, and describe what each was taken to mean."""
    found = match(connection, texts, limit=limit)
    for n, text in enumerate(texts):
        if found[n].building_id is None and is_latin(text):
            found[n] = match_typed(connection, text, limit=limit) or found[n]
    buildings, units = _described(connection, found)
    return [_answer(one, buildings, units) for one in found]


def match_typed(connection: Connection, text: str, *, limit: int = 5) -> Match | None:
    """Match an address that was typed in pinyin; None where it may mean none, or several equally well."""
    typed = addresses_typed(connection, text)
    if not typed:
        return None
    found = match(connection, [chinese for chinese, _ in typed], limit=limit)
    for one, (_, sure) in zip(found, typed, strict=True):
        one.score *= sure
    best = sorted(found, key=lambda one: -one.score)
    best[0].text = text
    best[0].candidates = _merged(best)[:limit]
    same = [one for one in best[1:] if one.building_id and one.score >= best[0].score - 0.005]
    if best[0].building_id and any(one.building_id != best[0].building_id for one in same):
        best[0].building_id = best[0].unit_id = None
        best[0].is_ambiguous = True
    return best[0]


def _merged(found: Sequence[Match]) -> list[Scored]:
    """Return the best candidates of several readings, each building once."""
    merged: dict[int, Scored] = {}
    for candidate in sorted((each for one in found for each in one.candidates), key=lambda each: -each.score):
        merged.setdefault(candidate.building_id, candidate)
    return list(merged.values())


def _described(connection: Connection, found: Sequence[Match]) -> tuple[dict[int, Any], dict[int, Any]]:
    ids = {one.building_id for one in found if one.building_id}
    ids |= {candidate.building_id for one in found for candidate in one.candidates}
    columns = (building.c.id, building.c.code, building.c.name, building.c.address)
    buildings = connection.execute(select(*columns).where(building.c.id == func.any(list(ids)))).all() if ids else ()
    unit_ids = {one.unit_id for one in found if one.unit_id}
    of_unit = (unit.c.id, unit.c.code, unit.c.room, unit.c.address)
    units = connection.execute(select(*of_unit).where(unit.c.id == func.any(list(unit_ids)))).all() if unit_ids else ()
    return {row.id: row for row in buildings}, {row.id: row for row in units}


def _answer(one: Match, buildings: dict[int, Any], units: dict[int, Any]) -> dict[str, Any]:
    home = buildings.get(one.building_id or 0)
    room = units.get(one.unit_id or 0)
    return {
        "text": one.text,
        "status": one.status,
        "score": round(one.score, 3),
        "parts": one.said,
        "building": dict(home._mapping) if home else None,
        "unit": dict(room._mapping) if room else None,
        "reasons": [reason._asdict() for reason in one.reasons],
        "candidates": [
            {**buildings[candidate.building_id]._mapping, "score": round(candidate.score, 3)}
            for candidate in one.candidates
            if candidate.building_id in buildings
        ],
    }
