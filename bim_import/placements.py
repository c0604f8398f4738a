"""The file of ``--place``: where models stand that do not say so themselves.

A CSV with a header. Columns, in any order and any letter case:

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

The columns ``ifc, E_LV95, N_LV95, rot_deg, dem_z_m`` of a list of models matched to existing buildings are understood
as well. In such a list E, N is the corner of the existing building's rectangle from which its length runs along
``rot_deg`` and its width to the *right* of that, so the anchor is ``upper_left`` and the height is the ground's.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cim.errors import InvalidFile, UnplacedModel

ANCHORS = ("origin", "centre", "lower_left", "upper_left")
_NAMES = {
    "file": ("file", "ifc", "model", "name"),
    "crs": ("crs",),
    "easting": ("easting", "e", "e_lv95"),
    "northing": ("northing", "n", "n_lv95"),
    "height": ("height", "h", "dem_z_m", "height_m"),
    "rotation": ("rotation", "rot_deg", "rotation_deg"),
    "anchor": ("anchor",),
}
_NOISE = re.compile(r"ifc(2x3|4|4x3)?|(revit|archicad|tekla|allplan)\d*|\d+mb|zip|ifczip")


@dataclass(frozen=True)
class GivenPlace:
    """One row: units as in the module's text."""

    file: str
    crs: str
    easting: float
    northing: float
    height_m: float
    rotation_deg: float
    anchor: str


def read_placements(path: Path) -> list[GivenPlace]:
    """Read the whole file.

    Raises
    ------
    InvalidFile
        Naming the line and the value.
    """
    with path.open(newline="", encoding="utf-8-sig") as handle:
        rows = csv.DictReader(handle)
        columns = {str(name).strip().lower(): str(name) for name in rows.fieldnames or ()}
        found = {key: columns[name] for key, names in _NAMES.items() for name in names if name in columns}
        missing = [key for key in ("file", "easting", "northing") if key not in found]
        if missing or not ("crs" in found or "e_lv95" in columns):
            raise InvalidFile(
                f"--place '{path.name}' lacks the column {', '.join(missing) or 'crs'}; "
                "needed are file, crs, easting, northing, and for the rest height, rotation, anchor"
            )
        matched = "e_lv95" in columns
        return [_row(row, found, f"--place '{path.name}' line {line}", matched) for line, row in enumerate(rows, 2)]


def _row(row: Mapping[str, str | None], found: Mapping[str, str], where: str, is_matched_list: bool) -> GivenPlace:
    def text(key: str, default: str) -> str:
        return (row.get(found[key]) or "").strip() or default if key in found else default

    def number(key: str, default: str) -> float:
        value = text(key, default)
        try:
            return float(value)
        except ValueError:
            raise InvalidFile(f"{where}: {key} is '{value}', which is no number") from None

    anchor = text("anchor", "upper_left" if is_matched_list else "origin")
    if anchor not in ANCHORS:
        raise InvalidFile(f"{where}: anchor is '{anchor}'; it is one of {', '.join(ANCHORS)}")
    return GivenPlace(
        text("file", ""),
        text("crs", "EPSG:2056" if is_matched_list else ""),
        number("easting", ""),
        number("northing", ""),
        number("height", "0"),
        number("rotation", "0"),
        anchor,
    )


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
    if len({(row.crs, row.easting, row.northing) for row in rows}) > 1:
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
