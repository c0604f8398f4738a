"""Zones that people draw, change and drop: named, with a version that goes up, each step in the log."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import uuid4

import orjson
import shapely
from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from cim.access import Caller
from cim.errors import Conflict, NotFound
from cim.provenance import touch_layers
from cim.tables import zone
from layers.queries.visible import in_area, visible_layers
from layers.queries.zone import shape_digest
from layers.zones.log import append
from layers.zones.making import Made, common_area, make_shape
from layers.zones.wish import Wish

LAYER = "zones"
DRAWN = "drawn"
MOST = 1000
_SHOWN = ("id", "name", "kind", "author", "version", "area_code", "area_m2", "recorded_at")


class Asked(NamedTuple):
    """Which zones are wanted: of a kind, that meet a box (degrees), after an id, so many."""

    kind: str | None = None
    bbox: tuple[float, float, float, float] | None = None
    after: int | None = None
    limit: int = 100


def create_zone(connection: Connection, wish: Wish, caller: Caller) -> dict[str, Any]:
    """Make a zone, in the caller's transaction; returns it as a GeoJSON feature.

    Raises
    ------
    Forbidden, NotFound, InvalidInput, TooLarge
    """
    caller.require("draw_zones")
    made = make_shape(connection, wish, caller)
    values = _values(connection, wish, made) | {"layer_id": LAYER, "source_key": uuid4().hex, "author": wish.by}
    number = int(connection.execute(insert(zone).values(values).returning(zone.c.id)).scalar_one())
    _note(connection, number, "create", wish, made, 1)
    return read_zone(connection, number, caller)


def change_zone(connection: Connection, zone_id: int, wish: Wish, caller: Caller) -> dict[str, Any]:
    """Give a zone another name, kind or shape; returns it with its new version.

    Raises
    ------
    Forbidden, NotFound, InvalidInput, TooLarge
    Conflict
        Somebody has changed it since the version that is named.
    """
    caller.require("draw_zones")
    was = _locked(connection, zone_id, caller)
    if was.version != wish.version:
        raise Conflict(
            f"zone {zone_id} is at version {was.version}, not {wish.version}: {was.author} or somebody else has changed"
            " it; look at it, and send the version that you have seen",
            "zone_changed", id=zone_id, version=was.version, sent=wish.version, by=was.author,
        )  # fmt: skip
    _require_alone(was)
    made = make_shape(connection, wish, caller)
    values = _values(connection, wish, made) | {"version": was.version + 1, "recorded_at": func.now()}
    connection.execute(update(zone).where(zone.c.id == zone_id).values(values))
    _note(connection, zone_id, "change", wish, made, was.version + 1)
    return read_zone(connection, zone_id, caller)


def drop_zone(connection: Connection, zone_id: int, caller: Caller, *, by: str) -> None:
    """Remove a zone; its log stays.

    Raises
    ------
    Forbidden, NotFound
    """
    caller.require("draw_zones")
    was = _locked(connection, zone_id, caller)
    _require_alone(was)
    connection.execute(delete(zone).where(zone.c.id == zone_id))
    append(connection, zone_id, "drop", by, {"name": was.name, "version": was.version})
    touch_layers(connection, [LAYER], None, None)


def read_zone(connection: Connection, zone_id: int, caller: Caller) -> dict[str, Any]:
    """Return a zone as a GeoJSON feature.

    Raises
    ------
    NotFound
    """
    row = connection.execute(_select(connection, caller).where(zone.c.id == zone_id)).one_or_none()
    if row is None:
        raise _unknown(zone_id)
    return _feature(row)


def list_zones(connection: Connection, asked: Asked, caller: Caller) -> dict[str, Any]:
    """Return zones by id as a GeoJSON feature collection."""
    statement = _select(connection, caller).order_by(zone.c.id).limit(asked.limit)
    if asked.kind is not None:
        statement = statement.where(zone.c.kind == asked.kind)
    if asked.after is not None:
        statement = statement.where(zone.c.id > asked.after)
    if asked.bbox is not None:
        statement = statement.where(func.ST_Intersects(zone.c.geom, func.ST_MakeEnvelope(*asked.bbox, 4490)))
    return {"type": "FeatureCollection", "features": [_feature(row) for row in connection.execute(statement)]}


def _values(connection: Connection, wish: Wish, made: Made) -> dict[str, Any]:
    return {
        "name": wish.name,
        "kind": wish.kind or DRAWN,
        "area_code": common_area(connection, made.geometry),
        "attributes": {"note": wish.note, "source": wish.source},
        "geom": f"SRID=4490;{shapely.to_wkt(made.geometry, rounding_precision=-1)}",
    }


def _note(connection: Connection, zone_id: int, action: str, wish: Wish, made: Made, version: int) -> None:
    """Write the log: what was asked for, on which data, and the hash of what came of it."""
    append(connection, zone_id, action, wish.by, {
        "version": version,
        "asked": wish.told(),
        "layers": {layer.id: layer.version for layer in made.layers},
        "objects": made.objects,
        "datasets": sorted(made.datasets),
        "geometry": shape_digest(made.geometry),
    })  # fmt: skip
    touch_layers(connection, [LAYER], None, None)


def _select(connection: Connection, caller: Caller) -> Select[Any]:
    layers = [layer.id for layer in visible_layers(connection, caller) if layer.table is zone]
    columns = [zone.c[name] for name in _SHOWN]
    told = [zone.c.attributes[name].astext.label(name) for name in ("note", "group")]
    shape = func.ST_AsGeoJSON(zone.c.geom, 9).label("shape")
    return select(*columns, *told, shape).where(zone.c.layer_id.in_(layers), in_area(zone, caller))


def _locked(connection: Connection, zone_id: int, caller: Caller) -> Row[Any]:
    row = connection.execute(_select(connection, caller).where(zone.c.id == zone_id).with_for_update()).one_or_none()
    if row is None:
        raise _unknown(zone_id)
    return row


def _require_alone(was: Row[Any]) -> None:
    """Raise Conflict for one of three zones that only together are true."""
    if was.group is not None:
        raise Conflict(
            f"zone {was.id} is one of three that part the district; demarcate again, or lift all three by"
            f" DELETE /zones/demarcations/{was.group}",
            "zone_of_three", id=was.id, group=was.group,
        )  # fmt: skip


def _unknown(zone_id: int) -> NotFound:
    return NotFound(
        f"there is no zone {zone_id}, or it may not be seen; GET /zones lists them", "no_such_zone", id=zone_id
    )


def _feature(row: Row[Any]) -> dict[str, Any]:
    told = {name: row._mapping[name] for name in (*_SHOWN[1:], "note", "group")}
    told["recorded_at"] = row.recorded_at.isoformat()
    return {"type": "Feature", "id": row.id, "geometry": None if row.shape is None else orjson.loads(row.shape),
            "properties": told}  # fmt: skip
