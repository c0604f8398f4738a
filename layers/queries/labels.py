"""What an object is called in a list: its name, what describes it, and where it is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Text, case, cast, func, null
from sqlalchemy.dialects.postgresql import JSON

#: Decimals of a degree in lists: a centimetre.
_PLACES = 7
#: table -> columns of which the first that is not null describes an object in a list
DETAILS = {
    "building": ("address", "code"),
    "unit": ("address", "code"),
    "element": ("ifc_class",),
    "space": ("long_name",),
    "camera": ("code",),
    "sensor": ("kind", "code"),
    "event": ("type", "state"),
    "resource": ("address", "kind"),
    "grid_cell": ("code",),
    "pipe": ("network",),
    "pipe_node": ("kind", "network"),
    "road": ("class",),
    "river": ("class",),
    "model": ("status",),
    "zone": ("kind",),
}
#: table -> columns that stand in for a missing name
NAMES = {
    "building": ("code",),
    "unit": ("room", "code"),
    "element": ("global_id",),
    "camera": ("code",),
    "sensor": ("code",),
    "event": ("title",),
    "grid_cell": ("code",),
}


def name_of(table: Any) -> ColumnElement[Any]:
    """Return the name of an object, or what stands in for it."""
    return func.coalesce(table.c.name, *[table.c[column] for column in NAMES.get(table.name, ())])


def detail_of(table: Any) -> ColumnElement[Any]:
    """Return what describes an object in a list: an address, a code, a kind."""
    columns = [cast(table.c[column], Text) for column in DETAILS.get(table.name, ())]
    return func.coalesce(*columns) if columns else cast(null(), Text)


def center_of(geometry: Any) -> ColumnElement[Any]:
    """Return [longitude, latitude] of a geometry's centroid as JSON, or null."""
    # As GeoJSON, for the centroid is then computed once, and json, not jsonb: lists took twice as long.
    point = cast(func.ST_AsGeoJSON(func.ST_Centroid(geometry), _PLACES), JSON)
    return case((func.ST_IsEmpty(geometry), null()), else_=point["coordinates"])
