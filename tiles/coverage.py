"""Which tiles of a layer show something, found from the boxes of its objects."""

from __future__ import annotations

from pmtiles.tile import zxy_to_tileid
from sqlalchemy import ColumnElement, Connection, Integer, Select, cast, func, select

from cim.access import Caller
from cim.errors import TooLarge
from cim.tables import tile
from layers.catalogue import LayerRow
from tiles.form import form_of
from tiles.mvt import area_of, get_table, inside_area
from tiles.tile import BUFFER, CIRCUMFERENCE_M, EXTENT, HALF_M, Envelope, Tile, TileRange, mercator_box, tiles_that_show

#: Of one layer at one zoom, each object's counted by itself: more is a mistake, such as an object around the world.
MOST_TILES = 2_000_000


def shown_tiles(connection: Connection, row: LayerRow, zoom: int, caller: Caller, within: Envelope | None) -> set[Tile]:
    """Return the tiles of a zoom in which the box of an object lies, buffers included.

    Parameters
    ----------
    within
        In EPSG:3857; only tiles that show something of it.

    Raises
    ------
    TooLarge
        Where objects cover more tiles than can be built.
    """
    limits = tiles_that_show(within, zoom) if within else TileRange(zoom, 0, 0, 2**zoom - 1, 2**zoom - 1)
    ranges = [TileRange(zoom, *sides) for sides in connection.execute(_ranges(row, limits, caller, within))]
    covered = sum(each.count for each in ranges)
    if covered > MOST_TILES:
        raise TooLarge(f"objects of '{row.id}' cover {covered:,} tiles at zoom {zoom}; name a smaller --bbox")
    return {place for each in ranges for place in each.tiles()}


def kept_tiles(connection: Connection, row: LayerRow, area: str) -> set[Tile]:
    """Return the tiles of a layer that are stored and hold."""
    rows = connection.execute(
        select(tile.c.z, tile.c.x, tile.c.y).where(
            tile.c.layer_id == row.id,
            tile.c.area_code == area,
            tile.c.form == form_of(row),
            tile.c.dirty_at.is_(None),
        )
    )
    return {Tile(*found) for found in rows}


def along_hilbert(place: Tile) -> int:
    """Return the place of a tile on the Hilbert curve of its zoom, after all of the zooms above."""
    return int(zxy_to_tileid(*place))


def _ranges(row: LayerRow, limits: TileRange, caller: Caller, within: Envelope | None) -> Select[int, int, int, int]:
    table = get_table(row)
    geometry = table.c.geom_3857
    side = CIRCUMFERENCE_M / 2**limits.z
    margin = side * BUFFER / EXTENT

    def index(metres: ColumnElement[float], least: int, most: int) -> ColumnElement[int]:
        return cast(func.least(func.greatest(func.floor(metres / side), least), most), Integer)

    conditions = [table.c.layer_id == row.id, ~func.ST_IsEmpty(geometry), *inside_area(row, area_of(row, caller))]
    if within is not None:
        conditions.append(geometry.op("&&")(mercator_box(within)))
    return (
        select(
            index(func.ST_XMin(geometry) - margin + HALF_M, limits.west, limits.east).label("west"),
            index(HALF_M - func.ST_YMax(geometry) - margin, limits.north, limits.south).label("north"),
            index(func.ST_XMax(geometry) + margin + HALF_M, limits.west, limits.east).label("east"),
            index(HALF_M - func.ST_YMin(geometry) + margin, limits.north, limits.south).label("south"),
        )
        .where(*conditions)
        .distinct()
    )
