"""Rows that a person has mended, and how they take the place of the bad ones of their file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection, select

from cim.reports import Rejected
from cim.tables import dataset, quarantine
from layers.sources.batch import Batch, Values
from layers.sources.rejection import EXTRA


@dataclass(frozen=True)
class Mend:
    """One rejected row and what a person made of it.

    Attributes
    ----------
    origin
        The row as the file has it.
    number
        What tells it among others: its id in the quarantine, or its number in the file.
    """

    origin: Rejected
    number: int
    record: dict[str, Any]
    geom_wkt: str | None
    at: str

    def content(self) -> dict[str, Any]:
        """Return what is kept of it."""
        return {"record": self.record, "geom_wkt": self.geom_wkt, "at": self.at}


@dataclass
class Mends:
    """The mended rows of one dataset; each replaces one row of the file that is as it was when it was mended."""

    known: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def read(cls, connection: Connection, dataset_id: int) -> Mends:
        """Return those that are in force."""
        name = select(dataset.c.name).where(dataset.c.id == dataset_id).scalar_subquery()
        rows = connection.execute(
            select(quarantine.c.fingerprint, quarantine.c.mended)
            .where(quarantine.c.dataset_name == name, quarantine.c.is_resolved, quarantine.c.mended.is_not(None))
            .order_by(quarantine.c.id)
        )
        found = cls()
        for fingerprint, mended in rows:
            found.known.setdefault(fingerprint, []).append(mended)
        return found

    def replace(self, row: Rejected, number: int) -> Mend | None:
        """Return what a rejected row was mended to, once for each time that it was."""
        waiting = self.known.get(row.fingerprint or "")
        if not waiting:
            return None
        mended = waiting.pop(0)
        return Mend(row, number, mended["record"], mended["geom_wkt"], mended["at"])


def batch_of(mends: Sequence[Mend], layer_name: str, needed: Iterable[str], has_geometry: bool) -> Batch:
    """Return mended rows as if they had been read from the file.

    Parameters
    ----------
    needed
        Columns that are there also where no row has a value.
    """
    names = dict.fromkeys([*needed, *(name for mend in mends for name in mend.record if name != EXTRA)])
    columns = {name: _column([mend.record.get(name) for mend in mends]) for name in names}
    extra = [mend.record.get(EXTRA) or {} for mend in mends]
    shapes = None
    if has_geometry:
        shapes = shapely.from_wkt(_column([mend.geom_wkt for mend in mends]), on_invalid="ignore")
    unreadable = np.zeros(len(mends), bool)
    if shapes is not None:
        unreadable = shapely.is_missing(shapes) & np.array([mend.geom_wkt is not None for mend in mends], bool)
    return Batch(
        layer_name,
        columns,
        shapes,
        unreadable,
        np.array([mend.number for mend in mends], np.int64),
        extra=extra if any(extra) else None,
        places=[mend.origin.place for mend in mends],
    )


def _column(values: list[Any]) -> Values:
    column: Values = np.empty(len(values), object)
    column[:] = values
    return column
