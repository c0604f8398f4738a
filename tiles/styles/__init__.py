"""MapLibre styles: one of the whole map, light and dark, and one for every layer; nothing from outside."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from cim.access import Caller
from cim.tables import layer
from layers.catalogue import LayerRow, district_extent
from tiles.mvt import get_tile_layer, layer_table
from tiles.styles.drawing import StyleLayer, draw
from tiles.styles.palette import LIGHT, PALETTES, Palette
from tiles.tilejson import WORLD

#: Areas under lines under blocks under dots under names; water under everything else of its kind.
TYPE_ORDER = ("fill", "line", "fill-extrusion", "circle", "symbol")
LOW_LAYERS = ("admin_areas", "catchments", "river_areas", "rivers", "grid_cells", "roads")

DARK_SUFFIX = "-dark"


def style(connection: Connection, name: str, base_url: str, caller: Caller) -> dict[str, Any]:
    """Return the MapLibre style of that name.

    Parameters
    ----------
    name
        ``base`` (light) or ``dark``: all layers that are on by default; the id of a layer: that layer alone, and
        with ``-dark`` at its end for the dark map.
    base_url
        Scheme and authority of the service without a slash at the end; empty for addresses relative to the root.

    Raises
    ------
    NotFound
        For a layer that does not exist, has no vector tiles, or may not be seen by this caller.
    """
    if name in PALETTES:
        return compose(connection, default_rows(connection, caller), PALETTES[name], name, base_url)
    palette = PALETTES["dark"] if name.endswith(DARK_SUFFIX) else LIGHT
    row = get_tile_layer(connection, name.removesuffix(DARK_SUFFIX), caller)
    return compose(connection, [row], palette, name, base_url)


def default_rows(connection: Connection, caller: Caller) -> list[LayerRow]:
    """Return the drawable layers that are on by default and that the caller may see, by place in the catalogue."""
    columns = [layer.c[name] for name in LayerRow._fields]
    rows = connection.execute(
        select(*columns)
        .where(layer.c.is_default_on, layer.c.visibility.in_(caller.visible_levels()))
        .order_by(layer.c.position, layer.c.id)
    )
    found = [LayerRow(*row) for row in rows]
    return [row for row in found if layer_table(row) is not None]


def compose(connection: Connection, rows: list[LayerRow], palette: Palette, name: str, base_url: str) -> dict[str, Any]:
    """Return a style of some layers on the palette's background."""
    drawn = [made for row in rows for made in draw(row, palette)]
    background = {"id": "background", "type": "background", "paint": {"background-color": palette.background}}
    document: dict[str, Any] = {
        "version": 8,
        "name": name,
        "metadata": {"cim:theme": palette.name},
        # Tiles are asked for everywhere, not only where the layer has objects now: more may be imported while the
        # map is open.
        "sources": {
            row.id: {"type": "vector", "url": f"{base_url}/tiles/{row.id}.json", "bounds": list(WORLD)} for row in rows
        },
        "light": {"anchor": "viewport", "color": "#ffffff", "intensity": 0.35, "position": [1.3, 210, 40]},
        "layers": [background, *sorted(drawn, key=_place)],
    }
    extent = district_extent(connection)
    if extent is not None:
        west, south, east, north = extent
        document |= {"center": [(west + east) / 2, (south + north) / 2], "zoom": 13}
    return document


def _place(made: StyleLayer) -> tuple[int, int]:
    owner = made["source"]
    low = LOW_LAYERS.index(owner) if owner in LOW_LAYERS else len(LOW_LAYERS)
    return TYPE_ORDER.index(made["type"]), low
