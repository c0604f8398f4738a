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
SAMPLES = 60
_POINTS_A_SHAPE = 60


def middle_m(file: Any, products: Sequence[Any], metres_per_unit: float) -> Floats:
    """Return the median position (x, y, z in model metres) of a sample of products.

    Each product counts with the point of its geometry that is farthest from its own zero, so that absolute coordinates
    are seen in placements and in geometry alike.
    """
    step = max(1, len(products) // SAMPLES)
    points = [_far_point(file, product) for product in products[::step]]
    if not points:
        return np.zeros(3)
    middle: Floats = np.median(np.array(points), axis=0) * metres_per_unit
    return middle


def _far_point(file: Any, product: Any) -> Floats:
    matrix = np.eye(4)
    if product.ObjectPlacement is not None and product.ObjectPlacement.is_a("IfcLocalPlacement"):
        matrix = np.asarray(ifcopenshell.util.placement.get_local_placement(product.ObjectPlacement))
    elif getattr(product.ObjectPlacement, "CartesianPosition", None) is not None:
        position = product.ObjectPlacement.CartesianPosition
        matrix = np.asarray(ifcopenshell.util.placement.get_axis2placement(position))
    farthest = np.zeros(3)
    if product.Representation is not None:
        for point in _points(file, product.Representation):
            if np.abs(point).max() > np.abs(farthest).max():
                farthest = point
    moved: Floats = (matrix @ np.append(farthest, 1.0))[:3]
    return moved


def _points(file: Any, shape: Any) -> list[Floats]:
    found: list[Floats] = []
    for entity in file.traverse(shape, breadth_first=True):
        if entity.is_a("IfcCartesianPoint"):
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
