"""What is written: rows of the tables model, storey, space, element and building_source, without database ids."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class ModelRows:
    """All rows of one file.

    Rows are dictionaries by column name; ``storey_key`` and ``space_key`` stand for ids that only the database has.
    Geometries are hexadecimal WKB in EPSG:4490.

    Attributes
    ----------
    instances
        ``(table, key, mesh hash, placement, materials)`` for each drawing.
    """

    model: dict[str, Any]
    storeys: list[dict[str, Any]] = field(default_factory=list)
    spaces: list[dict[str, Any]] = field(default_factory=list)
    elements: list[dict[str, Any]] = field(default_factory=list)
    buildings: list[dict[str, Any]] = field(default_factory=list)
    instances: list[tuple[str, str, bytes, list[float], list[list[float]]]] = field(default_factory=list)
    bounds: tuple[float, float, float, float] | None = None
