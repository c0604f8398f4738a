"""The layout of an alignment as its file says it: horizontal segments, vertical segments, and the heights of those."""

from __future__ import annotations

import math
from typing import Any, NamedTuple


class Slope(NamedTuple):
    """One vertical segment: where along it starts, its length in the plane, its first height, all in metres."""

    start_m: float
    length_m: float
    height_m: float
    first_gradient: float
    last_gradient: float
    kind: str


def slopes(vertical: list[Any], scale: float) -> list[Slope]:
    """Return the vertical segments, by distance."""
    found = [one.DesignParameters for one in vertical]
    return sorted(
        Slope(
            float(one.StartDistAlong) * scale,
            float(one.HorizontalLength) * scale,
            float(one.StartHeight) * scale,
            float(one.StartGradient),
            float(one.EndGradient),
            str(one.PredefinedType),
        )
        for one in found
    )


def layouts(alignment: Any) -> tuple[list[Any], list[Any]]:
    """Return the horizontal and the vertical segments (IfcAlignmentSegment), in order.

    An alignment that is part of another (for a second vertical profile) shares the horizontal layout of that.
    """
    horizontal = _segments(alignment, "IfcAlignmentHorizontal")
    if not horizontal:
        for relation in alignment.Decomposes or ():
            horizontal = horizontal or _segments(relation.RelatingObject, "IfcAlignmentHorizontal")
    return horizontal, _segments(alignment, "IfcAlignmentVertical")


def height_shift(alignment: Any, vertical: list[Any]) -> float:
    """Return by how much (file units) the file's own curve of an alignment lies above its vertical layout.

    Some programs write absolute heights into the layout and heights above the model's origin into the curve; products
    are placed along the curve, so that its heights are those of the model.
    """
    shape = alignment.Representation
    for representation in shape.Representations if shape is not None else ():
        for item in representation.Items if vertical else ():
            curve = item.BaseCurve if item.is_a() == "IfcSegmentedReferenceCurve" else item
            if curve.is_a() != "IfcGradientCurve" or not curve.Segments:
                continue
            placement = getattr(curve.Segments[0], "Placement", None)
            if placement is not None and len(placement.Location.Coordinates) > 1:
                shift = float(placement.Location.Coordinates[1]) - float(vertical[0].DesignParameters.StartHeight)
                return shift if abs(shift) > 1e-3 else 0.0
    return 0.0


def _segments(alignment: Any, layout_class: str) -> list[Any]:
    found = []
    for nest in getattr(alignment, "IsNestedBy", ()):
        for layout in nest.RelatedObjects:
            if layout.is_a(layout_class):
                found += [one for inner in layout.IsNestedBy for one in inner.RelatedObjects]
    return [one for one in found if one.is_a("IfcAlignmentSegment") and one.DesignParameters is not None]


def height_m(profile: list[Slope], distance_m: float) -> float:
    """Return the height of a vertical layout at a distance along, in metres; 0 where there is none.

    Before its beginning and behind its end it goes on with its first and last gradient.
    """
    if not profile:
        return 0.0
    here = next((one for one in reversed(profile) if one.start_m <= distance_m + 1e-9), profile[0])
    along, length = distance_m - here.start_m, here.length_m
    first, last = here.first_gradient, here.last_gradient
    if along <= 0.0 or here.kind == "CONSTANTGRADIENT" or abs(last - first) < 1e-12:
        return here.height_m + first * along
    inside = min(along, length)
    height = here.height_m + last * (along - inside)
    if here.kind == "CIRCULARARC":
        start, end = math.sin(math.atan(first)), math.sin(math.atan(last))
        radius = length / (end - start)
        sine = start + inside / radius
        return height + radius * (math.sqrt(1.0 - start * start) - math.sqrt(1.0 - sine * sine))
    # Parabola; also the approximation for a vertical clothoid, which roads and railways do not use.
    return height + first * inside + (last - first) * inside * inside / (2.0 * length)
