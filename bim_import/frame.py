"""The model's frame on the map: model metres to stored geometry and to heights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely

from bim_import.georeference import Georeference
from bim_import.mesh import Floats
from cim import crs as systems


class Frame:
    """Moves shapes of model metres into the stored system (EPSG:4490, longitude and latitude)."""

    def __init__(self, georeference: Georeference) -> None:
        self._placement = georeference.placement
        self.to_geographic = systems.to_geographic(georeference.crs)

    def metric(self, points: Floats) -> Floats:
        """Return n x 2 model metres as n x 2 metres of the projected system."""
        moved: Floats = points @ self._placement[:2, :2].T + self._placement[:2, 3]
        return moved

    def geographic(self, points: Floats) -> Floats:
        """Return n x 2 model metres as n x 2 degrees."""
        metric = self.metric(points)
        return np.column_stack(self.to_geographic.points(metric[:, 0], metric[:, 1]))

    def height_m(self, z_m: float) -> float:
        """Return a model height as a height in the vertical datum."""
        return round(float(self._placement[2, 2] * z_m + self._placement[2, 3]), 4)

    def shape(self, shape: shapely.Geometry) -> shapely.Geometry | None:
        """Return an area of model metres as a valid MultiPolygon of degrees; None where nothing is left."""
        areas = polygons(shape)
        if areas.is_empty:
            return None
        moved = polygons(shapely.make_valid(shapely.transform(areas, self.geographic)))
        return None if moved.is_empty else moved

    def line(self, points: bytes) -> str:
        """Return n x 3 model metres (float64) as a hexadecimal WKB line of degrees and heights."""
        array = np.frombuffer(points, dtype=np.float64).reshape(-1, 3)
        heights = np.round(self._placement[2, 2] * array[:, 2] + self._placement[2, 3], 4)
        line = shapely.linestrings(np.column_stack([self.geographic(array[:, :2]), heights]))
        return str(shapely.to_wkb(line, hex=True, output_dimension=3))

    def rectangles(self, corners: Sequence[Sequence[Sequence[float]]]) -> list[str]:
        """Return n x 4 x 2 corners of model metres as hexadecimal WKB polygons of degrees."""
        if not corners:
            return []
        array = np.asarray(corners, dtype=np.float64)
        rings = self.geographic(array.reshape(-1, 2)).reshape(-1, 4, 2)
        shapes: Any = shapely.to_wkb(shapely.polygons(rings), hex=True)
        return list(shapes)


def polygons(shape: Any) -> shapely.MultiPolygon:
    """Return the polygons of any geometry as one MultiPolygon."""
    parts = shapely.get_parts(shapely.get_parts(shape)) if shape.geom_type == "GeometryCollection" else [shape]
    found = [
        polygon
        for part in parts
        for polygon in shapely.get_parts(part)
        if polygon.geom_type == "Polygon" and not polygon.is_empty
    ]
    return shapely.MultiPolygon(found)
