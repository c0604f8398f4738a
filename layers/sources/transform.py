"""The CRS that a file declares or an operator gives, and the way from it into the stored one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cim.crs import CrsTransform, name_of, parse_crs, to_geographic, vertical_name
from cim.errors import MissingCrs
from cim.reports import DatasetDescription, Note


def describe(file_format: str, *transforms: CrsTransform | None) -> DatasetDescription:
    """Return what a file says of itself, whose parts are brought to the stored CRS by these (None: has no place).

    Its accuracy is that of the worst; unknown where that of one is unknown.
    """
    placed = [transform for transform in transforms if transform is not None]
    if not placed:
        return DatasetDescription(file_format)
    known = [transform.accuracy_m for transform in placed if transform.accuracy_m is not None]
    return DatasetDescription(
        file_format,
        crs=", ".join(dict.fromkeys(name_of(transform.source) for transform in placed)),
        vertical_crs=vertical_name(placed[0].source),
        transform=placed[0].description,
        accuracy_m=max(known) if len(known) == len(placed) else None,
        is_ballpark=any(transform.is_ballpark for transform in placed),
    )


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
