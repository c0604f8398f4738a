"""Outlines of storeys and the footprint of a building, from what stands and lies on each storey."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import shapely

from bim_import.geometry import Geometry

#: Classes whose outline seen from above is asked for; of others the rectangle around them has to do.
OUTLINED = ("IfcSlab", "IfcSpace", "IfcRoof")
_WALLS = ("IfcWall", "IfcWallStandardCase", "IfcWallElementedCase", "IfcCurtainWall")
#: Joints between walls and slabs up to twice this are closed.
_CLOSE_M = 0.15
_LEAST_HOLE_M2 = 1.0


def is_outlined(product: Any) -> bool:
    """Tell whether a product's outline matters."""
    return any(product.is_a(name) for name in OUTLINED)


def storey_outline(products: Iterable[Any], geometry: Geometry) -> Any:
    """Return the area (model metres) that slabs, spaces and walls of a storey cover, else of all its products."""
    products = list(products)
    bearing = [product for product in products if is_outlined(product) or product.is_a() in _WALLS]
    return union(bearing, geometry) if bearing else union(products, geometry)


def union(products: Iterable[Any], geometry: Geometry) -> Any:
    """Return the union of what products cover seen from above, small gaps closed."""
    areas = []
    for product in products:
        instance = geometry.instances.get(product.id())
        if instance is None:
            continue
        area = shapely.from_wkb(instance.outline) if instance.outline else shapely.Polygon(instance.rectangle)
        if not area.is_empty:
            areas.append(area)
    joined = shapely.union_all(shapely.make_valid(areas)) if areas else shapely.Polygon()
    closed = joined.buffer(_CLOSE_M, join_style="mitre").buffer(-_CLOSE_M, join_style="mitre")
    return _without_small_holes(closed)


def _without_small_holes(area: Any) -> Any:
    polygons = [
        shapely.Polygon(part.exterior, [hole for hole in part.interiors if shapely.Polygon(hole).area > _LEAST_HOLE_M2])
        for part in shapely.get_parts(area)
        if part.geom_type == "Polygon" and not part.is_empty
    ]
    return shapely.union_all(polygons) if polygons else shapely.Polygon()
