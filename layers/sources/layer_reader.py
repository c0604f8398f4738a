"""What the vector importer asks of a file's layer, whichever library reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from layers.sources.batch import Batch, Values


class LayerReader(Protocol):
    """One layer of a file; see ``GdalLayer``."""

    name: str
    format: str
    crs: str | None
    fields: dict[str, str]
    family: str
    features: int
    is_order_ruled: bool

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield all rows."""

    def column(self, name: str, size: int) -> Iterator[Values]:
        """Yield the values of one column."""

    def shapes(self, limit: int) -> Values:
        """Return the geometries of the first rows."""
