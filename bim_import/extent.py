"""Roughly where a file's geometry lies, without computing it, to tell local coordinates from those of a map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ifcopenshell
import ifcopenshell.util.placement
import numpy as np

from bim_import.mesh import Floats

#: No building is this large: coordinates beyond are those of a map or of a false origin.
FAR_M = 10_000.0
SAMPLES = 30
_POINTS_A_SHAPE = 200


def middle_m(file: Any, products: Sequence[Any], metres_per_unit: float) -> Floats:
    """Return the median position (x, y, z in model metres) of a sample of products.

    Each product counts with the point of its geometry that is farthest from its own zero, so that absolute coordinates
    are seen in placements and in geometry alike.
    """
    step = max(1, len(products) // SAMPLES)
    elsewhere = _points_elsewhere(file)
    points = [_far_point(file, product, elsewhere) for product in products[::step]]
    if not points:
        return np.zeros(3)
    middle: Floats = np.median(np.array(points), axis=0) * metres_per_unit
    return middle


def _points_elsewhere(file: Any) -> set[int]:
    """Return the points that shapes lead to and that are not in the plane of the map.

    They are those of coordinate systems, and of the vertical half of alignments: (distance along, height).
    """
    roots = file.by_type("IfcGeometricRepresentationContext", include_subtypes=False)
    if file.schema == "IFC4X3":
        curves = [*file.by_type("IfcGradientCurve"), *file.by_type("IfcSegmentedReferenceCurve")]
        roots = [*roots, *(segment.Placement for curve in curves for segment in curve.Segments if segment.Placement)]
    return {point.id() for root in roots for point in file.traverse(root) if point.is_a("IfcCartesianPoint")}


def _far_point(file: Any, product: Any, elsewhere: set[int]) -> Floats:
    matrix = np.eye(4)
    placement = product.ObjectPlacement
    if placement is not None and placement.is_a("IfcLocalPlacement"):
        matrix = np.asarray(ifcopenshell.util.placement.get_local_placement(placement))
    elif getattr(placement, "CartesianPosition", None) is not None:
        matrix = np.asarray(ifcopenshell.util.placement.get_axis2placement(placement.CartesianPosition))
    elif getattr(placement, "RelativePlacement", None) is not None:
        # Along a curve, and nobody wrote where that is: the beginning of that piece of the curve is near enough.
        matrix[:3, 3] = _farthest(_points(file, _piece(placement.RelativePlacement.Location), elsewhere))
    own = _points(file, product.Representation, elsewhere) if product.Representation is not None else []
    moved: Floats = (matrix @ np.append(_farthest(own), 1.0))[:3]
    return moved


def _piece(location: Any) -> Any:
    """Return the piece of a composite curve in which a distance along it lies, or what else the location leads to."""
    curve = getattr(location, "BasisCurve", None)
    if curve is None:
        return location
    while getattr(curve, "BaseCurve", None) is not None:
        curve = curve.BaseCurve
    left = abs(float(location.DistanceAlong.wrappedValue))
    for segment in getattr(curve, "Segments", None) or ():
        length = getattr(segment, "SegmentLength", None)
        if length is None:
            return curve
        left -= abs(float(length.wrappedValue))
        if left <= 0:
            return segment.Placement
    return curve


def _farthest(points: list[Floats]) -> Floats:
    return max(points, key=lambda point: float(np.abs(point).max()), default=np.zeros(3))


def _points(file: Any, shape: Any, elsewhere: set[int]) -> list[Floats]:
    found: list[Floats] = []
    for entity in file.traverse(shape, breadth_first=True):
        if entity.is_a("IfcCartesianPoint") and entity.id() not in elsewhere:
            found.append(_padded(entity.Coordinates))
        elif entity.is_a("IfcCartesianPointList"):
            found += [_padded(entity.CoordList[0])]
        if len(found) >= _POINTS_A_SHAPE:
            break
    return found


def _padded(coordinates: Sequence[float]) -> Floats:
    point = np.zeros(3)
    point[: len(coordinates)] = coordinates
    return point
