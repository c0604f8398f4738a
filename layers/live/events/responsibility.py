"""Who answers for which events where: lists in versions, each in force until the next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from cim.errors import InvalidInput
from cim.tables import event_type, responsibility
from layers.live.events.table_file import read_table

COLUMNS = {"area_code": "区划编码", "type_code": "事件类型编码", "party": "责任单位", "contact": "联系方式"}
MOST_ROWS = 200_000


def replace_responsibilities(connection: Connection, path: Path) -> tuple[int, int]:
    """Put a list (CSV with area_code, type_code, party, contact or their Chinese names) in force; version and rows.

    The same list again changes nothing. Events keep whom they were given to.

    Raises
    ------
    InvalidInput
        Naming the line; nothing is changed then.
    """
    rows = _read(path, _known_types(connection))
    # Two lists at once would both end the one before.
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("cim.responsibility"))))
    present = connection.execute(
        select(*(responsibility.c[name] for name in COLUMNS)).where(responsibility.c.valid_to.is_(None))
    )
    version = int(connection.execute(select(func.coalesce(func.max(responsibility.c.version), 0))).scalar_one())
    if {tuple(row) for row in present} == {tuple(row[name] for name in COLUMNS) for row in rows}:
        return version, len(rows)
    connection.execute(update(responsibility).where(responsibility.c.valid_to.is_(None)).values(valid_to=func.now()))
    connection.execute(insert(responsibility), [{**row, "version": version + 1} for row in rows])
    return version + 1, len(rows)


def _known_types(connection: Connection) -> list[str]:
    return list(connection.execute(select(event_type.c.code)).scalars())


def _read(path: Path, types: list[str]) -> list[dict[str, Any]]:
    present, lines = read_table(path)
    names = {name: next((each for each in (name, zh) if each in present), None) for name, zh in COLUMNS.items()}
    if names["party"] is None:
        raise InvalidInput(f"{path.name}: there is no column 'party' or '责任单位'")
    if len(lines) > MOST_ROWS:
        raise InvalidInput(f"{path.name}: more than {MOST_ROWS} rows; name the beginnings of areas")
    rows: list[dict[str, Any]] = []
    seen: dict[tuple[str, str], int] = {}
    for number, line in enumerate(lines, 2):
        row = {name: line[each].strip() if each else "" for name, each in names.items()}
        _check(path, number, row, types, seen)
        rows.append({**row, "contact": row["contact"] or None})
    if not rows:
        raise InvalidInput(f"{path.name}: the list is empty; nobody would answer for anything")
    return rows


def _check(path: Path, number: int, row: dict[str, str], types: list[str], seen: dict[tuple[str, str], int]) -> None:
    where, what = row["area_code"], row["type_code"]
    if "\0" in "".join(row.values()):
        raise InvalidInput(f"{path.name}, line {number}: there is a NUL character; leave it out")
    if not row["party"]:
        raise InvalidInput(f"{path.name}, line {number}: nobody is named")
    if where and not (where.isascii() and where.isdigit() and len(where) <= 15):
        raise InvalidInput(f"{path.name}, line {number}: area_code '{where[:30]}' is not up to 15 digits")
    if what and not any(code.startswith(what) for code in types):
        raise InvalidInput(f"{path.name}, line {number}: no type of events begins with '{what[:30]}'")
    first = seen.setdefault((where, what), number)
    if first != number:
        raise InvalidInput(f"{path.name}, line {number}: the same area and type as in line {first}")
