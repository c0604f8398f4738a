"""The CRS that a file declares or an operator gives, and the way from it into the stored one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pyproj import CRS

from cim.crs import CrsTransform, name_of, parse_crs, to_geographic, transform_between
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
    transform = into_stored(crs)
    if transform.is_ballpark:
        notes.append(
            Note(
                "ballpark_transform",
                f"{name_of(crs)} to the stored CGCS2000 has no known datum shift ({transform.description}): "
                "coordinates are taken as they are, good to about a metre",
            )
        )
    return transform


def into_stored(crs: CRS) -> CrsTransform:
    """Return the best way into the stored CRS: where PROJ knows none, through WGS 84, which is within a metre of it.

    PROJ's own fallback takes the coordinates of an old datum as they are, which is off by 50 to 700 m in Europe.
    """
    direct = to_geographic(crs)
    if not direct.is_ballpark:
        return direct
    known = transform_between(_text(crs), _WGS84)
    return replace(
        known,
        target=direct.target,
        description=f"{_described(known)} + WGS 84 taken as CGCS2000 (ballpark)",
        accuracy_m=None if known.accuracy_m is None else known.accuracy_m + 1.0,
        is_ballpark=True,
    )


_WGS84 = "EPSG:4326"


def _described(transform: CrsTransform) -> str:
    """Name the operation; PROJ has several for a large area and chooses one by each point's place."""
    text = transform.description
    return f"{name_of(transform.source)} to WGS 84 by place" if text.startswith("unavailable") else text


def _text(crs: CRS) -> str:
    authority = crs.to_authority(min_confidence=100)
    return ":".join(authority) if authority else str(crs.to_wkt())
