"""Vector tiles: one statement a layer, made from the catalogue and encoded by PostGIS."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Integer, Select, Table, cast, func, literal, or_, select

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from cim.tables import OBJECT_TABLES, metadata
from layers.catalogue import LayerRow, get_layer
from tiles.fields import tile_columns
from tiles.tile import BUFFER, EXTENT, Envelope, Tile, envelope, ground_pixel_m, parse_tile, projected_pixel_m

MAX_LAYERS = 16
#: From this zoom on a tile holds everything and every vertex that its grid can tell apart.
FULL_DETAIL_ZOOM = 14
#: Below it, areas of fewer square pixels are left out; of buildings only the large ones stay.
MIN_AREA_PX2 = {"building": 4.0}
DEFAULT_MIN_AREA_PX2 = 1.0
MIN_LENGTH_PX = 1.0
SIMPLIFY_PX = 0.5

MERCATOR_SRID = 3857

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
    parts = [connection.execute(tile_select(row, tile, caller)).scalar_one() for row in rows if is_drawn(row, tile.z)]
    return b"".join(bytes(part) for part in parts if part) or None


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
    table = get_table(row)
    shape = _simplified(table.c.geom_3857, tile.z)
    clipped = func.ST_AsMVTGeom(
        shape, func.Box2D(_box(envelope(tile))), literal(EXTENT, Integer), literal(BUFFER, Integer), True
    )
    features = (
        select(table.c.id, clipped.label("geom"), *tile_columns(table, row.fields, tile.z))
        .where(
            table.c.layer_id == row.id,
            table.c.geom_3857.op("&&")(_box(envelope(tile, buffer=BUFFER))),
            *_large_enough(table, tile),
            *_inside_area(table, caller),
        )
        .subquery("features")
    )
    encoded = func.ST_AsMVT(features.table_valued(), row.id, EXTENT, "geom", "id")
    return select(encoded).where(features.c.geom.is_not(None))


def _inside_area(table: Table, caller: Caller) -> list[ColumnElement[bool]]:
    """Return the conditions that keep a caller to the area of its key."""
    if caller.area_code is None or table.name in UNRESTRICTED_TABLES:
        return []
    column = table.c.code if table.name == "grid_cell" else table.c.area_code
    return [column.startswith(caller.area_code, autoescape=True)]


def _box(bounds: Envelope) -> ColumnElement[object]:
    return func.ST_MakeEnvelope(*bounds, cast(literal(MERCATOR_SRID), Integer))


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
