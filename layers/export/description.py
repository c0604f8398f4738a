"""What an exported file says of itself: its systems, its moment, and the datasets that its rows come from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, select

from cim.tables import GEOGRAPHIC_SRID, dataset
from layers.export.selection import DatasetRow

_SAID = ("name", "file_name", "format", "crs", "vertical_crs", "accuracy_m", "is_ballpark", "owner", "licence",
         "source", "data_date")  # fmt: skip


@dataclass(frozen=True)
class Description:
    """Facts about one exported file; ``vertical_crs`` is the system of all its heights."""

    layer_id: str
    title: str
    vertical_crs: str
    has_heights: bool
    asof: datetime | None
    datasets: list[dict[str, Any]]

    @property
    def crs(self) -> str:
        """The system of the geometries, with that of the heights where they have any."""
        horizontal = f"EPSG:{GEOGRAPHIC_SRID}"
        return f"{horizontal}+{self.vertical_crs.partition(':')[2]}" if self.has_heights else horizontal

    def text(self) -> str:
        """Return one line."""
        moment = f"; as recorded at {self.asof.isoformat()}" if self.asof else ""
        return (
            f"{self.title}; EPSG:{GEOGRAPHIC_SRID}, longitude first; heights in metres, {self.vertical_crs}{moment}; "
            f"from {', '.join(row['name'] for row in self.datasets) or 'no dataset'}"
        )

    def metadata(self) -> dict[str, str]:
        """Return text by name, for formats that keep such."""
        found = {
            "cim_layer": self.layer_id,
            "crs": f"EPSG:{GEOGRAPHIC_SRID}",
            "vertical_crs": self.vertical_crs,
            "datasets": orjson.dumps(self.datasets, default=str).decode(),
        }
        return found | ({"asof": self.asof.isoformat()} if self.asof else {})


def dataset_facts(connection: Connection, rows: list[DatasetRow]) -> list[dict[str, Any]]:
    """Return what is known of datasets: file, systems, accuracy, owner, licence, date."""
    ids = [row.id for row in rows if row.id is not None]
    found = connection.execute(
        select(*(dataset.c[name] for name in _SAID)).where(dataset.c.id.in_(ids)).order_by(dataset.c.name)
    )
    return [{str(name): value for name, value in row.items() if value is not None} for row in found.mappings()]
