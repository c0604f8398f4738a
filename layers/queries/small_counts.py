"""Counts of people and firms that are too small to be shown to everybody.

A number below ``SMALL`` in one building can point to a household or a person. Roles without ``see_small_counts`` get
null instead, wherever the number could be read: as an attribute, in what each source says, in conflicts, as a filter.
Sums over a zone leave such buildings out for them: a sum then holds only numbers that are shown one by one anyway, and
the difference of two overlapping zones tells nothing new.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, case, null

from cim.access import Caller
from layers.queries.note import Note, note

SMALL = 5
#: table -> columns that count people, households or firms
PERSONAL = {"building": ("households", "residents", "legal_entities")}


def is_personal(table_name: str, column: str) -> bool:
    """Tell whether a column counts people, households or firms."""
    return column in PERSONAL.get(table_name, ())


def sees_all(caller: Caller) -> bool:
    """Tell whether a caller may see small counts."""
    return caller.may("see_small_counts")


def small_counts_note() -> Note:
    """Return what an answer says that leaves small counts out."""
    return note("small_counts", f"buildings with fewer than {SMALL} are left out of sums of people", least=SMALL)


def without_small(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return an expression that is null where a count is small."""
    return case((value.between(1, SMALL - 1), null()), else_=value)


def shown(value: Any) -> Any:
    """Return a count, or None where it is small."""
    is_small = isinstance(value, int | float) and 0 < value < SMALL
    return None if is_small else value


def shown_fields(fields: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """Return what a source says of a building as the caller may see it."""
    if sees_all(caller):
        return dict(fields)
    return {name: shown(value) if is_personal("building", name) else value for name, value in fields.items()}
