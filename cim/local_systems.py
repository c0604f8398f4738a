"""Coordinate systems that PROJ does not know: the shifted ones of web maps, and those that an owner supplies.

Each leads to a system that PROJ does know, its ``base``. They are found by name wherever a coordinate reference system
is named; what an owner supplies is registered by the composition roots (``use_private_systems``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS

from cim import china_offset

Floats = NDArray[np.float64]
Move = Callable[[Floats, Floats], tuple[Floats, Floats]]


@dataclass(frozen=True)
class LocalSystem:
    """One system and the way to the one that it is defined by; x = east, y = north in both.

    Attributes
    ----------
    base
        Code of the system that ``to_base`` leads to.
    accuracy_m
        Of the way to the base; None when it is not known.
    description
        How it is defined, with its residuals.
    vertical
        Code of the height system that goes with it, if one is declared.
    """

    name: str
    crs: CRS
    base: str
    to_base: Move
    from_base: Move
    accuracy_m: float | None
    description: str
    vertical: str | None = None


def find(name: object) -> LocalSystem | None:
    """Return the local system of this name, or that such a CRS stands for; None where there is none."""
    text = name.name if isinstance(name, CRS) else name
    return _KNOWN.get(_key(text)) if isinstance(text, str) else None


def register(systems: Iterable[LocalSystem]) -> None:
    """Make systems known by their names, in this process; an earlier one of the same name is replaced."""
    for system in systems:
        _KNOWN[_key(system.name)] = system


def forget(names: Iterable[str]) -> None:
    """Forget systems that were registered."""
    for name in names:
        _KNOWN.pop(_key(name), None)


def names() -> list[str]:
    """Return the names of all local systems."""
    return sorted({system.name for system in _KNOWN.values()})


def _key(name: str) -> str:
    return name.strip().casefold()


def _shifted(name: str, to_wgs84: Move, from_wgs84: Move, what: str) -> LocalSystem:
    crs = CRS.from_wkt(
        f'GEOGCRS["{name}",DATUM["{name} (shifted WGS 84)",ELLIPSOID["WGS 84",6378137,298.257223563]],'
        'CS[ellipsoidal,2],AXIS["longitude",east],AXIS["latitude",north],ANGLEUNIT["degree",0.0174532925199433]]'
    )
    description = (
        f"{name} to WGS 84 by iteration (residual below 1e-9 deg; {what}, good to {china_offset.RESIDUAL_M} m)"
    )
    return LocalSystem(name, crs, "EPSG:4326", to_wgs84, from_wgs84, china_offset.RESIDUAL_M, description)


def _arrays(move: Callable[[ArrayLike, ArrayLike], tuple[Floats, Floats]]) -> Move:
    return lambda x, y: move(x, y)


GCJ02 = _shifted(
    "GCJ-02",
    _arrays(china_offset.wgs84_of_gcj02),
    _arrays(china_offset.gcj02_of_wgs84),
    "the published reconstruction of the shift",
)
BD09 = _shifted(
    "BD-09",
    _arrays(china_offset.wgs84_of_bd09),
    _arrays(china_offset.bd09_of_wgs84),
    "the published reconstructions of both shifts",
)
_KNOWN = {key: system for system in (GCJ02, BD09) for key in (_key(system.name), _key(system.name).replace("-", ""))}
