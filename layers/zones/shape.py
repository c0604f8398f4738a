"""The shape of a zone, for whoever wants what lies in it."""

from __future__ import annotations

import shapely
from sqlalchemy import Connection, func, select

from cim.access import Caller
from cim.errors import NotFound
from cim.tables import zone
from layers.queries.visible import in_area, visible_layers


def zone_shape(connection: Connection, zone_id: int, caller: Caller) -> shapely.Geometry:
    """Return a zone as a multipolygon (EPSG:4490).

    Raises
    ------
    NotFound
        No zone has this id, it has no shape, or the caller may not see it.
    """
    layers = [layer.id for layer in visible_layers(connection, caller) if layer.table is zone]
    shape: bytes | None = connection.execute(
        select(func.ST_AsBinary(zone.c.geom)).where(
            zone.c.id == zone_id, zone.c.layer_id.in_(layers), in_area(zone, caller)
        )
    ).scalar()
    if shape is None:
        raise NotFound(
            f"there is no zone {zone_id}; /ogc/collections/zones/items lists them", "no_such_zone", id=zone_id
        )
    found: shapely.Geometry = shapely.from_wkb(shape)
    return found
