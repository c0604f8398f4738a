"""How each catalogue layer is drawn: its MapLibre style layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from layers.catalogue import LayerRow
from tiles.overview import SUMMED, policy_of
from tiles.styles.overviews import draw_overview
from tiles.styles.palette import FONTS, Palette, by_legend
from tiles.tile import MAX_ZOOM

StyleLayer = dict[str, Any]
Expression = Any

#: Where no height is known, a storey is this high, and a building without storeys this.
STOREY_M = 3.2
UNKNOWN_HEIGHT_M = 6.0
EXTRUSION_MIN_ZOOM = 13

#: Width in pixels at zooms 8, 14 and 19, and place in the order of drawing, of each class of road.
ROAD_WIDTHS = {
    "motorway": (1.4, 6.5, 46),
    "trunk": (1.2, 6.0, 42),
    "primary": (1.0, 5.2, 36),
    "secondary": (0.7, 4.2, 30),
    "tertiary": (0.4, 3.2, 24),
    "residential": (0.1, 2.2, 18),
    "service": (0.1, 1.2, 10),
    "track": (0.1, 1.0, 8),
    "cycleway": (0.1, 0.8, 5),
    "footway": (0.1, 0.8, 5),
}
OTHER_ROAD = (0.1, 1.4, 12)
MAJOR_ROADS = ["motorway", "trunk", "primary", "secondary"]


def draw(row: LayerRow, palette: Palette) -> list[StyleLayer]:
    """Return a layer's style layers, from the lowest to the highest."""
    made = DRAWINGS.get(row.id, draw_by_geometry)(row, palette)
    policy = policy_of(row.overview)
    if policy is not None and policy.kind in SUMMED:
        made = [layer | {"minzoom": max(layer.get("minzoom", 0), policy.below)} for layer in made]
        made = [*draw_overview(row, policy, palette), *made]
    for layer in made:
        layer |= {"source": row.id, "source-layer": row.id, "metadata": {"cim:layer": row.id}}
        # a tile's layer begins where the catalogue says, whatever other layers share its source
        layer["minzoom"] = max(layer.get("minzoom", 0), row.min_zoom)
    return made


def draw_by_geometry(row: LayerRow, palette: Palette) -> list[StyleLayer]:
    """Draw a layer that has no drawing of its own."""
    color = by_legend(row.style, palette)
    parts = {
        "polygon": [area(row, color, 0.3), line(row, color, 1.0, only="Polygon", suffix="outline")],
        "line": [line(row, color, 1.6, only="LineString")],
        "point": [circle(row, color, palette)],
    }
    drawn = parts.get(row.geometry_type) or [layer for layers in parts.values() for layer in layers]
    return drawn + ([label(row, palette, minzoom=15)] if has_names(row) else [])


def draw_buildings(row: LayerRow, palette: Palette) -> list[StyleLayer]:
    """Blocks by use, standing on the flat map at height 0 and rising as one comes near."""
    color = by_legend(row.style, palette)
    height = [
        "case",
        ["has", "height_m"],
        ["get", "height_m"],
        ["has", "storeys_above"],
        ["*", STOREY_M, ["get", "storeys_above"]],
        UNKNOWN_HEIGHT_M,
    ]
    flat = area(row, color, 0.75) | {"maxzoom": EXTRUSION_MIN_ZOOM + 1}
    blocks = {
        "id": f"{row.id}:extrusion",
        "type": "fill-extrusion",
        "minzoom": EXTRUSION_MIN_ZOOM,
        "paint": {
            "fill-extrusion-color": color,
            "fill-extrusion-height": [
                "interpolate", ["linear"], ["zoom"], EXTRUSION_MIN_ZOOM, 0, EXTRUSION_MIN_ZOOM + 1, height,
            ],
            "fill-extrusion-base": 0,
            "fill-extrusion-opacity": palette.extrusion_opacity,
            "fill-extrusion-vertical-gradient": True,
        },
    }  # fmt: skip
    return [flat, blocks, label(row, palette, minzoom=16)]


def draw_roads(row: LayerRow, palette: Palette) -> list[StyleLayer]:
    """Roads by class with a casing; streets appear from zoom 13."""
    color = by_legend(row.style, palette)
    edge = by_legend(row.style, palette, toward=palette.casing, share=0.45)
    major = ["in", ["get", "class"], ["literal", MAJOR_ROADS]]
    visible = ["step", ["zoom"], major, 13, True]
    order: list[Any] = ["match", ["to-string", ["get", "class"]]]
    for place, name in enumerate(reversed(ROAD_WIDTHS)):
        order += [name, place]
    layout = {"line-cap": "round", "line-join": "round", "line-sort-key": [*order, 0]}

    def one(suffix: str, paint_color: Any, extra: float) -> StyleLayer:
        paint = {"line-color": paint_color, "line-width": road_width(extra)}
        return {"id": f"{row.id}:{suffix}", "type": "line", "filter": visible, "layout": layout, "paint": paint}

    casing = one("casing", edge, 1.6) | {"minzoom": 12}
    names = label(row, palette, minzoom=14, along=True)
    return [casing, one("line", color, 0.0), names]


def road_width(extra_px: float) -> Expression:
    """Return the width of a road by class and zoom, with something added for the casing."""

    def at(stop: int) -> Expression:
        cases = [part for name, widths in ROAD_WIDTHS.items() for part in (name, widths[stop] + extra_px)]
        return ["match", ["to-string", ["get", "class"]], *cases, OTHER_ROAD[stop] + extra_px]

    return ["interpolate", ["exponential", 1.5], ["zoom"], 8, at(0), 14, at(1), 19, at(2)]


def draw_rivers(row: LayerRow, palette: Palette) -> list[StyleLayer]:
    """Centrelines, thin, with their names along them."""
    course = line(row, by_legend(row.style, palette), 1.4, only="LineString")
    return [course, label(row, palette, minzoom=12, along=True, color=palette.water_text)]


def draw_water_areas(row: LayerRow, palette: Palette) -> list[StyleLayer]:
    """Surfaces of water, opaque, so that what they cover does not shine through."""
    color = by_legend(row.style, palette)
    return [area(row, color, 1.0), label(row, palette, minzoom=14, color=palette.water_text)]


def draw_pipes(row: LayerRow, palette: Palette) -> list[StyleLayer]:
    """Pipes by network, as wide as their diameter suggests."""
    diameter = ["to-number", ["get", "diameter_mm"], 200]
    width = [
        "interpolate", ["exponential", 1.4], ["zoom"],
        12, ["interpolate", ["linear"], diameter, 100, 0.4, 1500, 1.4],
        18, ["interpolate", ["linear"], diameter, 100, 2.0, 1500, 9.0],
    ]  # fmt: skip
    layer = line(row, by_legend(row.style, palette), width, only="LineString")
    layer["paint"]["line-opacity"] = 0.9
    return [layer]


def draw_grid(row: LayerRow, palette: Palette) -> list[StyleLayer]:
    """Thin lines over a breath of colour; codes when one is near."""
    color = by_legend(row.style, palette)
    codes = label(row, palette, minzoom=15, field=["coalesce", ["get", "code"], ["get", "name"], ""])
    return [area(row, color, 0.05), line(row, color, 0.9, suffix="line"), codes]


def draw_outline(row: LayerRow, palette: Palette) -> list[StyleLayer]:
    """Areas shown by their edge, for what lies on top of other areas."""
    color = by_legend(row.style, palette)
    return [area(row, color, 0.08), line(row, color, 1.2, suffix="line")]


def draw_zones(row: LayerRow, palette: Palette) -> list[StyleLayer]:
    """Zones: a tint, a dashed edge, a name."""
    color = by_legend(row.style, palette)
    edge = line(row, color, 2.0, suffix="line")
    edge["paint"]["line-dasharray"] = [3, 2]
    return [area(row, color, 0.14), edge, label(row, palette, minzoom=11)]


def draw_points(row: LayerRow, palette: Palette) -> list[StyleLayer]:
    """Devices: dots by kind, names when one is near."""
    dot = circle(row, by_legend(row.style, palette), palette)
    return [dot, label(row, palette, minzoom=17, below=True)] if has_names(row) else [dot]


def draw_places(row: LayerRow, palette: Palette) -> list[StyleLayer]:
    """Places people look for: larger dots with names early."""
    dot = circle(row, by_legend(row.style, palette), palette, size=1.35)
    return [dot, label(row, palette, minzoom=15, below=True)]


def draw_parking(row: LayerRow, palette: Palette) -> list[StyleLayer]:
    """Parking: a dot with a P."""
    sign = label(row, palette, minzoom=14, field="P", color="#ffffff")
    sign["layout"] |= {"text-size": 10, "text-allow-overlap": True}
    sign["paint"] = {"text-color": "#ffffff"}
    return [circle(row, by_legend(row.style, palette), palette, size=1.35), sign]


def draw_events(row: LayerRow, palette: Palette) -> list[StyleLayer]:
    """Events: the more severe the larger, with a glow so that they are found."""
    color = by_legend(row.style, palette)
    severity = ["to-number", ["get", "severity"], 2]
    near, far = ["+", 5, severity], ["+", 2.2, ["*", 0.4, severity]]
    size = ["interpolate", ["linear"], ["zoom"], 10, 1.4, 14, far, 17, near]
    glow_size = ["interpolate", ["linear"], ["zoom"], 15, 8, 17, ["+", 12, ["*", 2, severity]]]
    glow = circle(row, color, palette) | {"id": f"{row.id}:glow", "minzoom": 15}
    glow["paint"] = {"circle-color": color, "circle-radius": glow_size, "circle-opacity": 0.18}
    dot = circle(row, color, palette)
    dot["paint"]["circle-radius"] = size
    return [glow, dot, label(row, palette, minzoom=16, below=True, field=["coalesce", ["get", "title"], ""])]


def area(row: LayerRow, color: Any, opacity: float) -> StyleLayer:
    """Return a fill of the polygons."""
    paint = {"fill-color": color, "fill-opacity": opacity}
    return {"id": f"{row.id}:fill", "type": "fill", "filter": of_kind("Polygon"), "paint": paint}


def line(row: LayerRow, color: Any, width: Any, *, only: str | None = None, suffix: str = "line") -> StyleLayer:
    """Return lines; a number for the width is that at zoom 14, and doubles until zoom 18."""
    if isinstance(width, int | float):
        width = ["interpolate", ["linear"], ["zoom"], 10, width / 2, 14, width, 18, width * 2]
    layer: StyleLayer = {
        "id": f"{row.id}:{suffix}",
        "type": "line",
        "layout": {"line-cap": "round", "line-join": "round"},
        "paint": {"line-color": color, "line-width": width},
    }
    return layer | ({"filter": of_kind(only)} if only else {})


def circle(row: LayerRow, color: Any, palette: Palette, size: float = 1.0) -> StyleLayer:
    """Return dots for the points."""
    radius = ["interpolate", ["linear"], ["zoom"], 11, 1.2 * size, 14, 2.5 * size, 18, 6.5 * size]
    paint = {
        "circle-color": color,
        "circle-radius": radius,
        "circle-stroke-color": palette.point_stroke,
        "circle-stroke-width": ["interpolate", ["linear"], ["zoom"], 12, 0.4, 16, 1.4],
    }
    return {"id": f"{row.id}:circle", "type": "circle", "filter": of_kind("Point"), "paint": paint}


def label(
    row: LayerRow,
    palette: Palette,
    *,
    minzoom: int,
    along: bool = False,
    below: bool = False,
    field: Any = None,
    color: str | None = None,
) -> StyleLayer:
    """Return names, along lines or below points, in fonts of the reader's machine."""
    layout: dict[str, Any] = {
        "text-field": ["to-string", ["get", "name"]] if field is None else field,
        "text-font": FONTS,
        "text-size": ["interpolate", ["linear"], ["zoom"], 12, 10.5, 18, 13.5],
        "text-max-width": 8,
    }
    if along:
        layout |= {"symbol-placement": "line", "symbol-spacing": 320}
    if below:
        layout |= {"text-anchor": "top", "text-offset": [0, 0.8], "text-optional": True}
    paint = {"text-color": color or palette.text, "text-halo-color": palette.halo, "text-halo-width": 1.4}
    return {"id": f"{row.id}:label", "type": "symbol", "minzoom": minzoom, "layout": layout, "paint": paint}


def has_names(row: LayerRow) -> bool:
    """Tell whether the layer's tiles carry names."""
    return "name" in row.fields and row.fields["name"].get("min_zoom", 0) <= MAX_ZOOM


def of_kind(kind: str) -> Expression:
    """Return the filter for one kind of geometry, single or multi."""
    return ["==", ["geometry-type"], kind]


DRAWINGS: dict[str, Callable[[LayerRow, Palette], list[StyleLayer]]] = {
    "buildings": draw_buildings,
    "roads": draw_roads,
    "rivers": draw_rivers,
    "river_areas": draw_water_areas,
    "pipes": draw_pipes,
    "grid_cells": draw_grid,
    "admin_areas": draw_grid,
    "models": draw_outline,
    "storeys": draw_outline,
    "elements": draw_outline,
    "spaces": draw_outline,
    "catchments": draw_outline,
    "zones": draw_zones,
    "cameras": draw_points,
    "sensors": draw_points,
    "pipe_nodes": draw_points,
    "road_nodes": draw_points,
    "resources": draw_places,
    "parking": draw_parking,
    "events": draw_events,
}
