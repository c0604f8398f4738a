"""The CRS that a file declares or an operator gives, and the way from it into the stored one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cim.crs import CrsTransform, name_of, parse_crs, to_geographic
from cim.errors import MissingCrs
from cim.reports import Note


def transform_for(declared: Any, asked: str | None, what: str, notes: list[Note]) -> CrsTransform:
    """Return the transform of a layer or file into the stored CRS.

    Raises
    ------
    MissingCrs
        If neither the file nor the operator says one.
    """
    if asked is None and not declared:
        raise MissingCrs(f"{what} does not say its coordinate reference system; give it with --crs EPSG:N")
    crs = parse_crs(asked or declared)
    if asked and declared and parse_crs(declared) != crs:
        notes.append(Note("crs_overridden", f"{what} says {name_of(parse_crs(declared))}; --crs {asked} was taken"))
    transform = to_geographic(crs)
    if transform.is_ballpark:
        notes.append(
            Note(
                "ballpark_transform",
                f"{name_of(crs)} to the stored CGCS2000 has no known datum shift ({transform.description}): "
                "coordinates are taken as they are, good to about a metre",
            )
        )
    return replace(transform, is_asked=asked is not None)
