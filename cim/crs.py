"""Coordinate reference systems: every transform of the project goes through here, longitude/easting first.

Axis order is always x = east, y = north (``always_xy``), also for systems whose definition puts north first, such as
EPSG:4490, EPSG:4547 and EPSG:4526. The stored system is EPSG:4490 (CGCS2000).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import CRSError, ProjError

from cim import local_systems
from cim.errors import InvalidInput
from cim.local_systems import LocalSystem, Move
from cim.tables.columns import GEOGRAPHIC_SRID

GEOGRAPHIC = CRS.from_epsg(GEOGRAPHIC_SRID)
_WGS84 = CRS.from_epsg(4326)
#: A step to the north, about 100 m, along which the direction of a local grid is taken.
_NORTHWARD_DEG = 0.001
GEOD: Geod = Geod(ellps="GRS80")  # a and 1/f of CGCS2000


class Operation(Protocol):
    """What moves coordinates: a transformer of PROJ, or a chain with a step that PROJ does not have."""

    @property
    def transform(self) -> Callable[..., tuple[Any, ...]]:
        """What moves x and y (and z), arrays of one shape or plain numbers; ``errcheck`` raises where it cannot."""


@dataclass(frozen=True)
class Chain:
    """A step that PROJ does not have, before (``is_first``) or after an operation of PROJ's; heights stay."""

    step: Move
    operation: Operation
    is_first: bool

    def transform(self, *coordinates: Any, errcheck: bool = False) -> tuple[Any, ...]:
        """Move x and y; a third coordinate comes back as it is."""
        x, y = (np.asarray(part, np.float64) for part in coordinates[:2])
        if self.is_first:
            x, y = self.operation.transform(*self.step(x, y), errcheck=errcheck)[:2]
        else:
            x, y = self.step(*map(np.asarray, self.operation.transform(x, y, errcheck=errcheck)[:2]))
        return (x, y, *coordinates[2:])


@dataclass(frozen=True)
class CrsTransform:
    """One coordinate operation and what is known of its quality.

    Attributes
    ----------
    accuracy_m
        As PROJ states it; None when it is not known.
    is_ballpark
        True when PROJ knows no datum shift and takes the coordinates as they are.
    is_asked
        True where the operator named the source: then it is not doubted.
    """

    source: CRS
    target: CRS
    transformer: Operation
    description: str
    accuracy_m: float | None
    is_ballpark: bool
    is_asked: bool = False

    def points(
        self, x: ArrayLike, y: ArrayLike, z: ArrayLike | None = None, *, strict: bool = True
    ) -> tuple[NDArray[np.float64], ...]:
        """Transform coordinates (x east, y north, z up in metres).

        Unreachable ones raise InvalidInput, or come out infinite where ``strict`` is False.
        """
        try:
            if z is None:
                moved: tuple[Any, ...] = self.transformer.transform(x, y, errcheck=strict)
            else:
                moved = self.transformer.transform(x, y, z, errcheck=strict)
        except ProjError as error:
            raise InvalidInput(
                f"coordinates such as ({np.ravel(x)[0]}, {np.ravel(y)[0]}) do not lie in "
                f"{name_of(self.source)}: {error}",
                "outside_of_crs", given=f"{np.ravel(x)[0]}, {np.ravel(y)[0]}", crs=name_of(self.source),
            ) from None  # fmt: skip
        return tuple(np.asarray(part, dtype=np.float64) for part in moved)

    def geometries(self, geometries: NDArray[np.object_]) -> NDArray[np.object_]:
        """Transform an array of shapely geometries, Z included where there is one."""
        with_z = bool(shapely.has_z(geometries).any())

        def move(coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
            if len(coordinates) == 0:
                return coordinates
            moved = self.points(coordinates[:, 0], coordinates[:, 1])
            # Heights stay as they are: vertical datums are recorded on the dataset, not guessed here.
            return np.column_stack([*moved, *coordinates[:, 2:].T])

        moved: NDArray[np.object_] = shapely.transform(geometries, move, include_z=with_z)
        return moved


def parse_crs(value: Any) -> CRS:
    """Return the CRS that a code, WKT or PROJ text names, or the name of a local system such as GCJ-02.

    Raises
    ------
    InvalidInput
        Naming the value and the accepted forms.
    """
    local = local_systems.find(value)
    if local is not None:
        return local.crs
    try:
        return _parsed(value) if isinstance(value, str) else CRS.from_user_input(value)
    except CRSError:
        raise InvalidInput(
            f"'{str(value)[:200]}' is not a coordinate reference system; use e.g. EPSG:4547, or one of "
            f"{', '.join(local_systems.names())}",
            "not_a_crs", given=str(value)[:200],
        ) from None  # fmt: skip


@lru_cache(maxsize=256)
def _parsed(text: str) -> CRS:
    return CRS.from_user_input(text)


@lru_cache(maxsize=256)
def _authority(crs: CRS, confidence: int) -> str | None:
    """Return the code of a system; PROJ compares a WKT with all that it has, which is slow."""
    found = crs.to_authority(min_confidence=confidence)
    return ":".join(found) if found else None


def name_of(crs: CRS) -> str:
    """Return the authority code where there is one, else the name."""
    if local_systems.find(crs) is not None:
        return str(crs.name)
    return _authority(crs, 70) or str(crs.name)


def transform_between(source: str, target: str) -> CrsTransform:
    """Return the best operation between two systems, each given as text that :func:`parse_crs` takes.

    A local system is reached through its base.
    """
    here, there = local_systems.find(parse_crs(source)), local_systems.find(parse_crs(target))
    if here is not None:
        return _from_local(here, transform_between(here.base, target))
    if there is not None:
        return _to_local(transform_between(source, there.base), there)
    return _known_to_proj(source, target)


def _from_local(local: LocalSystem, onward: CrsTransform) -> CrsTransform:
    return replace(
        onward,
        source=local.crs,
        transformer=Chain(local.to_base, onward.transformer, is_first=True),
        description=f"{local.description} + {onward.description}",
        accuracy_m=_added(local.accuracy_m, onward),
    )


def _to_local(before: CrsTransform, local: LocalSystem) -> CrsTransform:
    return replace(
        before,
        target=local.crs,
        transformer=Chain(local.from_base, before.transformer, is_first=False),
        description=f"{before.description} + inverse of {local.description}",
        accuracy_m=_added(local.accuracy_m, before),
    )


def _added(accuracy_m: float | None, other: CrsTransform) -> float | None:
    """Add the accuracies of two steps; WGS 84 taken as CGCS2000 is good to about a metre."""
    more = other.accuracy_m
    if more is None and other.is_ballpark and {other.source, other.target} == {_WGS84, GEOGRAPHIC}:
        more = 1.0
    return None if accuracy_m is None or more is None else accuracy_m + more


@lru_cache(maxsize=64)
def _known_to_proj(source: str, target: str) -> CrsTransform:
    """Return PROJ's best operation.

    To and from the stored system PROJ knows few operations. Where it knows none it would take the coordinates of an
    old datum as they are, 50 to 700 m off; the way then leads through WGS 84, which is within a metre of CGCS2000.
    """
    source_crs, target_crs = parse_crs(source), parse_crs(target)
    direct = _operation(source_crs, target_crs)
    if not direct.is_ballpark:
        return direct
    if target_crs == GEOGRAPHIC and source_crs != _WGS84:
        return _through_wgs84(_operation(source_crs, _WGS84), direct)
    if source_crs == GEOGRAPHIC and target_crs != _WGS84:
        return _through_wgs84(_operation(_WGS84, target_crs), direct)
    return direct


def _operation(source: CRS, target: CRS) -> CrsTransform:
    transformer = Transformer.from_crs(_horizontal(source), _horizontal(target), always_xy=True)
    accuracy = transformer.accuracy
    description = transformer.description
    if description.startswith("unavailable"):
        # PROJ has several operations for a large area and chooses one by each point's place.
        description = f"{name_of(source)} to {name_of(target)} by place"
    return CrsTransform(
        source,
        target,
        transformer,
        description,
        accuracy if accuracy is not None and accuracy >= 0 else None,
        "ballpark" in description.lower(),
    )


def _through_wgs84(known: CrsTransform, direct: CrsTransform) -> CrsTransform:
    return replace(
        known,
        source=direct.source,
        target=direct.target,
        description=f"{known.description} + WGS 84 taken as CGCS2000 (ballpark)",
        accuracy_m=None if known.accuracy_m is None else known.accuracy_m + 1.0,
        is_ballpark=True,
    )


def to_geographic(source: CRS | str) -> CrsTransform:
    """Return the operation into the stored system (longitude, latitude in degrees)."""
    return transform_between(_text(source), f"EPSG:{GEOGRAPHIC_SRID}")


def from_geographic(target: CRS | str) -> CrsTransform:
    """Return the operation from the stored system."""
    return transform_between(f"EPSG:{GEOGRAPHIC_SRID}", _text(target))


def vertical_name(crs: CRS) -> str | None:
    """Return the vertical part of a compound system, or None where none is declared."""
    local = local_systems.find(crs)
    if local is not None:
        return local.vertical
    for part in crs.sub_crs_list:
        if part.is_vertical:
            return name_of(part)
    return None


def unit_factor(crs: CRS) -> float:
    """Return the metres (or, for a geographic system, the radians) of one unit of the horizontal axes."""
    return float(_horizontal(crs).axis_info[0].unit_conversion_factor)


def convergence_deg(crs: CRS | str, longitude: float, latitude: float) -> float:
    """Return the meridian convergence: the angle from true north to grid north, clockwise positive, degrees."""
    from pyproj import Proj

    if local_systems.find(parse_crs(_text(crs))) is not None:
        x, y = from_geographic(crs).points([longitude, longitude], [latitude, latitude + _NORTHWARD_DEG])
        return -float(np.rad2deg(np.arctan2(x[1] - x[0], y[1] - y[0])))
    return float(Proj(parse_crs(_text(crs))).get_factors(longitude, latitude).meridian_convergence)


def area_m2(geometry: shapely.Geometry) -> float:
    """Return the geodesic area of a geometry in the stored system."""
    return abs(float(GEOD.geometry_area_perimeter(shapely.orient_polygons(geometry))[0]))


def length_m(geometry: shapely.Geometry) -> float:
    """Return the geodesic length of a geometry in the stored system."""
    return float(GEOD.geometry_length(geometry))


def _horizontal(crs: CRS) -> CRS:
    if crs.is_compound:
        return crs.sub_crs_list[0]
    return crs.to_2d() if len(crs.axis_info) == 3 and not crs.is_geocentric else crs


def definition(crs: CRS) -> str:
    """Return the text by which :func:`parse_crs` finds the very same system: its code, else its WKT."""
    return _text(crs)


def _text(crs: CRS | str) -> str:
    if isinstance(crs, str):
        return crs
    if local_systems.find(crs) is not None:
        return str(crs.name)
    return _authority(crs, 100) or str(crs.to_wkt())
