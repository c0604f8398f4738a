"""Coordinate systems that the owner supplies: seven parameters, or control points, in a TOML file.

The file is ``private_crs.toml`` in ``CIM_HOME``, or what ``CIM_PRIVATE_CRS`` names. Each table is a system; its name
is what ``--crs`` takes. Coordinates are x = east, y = north, as everywhere here; ``axes = "north_east"`` tells that
``points`` list north first, as Chinese survey sheets do.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from cim import local_systems
from cim.control_points import Fit, fit_affine, fit_similarity
from cim.errors import InvalidSetting
from cim.local_systems import Floats, LocalSystem

_NAME = re.compile(r"[a-z][a-z0-9_-]{2,62}", re.IGNORECASE)
_REACH = re.compile(r"\+(init|nadgrids|towgs84|pm|axis|type)\b")
_LOCAL = 'ENGCRS["{0}",EDATUM["{0}"],CS[Cartesian,2],AXIS["easting",east],AXIS["northing",north],LENGTHUNIT["metre",1]]'


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    vertical: str | None = None


class SevenParameters(_Table):
    """A projected system on a datum of its own, by the seven parameters of Bursa and Wolf to geocentric ``to``.

    ``rotation`` has no default, since owners' sheets differ: 'position_vector' (EPSG method 1033, as in GeoServer and
    ``+towgs84``) turns the vector, 'coordinate_frame' (EPSG method 1032, usual in China) turns the axes; the two have
    rotations of opposite sign. ``projection`` is PROJ text such as '+proj=tmerc +lat_0=0 +lon_0=114 +k=1 +x_0=120000
    +y_0=-2300000 +ellps=krass'; ``to`` is a geographic system.
    """

    projection: str
    x_m: float = Field(ge=-5000, le=5000)
    y_m: float = Field(ge=-5000, le=5000)
    z_m: float = Field(ge=-5000, le=5000)
    rx_arcsec: float = Field(default=0.0, ge=-60, le=60)
    ry_arcsec: float = Field(default=0.0, ge=-60, le=60)
    rz_arcsec: float = Field(default=0.0, ge=-60, le=60)
    scale_ppm: float = Field(default=0.0, ge=-100, le=100)
    rotation: str = Field(pattern="^(position_vector|coordinate_frame)$")
    to: str = "EPSG:4490"
    accuracy_m: float | None = Field(default=None, gt=0)


class ControlPoint(BaseModel):
    """One point in both systems, metres."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    local: tuple[float, float]
    target: tuple[float, float]


class ControlPoints(_Table):
    """A plane system fitted to points that are known in it and in the projected system ``to``.

    ``model``: 'similarity' (shift, turn, one scale; three points at least) or 'affine' (four at least). A point that
    is off by more than ``tolerance_m`` after the fit refuses the system: one of its numbers is wrong.
    """

    model: str = Field(default="similarity", pattern="^(similarity|affine)$")
    axes: str = Field(default="east_north", pattern="^(east_north|north_east)$")
    tolerance_m: float = Field(default=0.2, gt=0)
    to: str = "EPSG:4547"
    points: list[ControlPoint]


def use_private_systems(path: Path, *, is_required: bool) -> list[str]:
    """Read the file and make its systems known; return their names.

    Raises
    ------
    InvalidSetting
        Naming the system, the value and what would be right; also where a required file is missing.
    """
    if not path.is_file():
        if is_required:
            raise InvalidSetting(
                f"CIM_PRIVATE_CRS names '{path.name}', which is no file; make it or unset the variable"
            )
        return []
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidSetting(f"'{path.name}' cannot be read as TOML: {error}") from None
    systems = [read_system(name, table) for name, table in document.items()]
    local_systems.register(systems)
    return [system.name for system in systems]


def read_system(name: str, table: object) -> LocalSystem:
    """Return the system that one table of the file describes; raises InvalidSetting."""
    if not _NAME.fullmatch(name) or name.casefold() in {"gcj-02", "gcj02", "bd-09", "bd09"}:
        raise InvalidSetting(f"'{name}' cannot be the name of a system; use Latin letters, digits, _ and -")
    if not isinstance(table, Mapping):
        raise InvalidSetting(f"'{name}' is a table with 'projection' and seven parameters, or with 'points'")
    try:
        if "points" in table:
            return _from_points(name, ControlPoints.model_validate(table))
        return _from_parameters(name, SevenParameters.model_validate(table))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidSetting(f"the system '{name}': {place}: {first['msg']}") from None
    except (CRSError, ProjError) as error:
        raise InvalidSetting(f"the system '{name}' cannot be made: {error}") from None


def _from_parameters(name: str, table: SevenParameters) -> LocalSystem:
    if "+proj=" not in table.projection or _REACH.search(table.projection):
        raise InvalidSetting(f"the system '{name}': 'projection' is PROJ text of a projection and its ellipsoid only")
    source, target = CRS.from_user_input(f"{table.projection} +type=crs"), CRS.from_user_input(table.to)
    if not source.is_projected or source.ellipsoid is None:
        raise InvalidSetting(f"the system '{name}': 'projection' names no projection on an ellipsoid")
    if not target.is_geographic or target.ellipsoid is None:
        raise InvalidSetting(f"the system '{name}': 'to' is {table.to}; a geographic system such as EPSG:4490 is right")
    pipeline = Transformer.from_pipeline(
        f"+proj=pipeline +step +inv {table.projection} +step +proj=cart {_ellipsoid(source)}"
        f" +step +proj=helmert +x={table.x_m!r} +y={table.y_m!r} +z={table.z_m!r} +rx={table.rx_arcsec!r}"
        f" +ry={table.ry_arcsec!r} +rz={table.rz_arcsec!r} +s={table.scale_ppm!r} +convention={table.rotation} +exact"
        f" +step +inv +proj=cart {_ellipsoid(target)} +step +proj=unitconvert +xy_in=rad +xy_out=deg"
    )
    description = (
        f"{name} to {table.to} by seven parameters ({table.rotation}: {table.x_m}, {table.y_m}, {table.z_m} m; "
        f'{table.rx_arcsec}, {table.ry_arcsec}, {table.rz_arcsec}"; {table.scale_ppm} ppm)'
    )
    named = CRS.from_json_dict(source.to_json_dict() | {"name": name})

    def forth(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        longitude, latitude, _ = pipeline.transform(x, y, np.zeros_like(x), errcheck=True)
        return np.asarray(longitude), np.asarray(latitude)

    def back(longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
        # The point of height 0 on the local ellipsoid lies somewhat above or below the other one: the height at which
        # it does is sought, or the way back would miss by centimetres.
        height = np.zeros_like(longitude)
        for _ in range(3):
            x, y, off = pipeline.transform(longitude, latitude, height, direction="INVERSE", errcheck=True)
            height = height - np.asarray(off)
        return np.asarray(x), np.asarray(y)

    return LocalSystem(name, named, table.to, forth, back, table.accuracy_m, description, table.vertical)


def _ellipsoid(crs: CRS) -> str:
    assert crs.ellipsoid is not None
    return f"+a={crs.ellipsoid.semi_major_metre!r} +rf={crs.ellipsoid.inverse_flattening!r}"


def _from_points(name: str, table: ControlPoints) -> LocalSystem:
    target = CRS.from_user_input(table.to)
    if not target.is_projected:
        raise InvalidSetting(f"the system '{name}': 'to' is {table.to}; a projected system such as EPSG:4547 is right")
    turn = slice(None, None, -1) if table.axes == "north_east" else slice(None)
    local = np.array([point.local for point in table.points], np.float64).reshape(-1, 2)[:, turn]
    known = np.array([point.target for point in table.points], np.float64).reshape(-1, 2)[:, turn]
    least, fit_points = (3, fit_similarity) if table.model == "similarity" else (4, fit_affine)
    if len(local) < least:
        raise InvalidSetting(
            f"the system '{name}' has {len(local)} points; a {table.model} needs {least} to be checked"
        )
    fit = fit_points(local, known)
    worst = int(np.argmax(fit.residuals_m))
    if not fit.is_regular or fit.residuals_m[worst] > table.tolerance_m:
        raise InvalidSetting(
            f"the system '{name}': the point '{table.points[worst].name}' is {fit.residuals_m[worst]:.3f} m off after "
            f"the fit, and tolerance_m is {table.tolerance_m}; mend its numbers (or points on one line, or 'axes')"
        )
    return _fitted(name, table, fit, table.points[worst].name)


def _fitted(name: str, table: ControlPoints, fit: Fit, worst: str) -> LocalSystem:
    description = (
        f"{name} to {table.to} by a {table.model} of {len(table.points)} control points "
        f"(rms {fit.rms_m:.3f} m, largest residual {fit.residuals_m.max():.3f} m at {worst}; scale {fit.scale:.8f}, "
        f"turn {fit.turn_deg:.6f} deg)"
    )
    accuracy_m = max(round(fit.rms_m, 4), 0.001)
    crs = CRS.from_wkt(_LOCAL.format(name))
    return LocalSystem(name, crs, table.to, fit.forth, fit.back, accuracy_m, description, table.vertical)


def described(system: LocalSystem) -> dict[str, Any]:
    """Return what a person needs to know of a system."""
    return {"name": system.name, "base": system.base, "accuracy_m": system.accuracy_m, "how": system.description}
