"""Where products stand by their chains of local placements, each placement worked out once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bim_import.mesh import Floats

_UP, _EAST = (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)


class ObjectPlacements:
    """4 x 4 matrices, a product's own metres -> model metres.

    ``ifcopenshell.util.placement`` does one at a time; its vector products of single vectors took ten times as long as
    all else that is done with a copy of a known shape.

    Parameters
    ----------
    metres_per_unit
        Metres of the file's unit of length.
    """

    def __init__(self, metres_per_unit: float) -> None:
        self._metres_per_unit = metres_per_unit
        self._known: dict[int, Floats] = {}

    def of(self, products: Sequence[Any]) -> Floats:
        """Return the matrices (n x 4 x 4) of products whose placements are local, as ``is_local`` tells."""
        return self._of([product.ObjectPlacement for product in products])

    def _of(self, placements: list[Any]) -> Floats:
        new = {placement.id(): placement for placement in placements if placement.id() not in self._known}
        if new:
            own = self._relative([placement.RelativePlacement for placement in new.values()])
            above = [placement.PlacementRelTo for placement in new.values()]
            hung = [index for index, parent in enumerate(above) if parent is not None]
            if hung:
                own[hung] = self._of([above[index] for index in hung]) @ own[hung]
            self._known.update(zip(new, own, strict=True))
        return np.array([self._known[placement.id()] for placement in placements])

    def _relative(self, placements: list[Any]) -> Floats:
        """Return the matrices of IfcAxis2Placement3D and 2D; axes that are not quite square are made so by the x."""
        matrices = np.zeros((len(placements), 4, 4))
        z = np.array([_ratios(getattr(one, "Axis", None), _UP) for one in placements])
        x = np.array([_ratios(one.RefDirection, _EAST) for one in placements])
        z /= np.linalg.norm(z, axis=1, keepdims=True)
        y = np.cross(z, x)
        y /= np.linalg.norm(y, axis=1, keepdims=True)
        matrices[:, :3, 0], matrices[:, :3, 1], matrices[:, :3, 2] = np.cross(y, z), y, z
        places = np.array([_three(one.Location.Coordinates) for one in placements])
        matrices[:, :3, 3] = places * self._metres_per_unit
        matrices[:, 3, 3] = 1.0
        return matrices


def _ratios(direction: Any | None, default: tuple[float, ...]) -> tuple[float, ...]:
    return default if direction is None else _three(direction.DirectionRatios)


def _three(numbers: Sequence[float]) -> tuple[float, ...]:
    return (*numbers, 0.0) if len(numbers) == 2 else tuple(numbers)


class LocalPlacements:
    """Tells which placements are local ones all the way up, not along a curve or on a grid."""

    def __init__(self) -> None:
        self._known: dict[int, bool] = {}

    def is_local(self, placement: Any) -> bool:
        """Tell whether a placement and all above it are local."""
        number = placement.id()
        if number not in self._known:
            self._known[number] = False  # until the end of the chain is seen, which a circle has not
            self._known[number] = self._is_local(placement)
        return self._known[number]

    def _is_local(self, placement: Any) -> bool:
        if not placement.is_a("IfcLocalPlacement"):
            return False
        relative = placement.RelativePlacement
        if relative is None or relative.is_a() not in {"IfcAxis2Placement3D", "IfcAxis2Placement2D"}:
            return False
        above = placement.PlacementRelTo
        return above is None or self.is_local(above)
