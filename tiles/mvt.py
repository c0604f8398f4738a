"""Vector tiles: one statement a layer, made from the catalogue and encoded by PostGIS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Select, Table, func, literal, or_, select

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from cim.tables import OBJECT_TABLES, metadata
from layers.catalogue import LayerRow, get_layer
from tiles.fields import tile_columns
from tiles.overview import Policy, cells_select, first_by, policy_of
from tiles.tile import (
    BUFFER,
    EXTENT,
    Tile,
    envelope,
    ground_pixel_m,
    mercator_box,
    parse_tile,
    projected_pixel_m,
)

MAX_LAYERS = 16
#: From this zoom on a tile holds everything and every vertex that its grid can tell apart.
FULL_DETAIL_ZOOM = 14
#: Below it, areas of fewer square pixels are left out; of buildings only the large ones stay.
MIN_AREA_PX2 = {"building": 4.0}
DEFAULT_MIN_AREA_PX2 = 1.0
MIN_LENGTH_PX = 1.0
SIMPLIFY_PX = 0.5

#: The map's background, which a caller whose key is for one area sees everywhere.
UNRESTRICTED_TABLES = frozenset({"road", "road_node", "river", "river_area", "catchment"})


def build_tile(
    connection: Connection, layer_ids: Sequence[str], z: object, x: object, y: object, caller: Caller
) -> bytes | None:
    """Return the vector tile of one or more layers (not compressed), or None where it holds nothing.

    Layers follow one another in the order asked for; feature ids are object ids.

    Raises
    ------
    InvalidInput
        For an address out of range, too many layers or one named twice.
    NotFound
        For a layer that does not exist, has no tiles, or may not be seen by this caller.
    """
    tile = parse_tile(z, x, y)
    rows = [get_tile_layer(connection, layer_id, caller) for layer_id in check_layer_ids(layer_ids)]
    # A vector tile is a sequence of layers, so that tiles joined end to end are a tile.
    return b"".join(encode_layer(connection, row, tile, caller) for row in rows) or None


def encode_layer(connection: Connection, row: LayerRow, tile: Tile, caller: Caller) -> bytes:
    """Return one layer of a tile, not compressed; nothing where the tile holds none of it."""
    if not is_drawn(row, tile.z):
        return b""
    return bytes(connection.execute(tile_select(row, tile, caller)).scalar_one() or b"")


def check_layer_ids(layer_ids: Sequence[str]) -> list[str]:
    """Return the ids of the layers asked for; refuses none, too many and repeated ones."""
    ids = list(layer_ids)
    if not 1 <= len(ids) <= MAX_LAYERS:
        raise InvalidInput(f"{len(ids)} layers asked for at once; use 1 to {MAX_LAYERS}, separated by commas")
    if len(set(ids)) != len(ids):
        raise InvalidInput(f"a layer is named twice in '{','.join(ids)[:200]}'; name each once")
    return ids


def get_tile_layer(connection: Connection, layer_id: str, caller: Caller) -> LayerRow:
    """Return the catalogue's row of a layer that has vector tiles and that the caller may see."""
    row = get_layer(connection, layer_id, caller)
    get_table(row)
    return row


def layer_table(row: LayerRow) -> Table | None:
    """Return the table of a layer's objects, or None for a layer that cannot be drawn as vectors."""
    if row.table_name not in OBJECT_TABLES or row.geometry_type in {"raster", "none"}:
        return None
    table = metadata.tables[f"cim.{row.table_name}"]
    return table if "geom_3857" in table.c else None


def get_table(row: LayerRow) -> Table:
    """Return the table of a layer's objects; raises NotFound for a layer without vector tiles."""
    table = layer_table(row)
    if table is None:
        raise NotFound(f"the layer '{row.id}' has no vector tiles: its objects have no place of their own")
    return table


def is_drawn(row: LayerRow, zoom: int) -> bool:
    """Tell whether a layer has content at a zoom; beyond its greatest zoom tiles are still made for who asks."""
    return zoom >= row.min_zoom


def tile_select(row: LayerRow, tile: Tile, caller: Caller) -> Select[bytes | None]:
    """Return the statement of one layer in one tile; it yields one row with the encoded tile."""
    policy = policy_of(row.overview)
    if policy is None or tile.z >= policy.below:
        shown = _objects(row, tile, caller)
    elif policy.kind == "top":
        shown = _objects(row, tile, caller, top=policy)
    else:
        shown = cells_select(row, policy, tile, area_of(row, caller))
    made = shown.subquery("made")
    frame = func.Box2D(mercator_box(envelope(tile)))
    clipped = func.ST_AsMVTGeom(made.c.geom, frame, literal(EXTENT, Integer), literal(BUFFER, Integer), True)
    others = [column for column in made.c if column.name != "geom"]
    features = select(clipped.label("geom"), *others).subquery("features")
    # It leaves out what has no geometry; a condition would clip everything twice.
    return select(func.ST_AsMVT(features.table_valued(), row.id, EXTENT, "geom", "id"))


def _objects(row: LayerRow, tile: Tile, caller: Caller, *, top: Policy | None = None) -> Select[Any]:
    """Return the objects of a tile: ``id``, ``geom`` (EPSG:3857, not clipped) and what the catalogue lets it show."""
    table = get_table(row)
    shown = select(
        table.c.id, _simplified(table.c.geom_3857, tile.z).label("geom"), *tile_columns(table, row.fields, tile.z)
    ).where(
        table.c.layer_id == row.id,
        table.c.geom_3857.op("&&")(mercator_box(envelope(tile, buffer=BUFFER))),
        *_large_enough(table, tile),
        *inside_area(row, caller),
    )
    return shown if top is None else shown.order_by(first_by(table, top), table.c.id).limit(top.most)


def area_of(row: LayerRow, caller: Caller) -> str:
    """Return the area to which a caller's view of a layer is limited; empty for all of it."""
    return "" if caller.area_code is None or row.table_name in UNRESTRICTED_TABLES else caller.area_code


def inside_area(row: LayerRow, caller: Caller) -> list[ColumnElement[bool]]:
    """Return the conditions that keep a caller to the area of its key."""
    area, table = area_of(row, caller), get_table(row)
    if not area:
        return []
    column = table.c.code if table.name == "grid_cell" else table.c.area_code
    return [column.startswith(area, autoescape=True)]


def _simplified(geometry: ColumnElement[object], zoom: int) -> ColumnElement[object]:
    if zoom >= FULL_DETAIL_ZOOM:
        return geometry
    return func.ST_Simplify(geometry, SIMPLIFY_PX * projected_pixel_m(zoom), True)


def _large_enough(table: Table, tile: Tile) -> list[ColumnElement[bool]]:
    """Return the conditions that leave out what would be smaller than about a pixel."""
    if tile.z >= FULL_DETAIL_ZOOM:
        return []
    pixel_m = ground_pixel_m(tile)
    if "area_m2" in table.c and table.name != "unit":
        least = MIN_AREA_PX2.get(table.name, DEFAULT_MIN_AREA_PX2) * pixel_m**2
        return [table.c.area_m2 >= least]
    if "length_m" in table.c:
        return [table.c.length_m >= MIN_LENGTH_PX * pixel_m]
    geometry = table.c.geom_3857
    width = func.ST_XMax(geometry) - func.ST_XMin(geometry)
    height = func.ST_YMax(geometry) - func.ST_YMin(geometry)
    return [or_(func.ST_Dimension(geometry) == 0, func.greatest(width, height) >= projected_pixel_m(tile.z))]
