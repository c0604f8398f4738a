"""Rows of alignments: the evaluated line, its stations, and what its layout says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bim_import.alignment_layout import height_shift, layouts
from bim_import.content import Content
from bim_import.described import Describe
from bim_import.facilities import Facilities
from bim_import.frame import Frame
from bim_import.geometry import Geometry
from bim_import.geometry_messages import Line
from bim_import.properties import Properties
from bim_import.property_values import text_or_none
from cim.reports import Note

ALIGNMENT_LEVEL = 4
#: A curve that differs from what the file states of its length by more, or that has wider gaps, is told.
TOLERANCE_M = 0.05
_PARAMETERS = {
    "StartRadiusOfCurvature": "start_radius_m",
    "EndRadiusOfCurvature": "end_radius_m",
    "SegmentLength": "length_m",
    "StartDistAlong": "start_m",
    "HorizontalLength": "length_m",
    "StartHeight": "start_height_m",
}


def alignment_rows(
    content: Content,
    facilities: Facilities,
    properties: dict[int, Properties],
    geometry: Geometry,
    frame: Frame,
    metres_per_unit: float,
    describe: Describe,
) -> list[dict[str, Any]]:
    """Return the rows of the table ``alignment``; ``facility_key`` stands for the facility's id."""
    rows = []
    for alignment in content.alignments:
        known, line = properties[alignment.id()], geometry.lines.get(alignment.id())
        horizontal, vertical = layouts(alignment)
        segments = [_segment(one, metres_per_unit) for one in horizontal]
        slopes = [_segment(one, metres_per_unit) for one in vertical]
        holder = facilities.of(alignment.id())
        stations = list(_stations(alignment, metres_per_unit))
        row: dict[str, Any] = {
            "source_key": content.keys[alignment.id()],
            "cim_level": ALIGNMENT_LEVEL,
            "name": text_or_none(alignment.Name),
            "global_id": alignment.GlobalId,
            "facility_key": content.keys[holder] if holder is not None else None,
            "predefined_type": known.predefined_type,
            "start_station_m": stations[0]["station_m"] if stations else None,
            "stated_length_m": round(sum(abs(one["length_m"]) for one in segments), 6) if segments else None,
            "min_radius_m": min(_radii(segments), default=None),
            "max_gradient": max(_gradients(slopes), default=None),
            "psets": known.psets,
            "quantities": known.quantities,
            "attributes": describe(alignment)
            | {
                "horizontal": segments,
                "vertical": slopes,
                "stations": stations,
                "height_shift_m": round(height_shift(alignment, vertical) * metres_per_unit, 4),
            },
        }
        if line is not None:
            row |= {"curve_length_m": round(line.length_m, 6), "geom": frame.line(line.points)}
        rows.append(row)
    return rows


def _segment(segment: Any, scale: float) -> dict[str, Any]:
    parameters = segment.DesignParameters
    found: dict[str, Any] = {"type": text_or_none(parameters.PredefinedType)}
    for name, key in _PARAMETERS.items():
        value = getattr(parameters, name, None)
        if value is not None:
            found[key] = round(float(value) * scale, 6)
    for name, key in (("StartGradient", "start_gradient"), ("EndGradient", "end_gradient")):
        value = getattr(parameters, name, None)
        if value is not None:
            found[key] = round(float(value), 9)
    return found


def _radii(segments: list[dict[str, Any]]) -> Iterator[float]:
    for one in segments:
        for key in ("start_radius_m", "end_radius_m"):
            if one.get(key):
                yield abs(one[key])


def _gradients(slopes: list[dict[str, Any]]) -> Iterator[float]:
    for one in slopes:
        yield from (abs(one["start_gradient"]), abs(one["end_gradient"]))


def _stations(alignment: Any, scale: float) -> Iterator[dict[str, Any]]:
    """Yield the referents that have a station (Pset_Stationing, IFC 4.3.2), in the file's order."""
    for nest in getattr(alignment, "IsNestedBy", ()):
        for referent in nest.RelatedObjects:
            if not referent.is_a("IfcReferent"):
                continue
            for relation in referent.IsDefinedBy:
                for one in getattr(relation.RelatingPropertyDefinition, "HasProperties", None) or ():
                    if one.Name == "Station" and one.NominalValue is not None:
                        station = float(one.NominalValue.wrappedValue) * scale
                        yield {"name": text_or_none(referent.Name), "station_m": round(station, 6)}


def length_notes(content: Content, geometry: Geometry, rows: list[dict[str, Any]]) -> list[Note]:
    """Return a note for every alignment that has no line, or whose line is not what the file states."""
    notes = []
    for alignment, row in zip(content.alignments, rows, strict=True):
        line: Line | None = geometry.lines.get(alignment.id())
        name = row["name"] or row["source_key"]
        if line is None:
            notes.append(Note("alignment_without_line", f"alignment '{name}' has no line that could be evaluated"))
            continue
        stated = row["stated_length_m"]
        if stated is not None and abs(line.length_m - stated) > TOLERANCE_M:
            notes.append(
                Note(
                    "alignment_length", f"alignment '{name}' is {line.length_m:.3f} m long; its file says {stated:.3f}"
                )
            )
        shift = row["attributes"]["height_shift_m"]
        if shift:
            notes.append(
                Note(
                    "alignment_height",
                    f"the curve of alignment '{name}' lies {shift:+.3f} m off the heights of its layout; "
                    "the curve was believed, for products are placed along it",
                )
            )
        if line.gap_m > TOLERANCE_M:
            notes.append(
                Note("alignment_gap", f"the segments of alignment '{name}' miss each other by {line.gap_m:.3f} m")
            )
    return notes
