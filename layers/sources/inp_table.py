"""Rows of a hydraulic model on their way into one layer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely

from layers.sources.batch import Batch, Values

Point = tuple[float, float]


@dataclass
class InpTable:
    """Nodes, links or catchments of a model; lengths and heights in metres, diameters in millimetres.

    Attributes
    ----------
    name
        Of the layer that they are for.
    """

    name: str
    family: str
    records: list[dict[str, Any]] = field(default_factory=list)
    shapes: list[shapely.Geometry | None] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    faults: list[tuple[str, str] | None] = field(default_factory=list)

    def add(
        self, place: str, record: dict[str, Any], shape: shapely.Geometry | None, fault: tuple[str, str] | None = None
    ) -> None:
        """Add a row."""
        self.records.append({name: value for name, value in record.items() if value is not None})
        self.shapes.append(shape)
        self.places.append(place)
        self.faults.append(fault)

    def batch(self) -> Batch:
        """Return all rows: models are small, and hydraulic engines hold them in memory too."""
        names = dict.fromkeys(name for record in self.records for name in record)
        return Batch(
            self.name,
            {name: _column([record.get(name) for record in self.records]) for name in names},
            _column(self.shapes),
            np.zeros(len(self.records), bool),
            np.arange(1, len(self.records) + 1),
            places=self.places,
            faults=self.faults,
            may_collapse=True,
        )


def line_between(start: Point | None, vertices: list[Point], end: Point | None) -> shapely.Geometry | None:
    """Return the line of a link, or None where a node has no place."""
    if start is None or end is None:
        return None
    return shapely.LineString([start, *vertices, end])


def _column(values: list[Any]) -> Values:
    column: Values = np.empty(len(values), object)
    column[:] = values
    return column
