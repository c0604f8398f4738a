"""The colour of an object by its layer's legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Table, Text, cast, literal

from layers.catalogue import LayerRow, color_of
from tiles.tiles3d.merge import Color


def legend_value(table: Table, field: str | None) -> ColumnElement[Any]:
    """Return the value of the field by which the legend tells objects apart, as text."""
    if not field:
        return cast(literal(None), Text)
    return cast(table.c[field], Text) if field in table.c else table.c.attributes[field].astext


class Legend:
    """The colours of a layer, numbered; the last is that of values that the legend does not name."""

    def __init__(self, row: LayerRow) -> None:
        items = row.style.get("legend") or []
        named = [item for item in items if item.get("value")]
        others = [item["color"] for item in items if not item.get("value")]
        self._numbers = {item["value"]: number for number, item in enumerate(named)}
        shown = [item["color"] for item in named] + [*others, color_of(row.id, row.style)][:1]
        self.colors: list[Color] = [_color(color) for color in shown]

    def numbers(self, values: Sequence[str | None]) -> NDArray[np.int64]:
        """Return the number of the colour of each value."""
        other = len(self.colors) - 1
        return np.array([self._numbers.get(value or "", other) for value in values], np.int64)


def _color(color: str) -> Color:
    red, green, blue = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return red, green, blue, 1.0
