"""Vector tiles: one statement a layer, made from the catalogue and encoded by PostGIS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Integer,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    func,
    literal,
    or_,
    select,
)

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from cim.tables import OBJECT_TABLES, metadata
from layers.catalogue import LayerRow, get_layer
from layers.queries.prepared import Prepared, compiled, run
from tiles.fields import CONFLICTS_MIN_ZOOM, tile_columns, with_conflicts
from tiles.form import form_of
from tiles.overview import Policy, cell_values, cells_select, first_by, policy_of
from tiles.tile import (
    BUFFER,
    EXTENT,
    Tile,
    box_parameters,
    box_values,
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
    drawn = [row for row in rows if is_drawn(row, tile.z)]
    return b"".join(encode_layer(connection, row, tile, caller).content for row in drawn) or None


class Encoded(NamedTuple):
    """One layer of a tile, not compressed, and the snapshot of the database that it shows."""

    snapshot: str
    content: bytes


def encode_layer(connection: Connection, row: LayerRow, tile: Tile, caller: Caller) -> Encoded:
    """Return one layer of a tile; no content where the tile holds none of it."""
    statement = tile_statement(row, form_of(row), tile.z, area_of(row, caller))
    snapshot, content = tuple(run(connection, statement, parameters(tile))[0])
    return Encoded(snapshot, bytes(content or b""))


def parameters(tile: Tile) -> dict[str, float]:
    """Return the values of a tile's statement that depend on its place; those that it does not ask for do no harm."""
    boxes = box_values("tile", envelope(tile)) | box_values("reach", envelope(tile, buffer=BUFFER))
    return boxes | {"pixel_m": ground_pixel_m(tile)} | cell_values(tile)


#: Statements by layer, form, zoom and area: putting one together takes as long as running it.
_known: dict[tuple[str, bytes, int, str], Prepared] = {}
MOST_KNOWN = 2048


def tile_statement(row: LayerRow, form: bytes, zoom: int, area: str) -> Prepared:
    """Return the statement that yields ``Encoded`` for a tile of a layer, given its ``parameters``."""
    key = (row.id, form, zoom, area)
    found = _known.get(key)
    if found is None:
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        found = _known[key] = compiled(select(snapshot(), tile_select(row, zoom, area).scalar_subquery()))
    return found


def snapshot() -> ColumnElement[str]:
    """Return the snapshot that a statement sees."""
    return cast(func.pg_current_snapshot(), Text)


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


def tile_select(row: LayerRow, zoom: int, area: str) -> Select[bytes | None]:
    """Return the statement of a layer's tiles at a zoom; with ``parameters`` it yields one encoded tile."""
    policy = policy_of(row.overview)
    if policy is None or zoom >= policy.below:
        shown = _objects(row, zoom, area)
    elif policy.kind == "top":
        shown = _objects(row, zoom, area, top=policy)
    else:
        shown = cells_select(row, policy, zoom, area)
    made = shown.subquery("made")
    frame = func.Box2D(mercator_box(box_parameters("tile")))
    clipped = func.ST_AsMVTGeom(made.c.geom, frame, literal(EXTENT, Integer), literal(BUFFER, Integer), True)
    others = [column for column in made.c if column.name != "geom"]
    features = select(clipped.label("geom"), *others).subquery("features")
    # It leaves out what has no geometry; a condition would clip everything twice.
    return select(func.ST_AsMVT(features.table_valued(), row.id, EXTENT, "geom", "id"))


def _objects(row: LayerRow, zoom: int, area: str, *, top: Policy | None = None) -> Select[Any]:
    """Return the objects of a tile: ``id``, ``geom`` (EPSG:3857, not clipped) and what the catalogue lets it show."""
    table = get_table(row)
    shown = select(
        table.c.id, _simplified(table.c.geom_3857, zoom).label("geom"), *tile_columns(table, row.fields, zoom)
    ).where(
        table.c.layer_id == row.id,
        table.c.geom_3857.op("&&")(mercator_box(box_parameters("reach"))),
        *_large_enough(table, zoom),
        *inside_area(row, area),
    )
    if top is not None:
        shown = shown.order_by(first_by(table, top), table.c.id).limit(top.most)
    return with_conflicts(shown) if table.name == "building" and zoom >= CONFLICTS_MIN_ZOOM else shown


def area_of(row: LayerRow, caller: Caller) -> str:
    """Return the area to which a caller's view of a layer is limited; empty for all of it."""
    return "" if caller.area_code is None or row.table_name in UNRESTRICTED_TABLES else caller.area_code


def inside_area(row: LayerRow, area: str) -> list[ColumnElement[bool]]:
    """Return the conditions that keep readers to an area."""
    table = get_table(row)
    if not area:
        return []
    column = table.c.code if table.name == "grid_cell" else table.c.area_code
    return [column.startswith(area, autoescape=True)]


def _simplified(geometry: ColumnElement[object], zoom: int) -> ColumnElement[object]:
    if zoom >= FULL_DETAIL_ZOOM:
        return geometry
    return func.ST_Simplify(geometry, SIMPLIFY_PX * projected_pixel_m(zoom), True)


def _large_enough(table: Table, zoom: int) -> list[ColumnElement[bool]]:
    """Return the conditions that leave out what would be smaller than about a pixel."""
    if zoom >= FULL_DETAIL_ZOOM:
        return []
    pixel_m: ColumnElement[float] = bindparam("pixel_m", type_=Double)
    if "area_m2" in table.c and table.name != "unit":
        return [table.c.area_m2 >= MIN_AREA_PX2.get(table.name, DEFAULT_MIN_AREA_PX2) * pixel_m * pixel_m]
    if "length_m" in table.c:
        return [table.c.length_m >= MIN_LENGTH_PX * pixel_m]
    geometry = table.c.geom_3857
    width = func.ST_XMax(geometry) - func.ST_XMin(geometry)
    height = func.ST_YMax(geometry) - func.ST_YMin(geometry)
    return [or_(func.ST_Dimension(geometry) == 0, func.greatest(width, height) >= projected_pixel_m(zoom))]
