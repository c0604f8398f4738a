"""Lines, dots and names made larger, for a screen that is read from some metres away."""

from __future__ import annotations

from typing import Any

#: Of paint and layout, what is a size on the screen.
SIZES = (
    "line-width", "circle-radius", "circle-stroke-width", "text-size", "text-halo-width", "symbol-spacing",
)  # fmt: skip


def enlarge(layer: dict[str, Any], factor: float) -> dict[str, Any]:
    """Return a style layer whose sizes on the screen are so many times as large."""
    parts = {
        part: {name: scaled(value, factor) if name in SIZES else value for name, value in layer[part].items()}
        for part in ("paint", "layout")
        if part in layer
    }
    return layer | parts


def scaled(value: Any, factor: float) -> Any:
    """Return a number or an expression times a factor; a zoom's ``interpolate`` has to stay outermost."""
    if isinstance(value, int | float):
        return round(value * factor, 3)
    if value[0] == "interpolate":
        return [part if place < 4 or place % 2 else scaled(part, factor) for place, part in enumerate(value)]
    return ["*", factor, value]
