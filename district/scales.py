"""How large a district is made, and how much of everything it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

#: EPSG:4547 coordinates of 114.22 E, 22.70 N, rounded to the raster's five metres.
CENTRE_EASTING_M = 522605.0
CENTRE_NORTHING_M = 2511330.0
METRIC_CRS = "EPSG:4547"
GEOGRAPHIC_CRS = "EPSG:4490"


@dataclass(frozen=True)
class Scale:
    """One size of the district.

    Attributes
    ----------
    width_m, depth_m
        The extent, easting by northing; multiples of ten metres.
    buildings, units
        How many to make; buildings exactly, units to within a few percent.
    tributaries
        Streams that join the main river.
    street_columns, street_rows
        How the extent is divided into 街道.
    """

    name: str
    width_m: float
    depth_m: float
    buildings: int
    units: int
    tributaries: int
    street_columns: int
    street_rows: int
    cameras: int
    sensors: int
    car_parks: int
    events: int

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in EPSG:4547 metres."""
        west = CENTRE_EASTING_M - self.width_m / 2
        south = CENTRE_NORTHING_M - self.depth_m / 2
        return west, south, west + self.width_m, south + self.depth_m

    @property
    def area_km2(self) -> float:
        """The extent's area."""
        return self.width_m * self.depth_m / 1e6


SCALES: Mapping[str, Scale] = MappingProxyType(
    {
        # For quick tests: one neighbourhood on both banks.
        "sample": Scale("sample", 2400, 2000, 1500, 25_000, 1, 1, 1, 200, 80, 12, 200),
        "pilot": Scale("pilot", 5500, 4780, 12_000, 205_000, 2, 2, 1, 1100, 400, 60, 2000),
        "full": Scale("full", 24250, 16000, 170_000, 2_900_000, 7, 4, 3, 15_560, 5900, 800, 20_000),
    }
)
