"""The file of ``--place``: where models stand that do not say so themselves.

A CSV with a header, or JSON: a list of objects (or ``{"models": [...]}``, or one object) with the same names. Columns,
in any order and any letter case:

file
    The model's file name; the ending, the archive's name, and what the exporting program or the archive added
    (``revit2012_``, ``_27MB``) do not matter.
crs
    The projected system, e.g. ``EPSG:4547``. ``E_LV95`` and ``N_LV95`` in place of easting and northing mean EPSG:2056.
easting, northing
    In the units of that system.
height
    Of the model's zero height (of the ground floor for other anchors than ``origin``), metres; 0 where it is missing.
rotation
    Of the model's x axis from grid east, degrees counter-clockwise; 0 where it is missing.
anchor
    What of the model stands at easting, northing: ``origin`` (its own zero point, the default), or of the rectangle
    that its ground floor fills in its own axes ``centre``, ``lower_left`` or ``upper_left``.

Or control points: in CSV two or more rows a model with its ``x``, ``y``, ``z`` (metres, in the model's coordinates) and
``easting``, ``northing``, ``height``; in JSON ``"control_points": [{"model": [x, y, z], "map": [e, n, h]}, ...]``. Then
``scale`` is ``crs`` (the map system's own at the place, the default), ``free`` or a number, and ``tolerance_m`` (0.1)
the residual that is allowed.

The columns ``ifc, E_LV95, N_LV95, rot_deg, dem_z_m`` of a list of models matched to existing buildings are understood
as well. In such a list E, N is the corner of the existing building's rectangle from which its length runs along
``rot_deg`` and its width to the *right* of that, so the anchor is ``upper_left`` and the height is the ground's.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson

from cim import encoding
from cim.errors import InvalidFile, UnplacedModel

ANCHORS = ("origin", "centre", "lower_left", "upper_left")
#: Residual that is allowed where the file says none, metres.
TOLERANCE_M = 0.1
_NAMES = {
    "file": ("file", "ifc", "model", "name"),
    "crs": ("crs",),
    "easting": ("easting", "e", "e_lv95"),
    "northing": ("northing", "n", "n_lv95"),
    "height": ("height", "h", "dem_z_m", "height_m"),
    "rotation": ("rotation", "rot_deg", "rotation_deg"),
    "anchor": ("anchor",),
    "x": ("x",),
    "y": ("y",),
    "z": ("z",),
    "scale": ("scale",),
    "tolerance_m": ("tolerance_m",),
    "control_points": ("control_points",),
}
_NOISE = re.compile(r"ifc(2x3|4|4x3)?|(revit|archicad|tekla|allplan)\d*|\d+mb|zip|ifczip")


@dataclass(frozen=True)
class ControlPoint:
    """A point in the model (x, y, z in model metres) and on the map (easting, northing in its units, height in m)."""

    model_m: tuple[float, float, float]
    map: tuple[float, float, float]


@dataclass(frozen=True)
class GivenPlace:
    """Where one model stands: units as in the module's text; with control points the other numbers mean nothing."""

    file: str
    crs: str
    easting: float
    northing: float
    height_m: float
    rotation_deg: float
    anchor: str
    control_points: tuple[ControlPoint, ...] = ()
    scale: str | float = "crs"
    tolerance_m: float = TOLERANCE_M
    where: str = "--place"

    def facts(self) -> dict[str, Any]:
        """Return what was given as plain values."""
        found = asdict(self)
        if self.control_points:
            return {name: found[name] for name in ("file", "crs", "scale", "tolerance_m", "where")}
        return {name: found[name] for name in found if name not in {"control_points", "scale", "tolerance_m"}}


@dataclass(frozen=True)
class _Row:
    """A row or an object by the names of fields; ``where`` names file and line for errors."""

    values: Mapping[str, Any]
    where: str
    is_matched_list: bool = False

    def text(self, key: str, default: str = "") -> str:
        value = self.values.get(key)
        return default if value is None else str(value).strip() or default

    def number(self, key: str, default: str = "") -> float:
        return _number(self.text(key, default), f"{self.where}: {key}")


def read_placements(path: Path) -> list[GivenPlace]:
    """Read the whole file.

    Raises
    ------
    InvalidFile
        Naming the line, the column and the value.
    """
    content = path.read_bytes()
    name = encoding.of_text(content)
    if name is None:
        raise InvalidFile(f"--place '{path.name}' is no text; give CSV or JSON")
    text = content.decode(name, "replace").lstrip("\ufeff")
    is_json = text.lstrip()[:1] in {"[", "{"}
    rows = list(_json_rows(text, path.name) if is_json else _csv_rows(text, path.name))
    places: list[GivenPlace] = []
    for _, group in groupby(rows, key=lambda row: (row.text("file"), "x" in row.values)):
        places += _places(list(group))
    return places


def _csv_rows(text: str, name: str) -> Iterator[_Row]:
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)
    table = csv.DictReader(text.splitlines(), delimiter=delimiter)
    columns = _columns(table.fieldnames or (), f"--place '{name}'")
    is_matched = any(column.strip().lower() == "e_lv95" for column in columns.values())
    for values in table:
        if any(isinstance(value, str) and value.strip() for value in values.values()):
            where = f"--place '{name}' line {table.line_num}"
            yield _Row({key: values.get(column) for key, column in columns.items()}, where, is_matched)


def _columns(names: Sequence[str], where: str) -> dict[str, str]:
    known = {str(name).strip().lower(): str(name) for name in names}
    found = {key: known[name] for key, words in _NAMES.items() for name in words if name in known}
    missing = [key for key in ("file", "easting", "northing") if key not in found]
    if missing or not ("crs" in found or "e_lv95" in known):
        raise InvalidFile(
            f"{where} lacks the column {', '.join(missing) or 'crs'}; "
            "needed are file, crs, easting, northing, and for the rest height, rotation, anchor, or x, y, z"
        )
    return found


def _json_rows(text: str, name: str) -> Iterator[_Row]:
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidFile(f"--place '{name}' line {error.lineno} is no JSON: {error.msg}") from None
    content = content.get("models", [content]) if isinstance(content, dict) else content
    for number, one in enumerate(content if isinstance(content, list) else [None], 1):
        where = f"--place '{name}' entry {number}"
        if not isinstance(one, dict):
            raise InvalidFile(f'{where} is no object; give {{"file": ..., "crs": ..., ...}}')
        known = {str(key).strip().lower(): value for key, value in one.items()}
        values = {key: known[word] for key, words in _NAMES.items() for word in words if word in known}
        unknown = sorted(set(known) - {word for words in _NAMES.values() for word in words})
        if unknown:
            raise InvalidFile(f"{where}: '{unknown[0]}' is not known; known are {', '.join(_NAMES)}")
        yield _Row(values, where)


def _places(rows: list[_Row]) -> list[GivenPlace]:
    """Return the places of successive rows of one model."""
    first = rows[0]
    if "control_points" in first.values:
        return [_fitted(row, _listed_points(row)) for row in rows]
    if first.text("x"):
        return [_fitted(first, [_row_point(row) for row in rows])]
    return [_placed(row) for row in rows]


def _placed(row: _Row) -> GivenPlace:
    anchor = row.text("anchor", "upper_left" if row.is_matched_list else "origin")
    if anchor not in ANCHORS:
        raise InvalidFile(f"{row.where}: anchor is '{anchor}'; it is one of {', '.join(ANCHORS)}")
    height, rotation = row.number("height", "0"), row.number("rotation", "0")
    start = _named(row)
    return replace(
        start,
        easting=row.number("easting"),
        northing=row.number("northing"),
        height_m=height,
        rotation_deg=rotation,
        anchor=anchor,
    )


def _fitted(row: _Row, points: list[ControlPoint]) -> GivenPlace:
    if len(points) < 2:
        raise InvalidFile(f"{row.where}: control_points has {len(points)}; a model needs two or more")
    scale: str | float = row.text("scale", "crs")
    if scale not in {"crs", "free"}:
        scale = _number(str(scale), f"{row.where}: scale (crs, free or a number)")
    tolerance = row.number("tolerance_m", str(TOLERANCE_M))
    for name, value in (("scale", scale), ("tolerance_m", tolerance)):
        if isinstance(value, float) and value <= 0:
            raise InvalidFile(f"{row.where}: {name} is '{value:g}'; it is larger than 0")
    return replace(_named(row), control_points=tuple(points), scale=scale, tolerance_m=tolerance)


def _named(row: _Row) -> GivenPlace:
    file, crs = row.text("file"), row.text("crs", "EPSG:2056" if row.is_matched_list else "")
    for key, value in (("file", file), ("crs", crs)):
        if not value:
            raise InvalidFile(f"{row.where}: {key} is empty; needed are file and crs, e.g. a.ifc and EPSG:4547")
    return GivenPlace(file, crs, 0.0, 0.0, 0.0, 0.0, "origin", where=row.where)


def _row_point(row: _Row) -> ControlPoint:
    model = (row.number("x"), row.number("y"), row.number("z", "0"))
    return ControlPoint(model, (row.number("easting"), row.number("northing"), row.number("height", "0")))


def _listed_points(row: _Row) -> list[ControlPoint]:
    listed = row.values["control_points"]
    if not isinstance(listed, list):
        raise InvalidFile(f'{row.where}: control_points is no list; give [{{"model": [x, y, z], "map": [e, n, h]}}]')
    return [_listed_point(one, f"{row.where}: control point {number}") for number, one in enumerate(listed, 1)]


def _listed_point(one: Any, where: str) -> ControlPoint:
    found = []
    for key, names in (("model", "x, y, z"), ("map", "easting, northing, height")):
        values = one.get(key) if isinstance(one, dict) else None
        if not isinstance(values, list) or len(values) != 3:
            raise InvalidFile(f"{where}: {key} is '{values}'; give [{names}]")
        numbers = [_number(str(value), f"{where}: {key}") for value in values]
        found.append((numbers[0], numbers[1], numbers[2]))
    return ControlPoint(found[0], found[1])


def _number(value: str, where: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidFile(f"{where} is '{value}', which is no number; write e.g. 522345.10")
    return number


def find_place(places: Sequence[GivenPlace], names: Sequence[str]) -> tuple[GivenPlace, bool] | None:
    """Return the row for a model known by several names, and whether the names are the same but for the ending.

    Raises
    ------
    UnplacedModel
        If several rows may mean it.
    """
    stems = {_stem(name) for name in names}
    exact = [place for place in places if _stem(place.file) in stems]
    similar = [place for place in places if any(_is_like(_words(place.file), _words(name)) for name in names)]
    rows = exact or similar
    if not rows:
        return None
    if len({replace(row, file="", where="") for row in rows}) > 1:
        raise UnplacedModel(
            f"several rows of --place may mean this model: {', '.join(row.file for row in rows)}; "
            "give it the row with its full file name"
        )
    return rows[0], bool(exact)


def _stem(name: str) -> str:
    return re.sub(r"\.(ifc|ifczip|zip|ifcxml)$", "", re.split(r"[/\\]", name.strip().lower())[-1]).removesuffix(".ifc")


def _words(name: str) -> frozenset[str]:
    words = re.split(r"[\W_]+", re.sub(r"\.(ifczip|ifc|zip)\b", " ", name.strip().lower()))
    return frozenset(word for word in words if word and not _NOISE.fullmatch(word))


def _is_like(one: frozenset[str], other: frozenset[str]) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) >= 2 and shorter <= longer
