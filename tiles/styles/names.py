"""The language of labels: names as they are written, or in English where a layer has a field for it."""

from __future__ import annotations

from typing import Any

from layers.catalogue import LayerRow
from tiles.tile import MAX_ZOOM

#: How sources call the field: ours, OpenStreetMap's, and what registers of the city use.
ENGLISH_NAMES = ("name_en", "name:en", "english_name", "en_name")
_NAME = ["get", "name"]


def in_english(layer: dict[str, Any], row: LayerRow) -> dict[str, Any]:
    """Return a style layer whose names are English where the tiles carry them, else as they are."""
    carried = [
        field.get("tile_name", name)
        for name in ENGLISH_NAMES
        if (field := row.fields.get(name)) is not None and field.get("min_zoom", 0) <= MAX_ZOOM
    ]
    text = layer.get("layout", {}).get("text-field")
    if not carried or text is None:
        return layer
    best = ["coalesce", *(["get", name] for name in carried), _NAME]
    return layer | {"layout": layer["layout"] | {"text-field": _replaced(text, best)}}


def _replaced(expression: Any, by: list[Any]) -> Any:
    if expression == _NAME:
        return by
    return [_replaced(part, by) for part in expression] if isinstance(expression, list) else expression
