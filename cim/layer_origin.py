"""Where the objects of a layer come from, as the datasets that feed it say."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, select

from cim.tables import dataset


class Origin(NamedTuple):
    """What the datasets that feed a layer say of it; of owner, licence, source and date the newest that says one.

    ``accuracy_m`` is the worst of them, None where any does not know its own.
    """

    owner: str | None = None
    licence: str | None = None
    source: str | None = None
    data_date: date | None = None
    crs: tuple[str, ...] = ()
    vertical_crs: tuple[str, ...] = ()
    accuracy_m: float | None = None
    is_ballpark: bool = False
    datasets: int = 0

    def joined(self, row: Row[Any]) -> Origin:
        """Return the same with a newer dataset."""
        known = row.accuracy_m is not None and (self.datasets == 0 or self.accuracy_m is not None)
        return Origin(
            row.owner or self.owner,
            row.licence or self.licence,
            row.source or self.source,
            row.data_date or self.data_date,
            tuple(dict.fromkeys([*self.crs, *([row.crs] if row.crs else [])])),
            tuple(dict.fromkeys([*self.vertical_crs, *([row.vertical_crs] if row.vertical_crs else [])])),
            max(row.accuracy_m, self.accuracy_m or 0.0) if known else None,
            self.is_ballpark or row.is_ballpark,
            self.datasets + 1,
        )


def origins(connection: Connection) -> dict[str, Origin]:
    """Return where each layer's objects come from."""
    fed = func.jsonb_object_keys(dataset.c.report["layers"]).label("layer_id")
    feeding = (
        select(fed, dataset)
        .where(func.jsonb_typeof(dataset.c.report["layers"]) == "object")
        .order_by(dataset.c.recorded_at, dataset.c.id)
    )
    found: dict[str, Origin] = {}
    for row in connection.execute(feeding):
        found[row.layer_id] = found.get(row.layer_id, Origin()).joined(row)
    return found


def describe(row: Row[Any], origin: Origin) -> dict[str, Any]:
    """Return the metadata of a layer: what its row says, else what its datasets say."""
    dated = row.data_date or origin.data_date
    return {
        "owner": row.owner or origin.owner,
        "licence": row.licence or origin.licence,
        "source": row.source or origin.source,
        "date": dated.isoformat() if dated else None,
        "crs": [row.crs] if row.crs else list(origin.crs),
        "vertical_crs": list(origin.vertical_crs),
        "accuracy_m": row.accuracy_m if row.accuracy_m is not None else origin.accuracy_m,
        "is_ballpark": origin.is_ballpark,
        "visibility": row.visibility,
        "style": {name: value for name, value in row.style.items() if name != "seed"},
    }
