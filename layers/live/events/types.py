"""Types of events: the table that a new database begins with, and what the words of a source mean."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, exists, func, select
from sqlalchemy.dialects.postgresql import insert

from cim.errors import DatabaseNotReady, InvalidInput
from cim.tables import event, event_clock, event_type
from layers.live.events.table_file import read_table

OTHER = "X00"
#: Types of alarms that thresholds of sensors raise, by the kind of sensor; others are ``READING``.
ALARMS = {"水位": "A01", "燃气": "A02", "可燃气体": "A02", "烟雾": "A03", "烟感": "A03", "井盖": "A04", "倾斜": "A04",
          "level": "A01", "gas": "A02", "smoke": "A03"}  # fmt: skip
READING = "A05"
WARNING = "A06"
#: Within which reports may be taken for the same at most.
MOST_DISTANCE_M, MOST_MINUTES = 100_000, 525_600
COLUMNS = ("code", "title_zh", "title_en", "severity", "merge_group", "merge_distance_m", "merge_minutes", "aliases")


class EventType(NamedTuple):
    """One type; reports of one ``merge_group`` within distance and time of one another are taken for the same."""

    code: str
    title_zh: str
    title_en: str
    aliases: list[str]
    severity: int
    merge_group: str
    merge_distance_m: float
    merge_minutes: int


def seed_types(connection: Connection) -> None:
    """Write types and clocks into a database that has none; what an operator has changed stays."""
    if connection.execute(select(func.count()).select_from(event_type)).scalar_one():
        return
    document = tomllib.loads(files(__package__).joinpath("event_types.toml").read_text(encoding="utf-8"))
    merge = document["merge"]
    rows = []
    for code, title_zh, title_en, severity, group, *aliases in document["types"]["list"]:
        distance_m, minutes = merge.get(group, merge["default"])
        rows.append(EventType(code, title_zh, title_en, aliases, severity, group, distance_m, minutes)._asdict())
    connection.execute(insert(event_type).values(rows))
    names = ("type_code", "severity", "state", "limit_minutes")
    clocks = [
        dict(zip(names, (code, severity or None, *rest), strict=True))
        for code, severity, *rest in document["clocks"]["list"]
    ]
    connection.execute(insert(event_clock).values(clocks).on_conflict_do_nothing())


def read_types(connection: Connection) -> list[EventType]:
    """Return all types, by code."""
    columns = (event_type.c[name] for name in EventType._fields)
    return [EventType(*row) for row in connection.execute(select(*columns).order_by(event_type.c.code))]


def by_word(types: Iterable[EventType]) -> dict[str, EventType]:
    """Return what each code, title and alias means; of a word that several types have, the first counts."""
    found: dict[str, EventType] = {}
    for each in types:
        for word in (each.code, each.title_zh, each.title_en.lower(), *each.aliases):
            found.setdefault(word, each)
    return found


def type_of(words: Mapping[str, EventType], said: str | None, title: str | None = None) -> EventType:
    """Return the type that a source's word means, or a title that holds the word of one; else 'other'.

    Raises
    ------
    DatabaseNotReady
        Where not even 'other' is there: nobody has written the types into this database.
    """
    if OTHER not in words:
        raise DatabaseNotReady(f"the database has no types of events (not even {OTHER}, other); run 'cim init'")
    word = (said or "").strip()
    found = words.get(word) or words.get(word.lower())
    if found is None and title:
        inside = [each for each in words if len(each) > 1 and each in title]
        found = words[max(inside, key=len)] if inside else None
    return found or words[OTHER]


def replace_types(connection: Connection, path: Path) -> int:
    """Write the types of a CSV file (columns of ``COLUMNS``, aliases by ';'); returns how many there are.

    Types that the file does not name go, unless events have them.

    Raises
    ------
    InvalidInput
        Naming the line and what is wrong with it; nothing is changed then.
    """
    rows = [_row(number, line) for number, line in enumerate(_lines(path), 2)]
    codes = {row["code"] for row in rows}
    if OTHER not in codes:
        raise InvalidInput(f"{path.name}: the type '{OTHER}' (other) is missing; events of unknown words get it")
    new = insert(event_type).values(rows)
    changed = {name: new.excluded[name] for name in EventType._fields if name != "code"}
    connection.execute(new.on_conflict_do_update(index_elements=["code"], set_=changed))
    is_used = exists(select(event.c.id).where(event.c.type_code == event_type.c.code))
    connection.execute(delete(event_type).where(event_type.c.code.not_in(codes), ~is_used))
    return len(rows)


def _lines(path: Path) -> list[dict[str, str]]:
    names, lines = read_table(path)
    if missing := set(COLUMNS) - set(names):
        raise InvalidInput(f"{path.name}: the columns {', '.join(sorted(missing))} are missing")
    return lines


def _row(number: int, line: Mapping[str, str]) -> dict[str, Any]:
    try:
        row: dict[str, Any] = {name: line[name].strip() for name in COLUMNS}
        row |= {"severity": int(row["severity"]), "merge_distance_m": float(row["merge_distance_m"]),
                "merge_minutes": int(row["merge_minutes"])}  # fmt: skip
    except (ValueError, AttributeError):
        raise InvalidInput(
            f"line {number}: severity, merge_distance_m and merge_minutes must be numbers, and no column may be missing"
        ) from None
    if "\0" in "".join(line.values()):
        raise InvalidInput(f"line {number} has a NUL character; leave it out")
    if not (0 <= row["merge_distance_m"] <= MOST_DISTANCE_M and 0 <= row["merge_minutes"] <= MOST_MINUTES):
        raise InvalidInput(
            f"line {number}: merge_distance_m is 0 to {MOST_DISTANCE_M}, merge_minutes is 0 to {MOST_MINUTES}"
        )
    if not row["code"] or not row["title_zh"] or row["severity"] not in (1, 2, 3, 4):
        raise InvalidInput(f"line {number}: a type needs a code, a title and a severity from 1 to 4")
    row["aliases"] = [word.strip() for word in row["aliases"].split(";") if word.strip()]
    return row
