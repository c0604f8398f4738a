"""Values of query parameters that are more than one word."""

from __future__ import annotations

from cim.errors import InvalidInput

MAX_LAYERS = 50


def parse_layers(text: str | None) -> list[str] | None:
    """Return the layer ids of a list separated by commas.

    Raises
    ------
    InvalidInput
    """
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if len(names) > MAX_LAYERS or not all(names):
        raise InvalidInput(f"layers: give 1 to {MAX_LAYERS} layer ids separated by commas; /api/layers lists them")
    return names
