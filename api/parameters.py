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
        raise InvalidInput(
            f"layers: give 1 to {MAX_LAYERS} layer ids separated by commas; /api/layers lists them",
            "layers_wrong", most=MAX_LAYERS,
        )  # fmt: skip
    return names


def parse_box(text: str | None) -> tuple[float, float, float, float] | None:
    """Return west, south, east, north (degrees) of a box that does not cross the antimeridian.

    Raises
    ------
    InvalidInput
    """
    if text is None:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise InvalidInput(
            f"bbox is '{text[:80]}'; write west,south,east,north in degrees", "bbox_wrong", given=text[:80]
        ) from None
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise InvalidInput(
            f"bbox is '{text[:80]}'; write west,south,east,north in degrees, west before east",
            "bbox_wrong", given=text[:80],
        )  # fmt: skip
    return west, south, east, north
