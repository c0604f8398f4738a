"""MapLibre styles: of the whole map, of each theme, of each layer, of the relief; nothing from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, select, true

from cim.access import Caller
from cim.errors import NotFound
from cim.tables import layer
from layers.catalogue import LayerRow, district_extent
from tiles.mvt import get_tile_layer, layer_table
from tiles.styles.drawing import StyleLayer, draw
from tiles.styles.enlarge import enlarge
from tiles.styles.names import in_english
from tiles.styles.palette import LIGHT, PALETTES, SUFFIXES, Palette
from tiles.styles.relief import relief_layers, relief_sources
from tiles.tilejson import WORLD

#: Areas under lines under blocks under dots under names; water under everything else of its kind.
TYPE_ORDER = ("fill", "hillshade", "line", "fill-extrusion", "circle", "symbol")
LOW_LAYERS = ("admin_areas", "catchments", "river_areas", "rivers", "grid_cells", "roads")

RELIEF = "hillshade"
THEME_PREFIX = "theme-"

Language = Literal["zh", "en"]


def style(
    connection: Connection, name: str, base_url: str, caller: Caller, *, language: Language = "zh"
) -> dict[str, Any]:
    """Return the MapLibre style of that name.

    Parameters
    ----------
    name
        ``base`` (light), ``dark`` or ``wall`` (for a wall of screens): all layers that are on by default;
        ``hillshade``: the relief; ``theme-`` and the id of a theme: all of its layers; the id of a layer: that layer
        alone. The last three with ``-dark`` or ``-wall`` at the end for those maps.
    base_url
        Scheme and authority of the service without a slash at the end; empty for addresses relative to the root.
    language
        ``en``: names in English where a layer's tiles carry them.

    Raises
    ------
    NotFound
        For a layer or theme that does not exist, has nothing to draw, or may not be seen by this caller.
    """
    plain, palette = _split(name)
    if plain == RELIEF:
        rows = []
    elif name in PALETTES:
        rows = drawable_rows(connection, caller, layer.c.is_default_on)
    elif plain.startswith(THEME_PREFIX):
        rows = theme_rows(connection, plain.removeprefix(THEME_PREFIX), caller)
    else:
        rows = [get_tile_layer(connection, plain, caller)]
    drawn = [made for row in rows for made in _drawn(row, palette, language)]
    sources = {row.id: _source(row.id, base_url) for row in rows}
    if plain == RELIEF:
        drawn, sources = [_sized(made, palette) for made in relief_layers(palette)], relief_sources(base_url)
    return compose(connection, name, palette, sources, drawn)


def theme_rows(connection: Connection, theme_id: str, caller: Caller) -> list[LayerRow]:
    """Return the drawable layers of a theme that the caller may see.

    Raises
    ------
    NotFound
        Where there is none.
    """
    rows = drawable_rows(connection, caller, layer.c.theme_id == theme_id)
    if not rows:
        raise NotFound(
            f"there is no theme '{theme_id[:100]}' with layers that you may see; /api/layers names the theme of each",
            "no_such_theme", given=theme_id[:100],
        )  # fmt: skip
    return rows


def drawable_rows(connection: Connection, caller: Caller, which: ColumnElement[bool] | None = None) -> list[LayerRow]:
    """Return the layers with vector tiles that the caller may see, by place in the catalogue."""
    columns = [layer.c[name] for name in LayerRow._fields]
    rows = connection.execute(
        select(*columns)
        .where(true() if which is None else which, layer.c.visibility.in_(caller.visible_levels()))
        .order_by(layer.c.position, layer.c.id)
    )
    found = [LayerRow(*row) for row in rows]
    return [row for row in found if layer_table(row) is not None]


def compose(
    connection: Connection, name: str, palette: Palette, sources: dict[str, Any], drawn: Sequence[StyleLayer]
) -> dict[str, Any]:
    """Return a style of some layers on the palette's background."""
    background = {"id": "background", "type": "background", "paint": {"background-color": palette.background}}
    document: dict[str, Any] = {
        "version": 8,
        "name": name,
        "metadata": {"cim:theme": palette.name},
        "sources": sources,
        "light": {"anchor": "viewport", "color": "#ffffff", "intensity": 0.35, "position": [1.3, 210, 40]},
        "layers": [background, *sorted(drawn, key=_place)],
    }
    extent = district_extent(connection)
    if extent is not None:
        west, south, east, north = extent
        document |= {"center": [(west + east) / 2, (south + north) / 2], "zoom": 13}
    return document


def _split(name: str) -> tuple[str, Palette]:
    """Return a style's name without what chooses the colours, and the colours."""
    if name in PALETTES:
        return name, PALETTES[name]
    end = next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")
    return name.removesuffix(end), SUFFIXES.get(end, LIGHT)


def _source(layer_id: str, base_url: str) -> dict[str, Any]:
    # Tiles are asked for everywhere, not only where the layer has objects now: more may be imported while the
    # map is open.
    return {"type": "vector", "url": f"{base_url}/tiles/{layer_id}.json", "bounds": list(WORLD)}


def _drawn(row: LayerRow, palette: Palette, language: Language) -> list[StyleLayer]:
    made = [_sized(one, palette) for one in draw(row, palette)]
    return [in_english(one, row) for one in made] if language == "en" else made


def _sized(made: StyleLayer, palette: Palette) -> StyleLayer:
    return made if palette.enlargement == 1.0 else enlarge(made, palette.enlargement)


def _place(made: StyleLayer) -> tuple[int, int]:
    owner = made["source"]
    low = LOW_LAYERS.index(owner) if owner in LOW_LAYERS else len(LOW_LAYERS)
    return TYPE_ORDER.index(made["type"]), low
