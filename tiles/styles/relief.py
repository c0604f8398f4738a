"""The relief: hillshade from the terrain tiles, with contour lines on top."""

from __future__ import annotations

from typing import Any

from tiles.styles.palette import FONTS, Palette

TERRAIN, CONTOURS = "terrain", "contours"
#: Farther off, numbers would hide the lines that they stand on.
HEIGHT_LABEL_MIN_ZOOM = 13


def relief_sources(base_url: str) -> dict[str, Any]:
    """Return the sources of the relief, as TileJSON addresses."""
    return {
        TERRAIN: {"type": "raster-dem", "url": f"{base_url}/terrain.json", "encoding": "mapbox", "tileSize": 256},
        CONTOURS: {"type": "vector", "url": f"{base_url}/terrain/contours.json"},
    }


def relief_layers(palette: Palette) -> list[dict[str, Any]]:
    """Return the style layers of the relief, from the lowest to the highest."""
    shade = {
        "id": f"{TERRAIN}:hillshade",
        "type": "hillshade",
        "source": TERRAIN,
        "metadata": {"cim:layer": TERRAIN},
        "paint": {
            "hillshade-exaggeration": 0.85,
            "hillshade-shadow-color": palette.relief_shadow,
            "hillshade-highlight-color": palette.relief_light,
            "hillshade-accent-color": palette.relief_shadow,
        },
    }
    stronger = ["case", ["get", "is_index"], 1.0, 0.55]
    width: list[Any] = ["interpolate", ["linear"], ["zoom"]]
    for zoom, plain, index in ((10, 0.4, 0.8), (14, 0.7, 1.4), (18, 1.2, 2.4)):
        width += [zoom, ["case", ["get", "is_index"], index, plain]]
    own = {"source": CONTOURS, "source-layer": CONTOURS, "metadata": {"cim:layer": TERRAIN}}
    lines = own | {
        "id": f"{TERRAIN}:contour",
        "type": "line",
        "layout": {"line-join": "round"},
        "paint": {"line-color": palette.contour, "line-width": width, "line-opacity": stronger},
    }
    heights = own | {
        "id": f"{TERRAIN}:height",
        "type": "symbol",
        "minzoom": HEIGHT_LABEL_MIN_ZOOM,
        "filter": ["get", "is_index"],
        "layout": {
            "symbol-placement": "line",
            "symbol-spacing": 300,
            "text-field": ["to-string", ["get", "height_m"]],
            "text-font": FONTS,
            "text-size": ["interpolate", ["linear"], ["zoom"], 12, 10, 18, 13],
        },
        "paint": {"text-color": palette.contour, "text-halo-color": palette.halo, "text-halo-width": 1.4},
    }
    return [shade, lines, heights]
