"""A place, and the box around it in which an index looks for what is near."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians
from typing import Any

from sqlalchemy import ColumnElement, func

from cim.tables import GEOGRAPHIC_SRID

#: Of latitude, where it is shortest: a box of so many degrees holds all that is as near.
METRES_A_DEGREE = 110_500.0


@dataclass(frozen=True)
class Spot:
    """A place (EPSG:4490, degrees)."""

    longitude: float
    latitude: float

    @property
    def point(self) -> ColumnElement[Any]:
        """The place as the database has it."""
        return func.ST_SetSRID(func.ST_MakePoint(self.longitude, self.latitude), GEOGRAPHIC_SRID)

    def size_deg(self, radius_m: float) -> tuple[float, float]:
        """Return how far east and north a box reaches that holds all within a distance."""
        high = radius_m / METRES_A_DEGREE
        return high / max(0.05, cos(radians(self.latitude))), high

    def box(self, radius_m: float) -> ColumnElement[Any]:
        """Return that box."""
        return func.ST_Expand(self.point, *self.size_deg(radius_m))
