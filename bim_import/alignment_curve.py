"""The line of an IfcAlignment, segment by segment from its horizontal and vertical layout.

ifcopenshell evaluates the horizontal segments, clothoids and all. The heights are three textbook formulas over the
distance along (:func:`height_m`); the library's vertical arcs were found up to 90 m off on real railways.

The curves that files bring for their alignments are not used where there is a layout: drafts of IFC4X3 wrote them in
ways that evaluate to something else, or to nothing, while the layout (IFC 4.3.2, 5.4.3: IfcAlignmentHorizontalSegment,
IfcAlignmentVerticalSegment) is written alike by all. Each segment starts where the file says, so that no error of one
is carried on to the next. Runs in the geometry workers only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import ifcopenshell
import ifcopenshell.geom
import ifcopenshell.ifcopenshell_wrapper
import ifcopenshell.util.placement
import numpy as np
from ifcopenshell.api.alignment._map_alignment_horizontal_segment import _map_alignment_horizontal_segment

from bim_import.alignment_layout import Slope, height_m, height_shift, layouts, slopes
from bim_import.mesh import Floats

_geometry: Any = ifcopenshell.geom
_wrapper: Any = ifcopenshell.ifcopenshell_wrapper
#: The polyline stays within this of the curve.
SAGITTA_M = 0.005
#: Straight lines of a projection are not quite straight in degrees: no piece is longer.
LONGEST_M = 100.0
_SHORTEST_M = 0.25
_NOTHING_M = 1e-6


class Curve(NamedTuple):
    """An evaluated alignment.

    Attributes
    ----------
    points
        n x 3 metres of the model (the model's offset not taken off).
    length_m
        Along the curve, in the horizontal plane.
    gap_m
        The largest distance between the end of a segment and the start of the next one as the file has it.
    """

    points: Floats
    length_m: float
    gap_m: float


def evaluate(file: Any, alignment: Any, metres_per_unit: float) -> Curve | None:
    """Return the line of an alignment, or None where the file does not say it."""
    horizontal, vertical = layouts(alignment)
    settings = _geometry.settings()
    if horizontal:
        curve = _from_layout(
            list(_pieces(file, settings, horizontal, metres_per_unit)), slopes(vertical, metres_per_unit)
        )
    else:
        curve = _from_representation(alignment, settings)
    if curve is None or len(curve.points) < 2 or not np.isfinite(curve.points).all():
        return None
    matrix = np.eye(4)
    if alignment.ObjectPlacement is not None and alignment.ObjectPlacement.is_a("IfcLocalPlacement"):
        matrix = np.asarray(ifcopenshell.util.placement.get_local_placement(alignment.ObjectPlacement))
    curve.points[:, 2] += height_shift(alignment, vertical) * metres_per_unit
    moved = curve.points @ matrix[:3, :3].T + matrix[:3, 3] * metres_per_unit
    return curve._replace(points=moved)


class _Piece(NamedTuple):
    """One segment: evaluator from 0 to ``length_m`` along it, and where the file lets it start."""

    evaluator: Any
    length_m: float
    step_m: float

    def at(self, distance_m: float) -> Floats:
        matrix: Floats = np.array(self.evaluator.evaluate(distance_m))
        return matrix[:3, 3]


def _from_layout(pieces: list[_Piece], profile: list[Slope]) -> Curve | None:
    points, start, gap, end = [], 0.0, 0.0, np.zeros(3)
    bends = np.unique([at for one in profile for at in _bends(one)])
    for index, piece in enumerate(pieces):
        stations = np.arange(0.0, piece.length_m, piece.step_m)
        inside = bends[(bends > start) & (bends < start + piece.length_m)] - start
        for distance in np.union1d(stations, inside):
            x, y, _ = piece.at(float(distance))
            points.append((x, y, start + float(distance)))
        if index:
            gap = max(gap, float(np.hypot(*(piece.at(0.0) - end)[:2])))
        end = piece.at(piece.length_m)
        start += piece.length_m
    if not points:
        return None
    points.append((float(end[0]), float(end[1]), start))
    line = np.array(points)
    line[:, 2] = [height_m(profile, float(distance)) for distance in line[:, 2]]
    return Curve(line, start, gap)


def _pieces(file: Any, settings: Any, segments: list[Any], scale: float) -> Iterator[_Piece]:
    for segment in segments:
        for curve_segment in _map_alignment_horizontal_segment(file, segment):
            if curve_segment is None:
                continue
            function = _wrapper.map_shape(settings, curve_segment)
            length_m = float(function.end())
            if length_m > _NOTHING_M:  # layouts end in a segment without length
                evaluator = _wrapper.function_item_evaluator(settings, function)
                yield _Piece(evaluator, length_m, _step(segment.DesignParameters, scale))


def _step(parameters: Any, scale: float) -> float:
    """Return how far apart points may be, so that chords stay within the sagitta."""
    radii = [
        abs(float(radius)) * scale
        for radius in (parameters.StartRadiusOfCurvature, parameters.EndRadiusOfCurvature)
        if radius
    ]
    if not radii:
        return LONGEST_M
    return float(np.clip(np.sqrt(8 * min(radii) * SAGITTA_M), _SHORTEST_M, LONGEST_M))


def _bends(slope: Slope) -> Floats:
    """Return the distances along at which a vertical segment needs a point."""
    bend = abs(slope.last_gradient - slope.first_gradient)
    # A parabola of this change of gradient departs from a chord of n-th part by bend * length / (8 n2).
    count = max(1, int(np.ceil(np.sqrt(bend * slope.length_m / (8 * SAGITTA_M)))))
    return np.linspace(slope.start_m, slope.start_m + slope.length_m, count + 1)


def _from_representation(alignment: Any, settings: Any) -> Curve | None:
    """Return the curve that the file draws for an alignment without a layout."""
    shape = alignment.Representation
    for representation in shape.Representations if shape is not None else ():
        if representation.RepresentationIdentifier != "Axis":
            continue
        for item in representation.Items:
            if item.is_a("IfcPolyline") or item.is_a("IfcIndexedPolyCurve"):
                drawn = _geometry.create_shape(settings, item)
                points = np.array(drawn.verts, dtype=np.float64).reshape(-1, 3)
                return Curve(points, _length(points), 0.0)
            function = _wrapper.map_shape(settings, item)
            evaluator = _wrapper.function_item_evaluator(settings, function)
            matrices = [np.array(evaluator.evaluate(at))[:3, 3] for at in evaluator.evaluation_points()]
            points = np.array(matrices)
            return Curve(points, _length(points), 0.0)
    return None


def _length(points: Floats) -> float:
    return float(np.hypot(*np.diff(points[:, :2], axis=0).T).sum())
