"""Objects that a new version of a file names by another GlobalId: found again by what else tells them apart.

Some exporters give new GlobalIds at every export. An object of the database whose key the new version lacks, and one of
the new version whose key the database lacks, are the same where their tag (the number that the authoring program keeps)
agrees, or else their class, shape and position; each only where that is said once on either side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, Select, Table, bindparam, func, select, update

from cim.tables import element, mesh_instance, space, storey

#: Positions closer than this are one.
GRAIN_M = 0.001
_NAMES = ("name", "long_name", "tag", "ifc_class", "elevation_m")

Drawing = tuple[str, str, bytes, list[float], list[list[float]]]


class Known(NamedTuple):
    """One object on one side of the comparison."""

    key: str
    values: Mapping[str, Any]
    drawing: Hashable | None


#: What tells the objects of a table apart when keys do not, the surest first; None: does not tell.
_SIGNS: dict[Table, tuple[Callable[[Known], Hashable | None], ...]] = {
    storey: (lambda one: one.values["name"], lambda one: one.values["elevation_m"]),
    space: (
        lambda one: one.values["name"] and (one.values["name"], one.values["long_name"]),
        lambda one: one.drawing,
    ),
    element: (
        lambda one: one.values["tag"] and (one.values["ifc_class"], one.values["tag"]),
        lambda one: one.drawing and (one.values["ifc_class"], one.drawing),
    ),
}


def rename_keys(
    connection: Connection,
    table: Table,
    layer_id: str,
    dataset_id: int,
    rows: Iterable[Mapping[str, Any]],
    drawings: Sequence[Drawing],
) -> int:
    """Give objects that are found again the keys of the new version and return how many those are.

    The objects keep their ids; their history says under which key they were known.
    """
    new = {str(row["source_key"]): row for row in rows}
    here = (table.c.dataset_id == dataset_id, table.c.layer_id == layer_id)
    known = set(connection.execute(select(table.c.source_key).where(*here)).scalars())
    gone, added = known - new.keys(), new.keys() - known
    if not gone or not added:
        return 0
    before = [_of_row(row) for row in connection.execute(known_objects(table, layer_id, dataset_id, sorted(gone)))]
    shapes = {key: _drawing(mesh, placement) for kind, key, mesh, placement, _ in drawings if kind == table.name}
    after = [Known(key, _named(new[key]), shapes.get(key)) for key in sorted(added)]
    pairs = match(before, after, _SIGNS[table])
    if pairs:
        statement = update(table).where(*here, table.c.source_key == bindparam("old"))
        connection.execute(
            statement.values(source_key=bindparam("new"), recorded_at=func.now()),
            [{"old": old, "new": newer} for old, newer in pairs.items()],
        )
    return len(pairs)


def match(
    before: Iterable[Known], after: Iterable[Known], signs: Iterable[Callable[[Known], Hashable | None]]
) -> dict[str, str]:
    """Return earlier key -> later key by the first sign that both sides show once."""
    pairs: dict[str, str] = {}
    left, right = list(before), list(after)
    for sign in signs:
        first, second = _once(left, sign), _once(right, sign)
        pairs |= {first[value]: second[value] for value in first.keys() & second.keys()}
        taken = set(pairs.values())
        left = [one for one in left if one.key not in pairs]
        right = [one for one in right if one.key not in taken]
    return pairs


def _once(objects: Iterable[Known], sign: Callable[[Known], Hashable | None]) -> dict[Hashable, str]:
    """Return sign -> key of the signs that one object alone shows."""
    shown = [(sign(one), one.key) for one in objects]
    counts = Counter(value for value, _ in shown)
    return {value: key for value, key in shown if value is not None and value != "" and counts[value] == 1}


def known_objects(table: Table, layer_id: str, dataset_id: int, keys: Sequence[str]) -> Select[Any]:
    """Return the statement for objects by key, each with its mesh and placement."""
    drawn = (mesh_instance.c.element_id == table.c.id) & (mesh_instance.c.element_table == table.name)
    columns = [table.c[name] for name in _NAMES if name in table.c]
    return (
        select(table.c.source_key, *columns, mesh_instance.c.mesh_hash, mesh_instance.c.placement)
        .outerjoin_from(table, mesh_instance, drawn)
        .where(
            table.c.dataset_id == dataset_id, table.c.layer_id == layer_id, table.c.source_key == func.any(list(keys))
        )
    )


def _of_row(row: Any) -> Known:
    drawing = _drawing(bytes(row.mesh_hash), row.placement) if row.mesh_hash is not None else None
    return Known(row.source_key, _named(row._mapping), drawing)


def _named(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: row.get(name) for name in _NAMES}


def _drawing(mesh_hash: bytes, placement: Sequence[float]) -> Hashable:
    grains = np.round(np.asarray(placement) / GRAIN_M).astype(np.int64)
    return mesh_hash, grains.tobytes()
