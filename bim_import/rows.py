"""What is written: the rows of a model and of all that belongs to it, without database ids."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bim_import.frame import Frame
from bim_import.groups import LinkRow
from cim.reports import Note


@dataclass
class ModelRows:
    """All rows of one file.

    Rows are dictionaries by column name; ``storey_key``, ``space_key`` and ``facility_key`` stand for ids that only the
    database has.
    Geometries are hexadecimal WKB in EPSG:4490.

    Attributes
    ----------
    instances
        ``(table, key, mesh hash, placement, materials)`` for each drawing.
    frame
        Where the model stands, for what is made from stored meshes.
    """

    model: dict[str, Any]
    storeys: list[dict[str, Any]] = field(default_factory=list)
    spaces: list[dict[str, Any]] = field(default_factory=list)
    elements: list[dict[str, Any]] = field(default_factory=list)
    buildings: list[dict[str, Any]] = field(default_factory=list)
    instances: list[tuple[str, str, bytes, list[float], list[list[float]]]] = field(default_factory=list)
    facilities: list[dict[str, Any]] = field(default_factory=list)
    alignments: list[dict[str, Any]] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)
    links: list[LinkRow] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    frame: Frame | None = None
    bounds: tuple[float, float, float, float] | None = None
