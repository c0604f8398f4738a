"""Boxes as people and clients write them: west,south,east,north in degrees."""

from __future__ import annotations

import math

from cim.errors import InvalidInput

Bounds = tuple[float, float, float, float]


def parse_bbox(text: str | None) -> Bounds | None:
    """Return west, south, east, north (degrees); heights of a box of six numbers are left out.

    Raises
    ------
    InvalidInput
        For anything but four or six numbers in range, south to north.
    """
    if text is None:
        return None
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) == 6:
        values = [values[0], values[1], values[3], values[4]]
    if len(values) != 4 or not all(map(math.isfinite, values)):
        raise InvalidInput(
            f"bbox is '{text[:80]}'; use west,south,east,north in degrees", "bbox_wrong", given=text[:80]
        )
    west, south, east, north = values
    if not (abs(west) <= 180 and abs(east) <= 180 and -90 <= south <= north <= 90):
        raise InvalidInput(
            f"bbox is '{text[:80]}'; use west,south,east,north: longitudes -180..180, latitudes -90..90, south first",
            "bbox_wrong", given=text[:80],
        )  # fmt: skip
    return west, south, east, north
