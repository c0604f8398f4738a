"""Which objects an export holds: of one layer, in a box, as of a moment, of one dataset."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, case, func, literal, select

from cim.errors import InvalidInput
from cim.tables import GEOGRAPHIC_SRID, dataset, object_history
from layers.queries.asof import as_of

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Wanted:
    """What is asked for.

    Attributes
    ----------
    bbox
        West, south, east, north in degrees.
    asof
        The objects as they were recorded at this moment.
    """

    bbox: Box | None = None
    asof: datetime | None = None


@dataclass(frozen=True)
class DatasetRow:
    """A dataset that feeds the layer; ``id`` None stands for the objects that belong to none."""

    id: int | None
    name: str | None


@dataclass(frozen=True)
class Selection:
    """The rows of one export.

    Attributes
    ----------
    rows
        The table, or what it was at an earlier moment.
    is_single
        The rows come from one dataset, so that no key is there twice.
    """

    layer_id: str
    table: Table
    rows: Any
    conditions: tuple[ColumnElement[bool], ...]
    is_single: bool = False

    def of_dataset(self, wanted: DatasetRow) -> Selection:
        """Return the part that comes from one dataset."""
        conditions = (*self.conditions, self.rows.c.dataset_id.is_not_distinct_from(wanted.id))
        return Selection(self.layer_id, self.table, self.rows, conditions, is_single=True)

    def source_key(self) -> ColumnElement[Any]:
        """Return the key of each row, with the dataset's name before it where several datasets have the same key."""
        key: ColumnElement[Any] = self.rows.c.source_key
        if self.is_single:
            return key
        shared = select(key).where(*self.conditions).group_by(key).having(func.count() > 1)
        return case((key.in_(shared), func.coalesce(dataset.c.name, "") + literal("/") + key), else_=key)

    def with_datasets(self, *columns: Any) -> Select[Any]:
        """Return a statement over the rows and, outer, their datasets."""
        joined = self.rows.outerjoin(dataset, dataset.c.id == self.rows.c.dataset_id)
        return select(*columns).select_from(joined).where(*self.conditions)


def select_objects(layer_id: str, table: Table, wanted: Wanted) -> Selection:
    """Return the objects of a layer that are wanted; raises InvalidInput.

    Nodes that a topology made are left out: every import of their edges makes them anew.
    """
    box = None if wanted.bbox is None else _box(table, layer_id, wanted.bbox)
    rows: Any = table
    if wanted.asof is not None:
        among = [object_history.c.layer_id == layer_id]
        if box is not None:
            among.append(func.ST_Intersects(object_history.c.bounds, box))
        rows = as_of(table, wanted.asof, *among)
    conditions: list[ColumnElement[bool]] = [rows.c.layer_id == layer_id]
    if box is not None:
        conditions.append(func.ST_Intersects(rows.c.geom, box))
    if "origin" in table.c:
        conditions.append(rows.c.origin != "topology")
    return Selection(layer_id, table, rows, tuple(conditions))


def datasets_of(connection: Connection, selection: Selection) -> list[DatasetRow]:
    """Return the datasets that the rows come from, by name; None where there are rows of no dataset."""
    statement = selection.with_datasets(selection.rows.c.dataset_id, dataset.c.name).distinct()
    found = [DatasetRow(row.dataset_id, row.name) for row in connection.execute(statement)]
    return sorted(found, key=lambda row: row.name or "")


def count_rows(connection: Connection, selection: Selection) -> tuple[int, int]:
    """Return how many rows there are, and how many of them have no geometry."""
    count: Any = func.count()
    shapeless = count if "geom" not in selection.table.c else count.filter(selection.rows.c.geom.is_(None))
    row = connection.execute(select(count, shapeless).select_from(selection.rows).where(*selection.conditions)).one()
    return int(row[0]), int(row[1])


def extent_of(connection: Connection, selection: Selection) -> Box | None:
    """Return west, south, east, north of the rows, degrees; None where none has a place."""
    box = func.ST_Extent(selection.rows.c.geom)
    row = connection.execute(
        select(func.ST_XMin(box), func.ST_YMin(box), func.ST_XMax(box), func.ST_YMax(box))
        .select_from(selection.rows)
        .where(*selection.conditions, selection.rows.c.geom.is_not(None))
    ).one()
    return None if row[0] is None else (float(row[0]), float(row[1]), float(row[2]), float(row[3]))


def _box(table: Table, layer_id: str, bbox: Box) -> ColumnElement[Any]:
    if "geom" not in table.c:
        raise InvalidInput(f"the objects of '{layer_id}' have no geometry; export them without --bbox")
    west, south, east, north = bbox
    if not (all(map(math.isfinite, bbox)) and -180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise InvalidInput(f"--bbox is {','.join(map(str, bbox))}; west,south,east,north in degrees is right")
    return func.ST_MakeEnvelope(west, south, east, north, GEOGRAPHIC_SRID)
