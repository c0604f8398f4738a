"""How a scene draws each layer: pydeck layers whose data are addresses of the service."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pydeck
from sqlalchemy import Connection

from cim.access import Caller
from layers.catalogue import LayerRow, list_models
from tiles.terrain import BASE_HEIGHT_M, MAX_ZOOM, STEP_M

#: From the ground up.
ORDER = ("terrain", "river_areas", "rivers", "roads", "pipes", "buildings", "cameras", "events")
STATIC = "/scenes/static"
MVT_WORKER, TERRAIN_WORKER = f"{STATIC}/mvt-worker.js", f"{STATIC}/terrain-worker.js"
TERRAIN = "/terrain/{z}/{x}/{y}.png"
MAX_MODELS = 60
UNKNOWN_HEIGHT_M = 6

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)

#: Of each layer, beside its colour.
LOOKS: dict[str, dict[str, Any]] = {
    "river_areas": {"stroked": False, "filled": True},
    "rivers": {"get_line_width": 6, "line_width_min_pixels": 1.5},
    "roads": {"get_line_width": "properties.lanes * 3 || 4", "line_width_min_pixels": 0.8},
    # drawn over all else: pipes are below the ground
    "pipes": {
        "get_line_width": "properties.diameter_mm / 250 || 1",
        "line_width_min_pixels": 1.2,
        "parameters": {"depthCompare": "always"},
        "opacity": 0.75,
    },
    "buildings": {"extruded": True, "stroked": False, "filled": True, "wireframe": False, "opacity": 0.95},
    "events": {"get_point_radius": "8 + 3 * properties.severity || 12", "point_radius_min_pixels": 3.2},
    "cameras": {"get_point_radius": 7, "point_radius_min_pixels": 2.2},
}
POINTS = {
    "stroked": True,
    "get_line_color": [255, 255, 255],
    "line_width_min_pixels": 0.6,
    "point_radius_max_pixels": 10,
    "point_billboard": True,
    "parameters": {"depthCompare": "always"},
}
#: So light that what lies below or among them is seen.
GHOST = {"opacity": 0.01, "parameters": {"depthWriteEnabled": False}}
GHOST_COLOR, PALE_COLOR, UNKNOWN_DEPTH_COLOR = "#7c8ea6", "#ced4dc", "#969ca6"
#: The page paints light and shade itself.
UNLIT = {"ambient": 1, "diffuse": 0, "shininess": 1, "specularColor": [0, 0, 0]}


def vector_layer(row: LayerRow, *, hide_modelled: bool = False) -> pydeck.Layer:
    """Return the pydeck layer of a catalogue layer's vector tiles.

    Parameters
    ----------
    hide_modelled
        Buildings with a BIM model are not drawn, because their models are.
    """
    color = color_by_legend(row.style)
    looks: dict[str, Any] = {}
    if row.id == "buildings":
        height = f"properties.height_m || {UNKNOWN_HEIGHT_M}"
        looks["get_elevation"] = f"properties.has_model ? 0 : {height}" if hide_modelled else f"{height}"
        if hide_modelled:
            color = f"properties.has_model ? [0, 0, 0, 0] : {color}"
    return tiled(row, color, **looks)


def tiled(row: LayerRow, color: Any, **looks: Any) -> pydeck.Layer:
    """Return the vector tiles of a layer in one colour, or one by an expression."""
    return pydeck.Layer(
        "MVTLayer",
        f"/tiles/{row.id}/{{z}}/{{x}}/{{y}}.mvt",
        id=row.id,
        min_zoom=row.min_zoom,
        max_zoom=row.max_zoom,
        auto_highlight=row.id != "river_areas",
        load_options={"mvt": {"workerUrl": MVT_WORKER}},
        **_looks(row, color) | looks,
    )


def ghost_layer(row: LayerRow) -> pydeck.Layer:
    """Return what stands on the ground, so light that one sees through it."""
    height = {"get_elevation": f"properties.height_m || {UNKNOWN_HEIGHT_M}"} if row.id == "buildings" else {}
    return tiled(row, rgb(GHOST_COLOR), **GHOST, **height, pickable=False)


def faint_layer(row: LayerRow) -> pydeck.Layer:
    """Return the flat ground of a scene that is looked at from below as well: it hides nothing."""
    parameters = {"depthWriteEnabled": False}
    return tiled(row, color_by_legend(row.style), opacity=0.25, parameters=parameters, pickable=False)


def pale_layer(row: LayerRow) -> pydeck.Layer:
    """Return buildings in one quiet colour, so that what happens among them stands out."""
    return tiled(row, rgb(PALE_COLOR), get_elevation=f"properties.height_m || {UNKNOWN_HEIGHT_M}", opacity=0.55)


def buried_layer(row: LayerRow) -> pydeck.Layer:
    """Return pipes at their depth, from GeoJSON with heights."""
    color = f"properties.depth_known ? ({color_by_legend(row.style)}) : {rgb(UNKNOWN_DEPTH_COLOR)}"
    return with_heights(
        row, color, 14, opacity=1, parameters={}, line_width_min_pixels=2,
        get_line_width="properties.diameter_mm / 1000 || 0.3",
    )  # fmt: skip


def ground_layer(row: LayerRow) -> pydeck.Layer:
    """Return waters on the relief, from GeoJSON with heights."""
    return with_heights(row, color_by_legend(row.style), 13)


def with_heights(row: LayerRow, color: Any, zoom: int, **looks: Any) -> pydeck.Layer:
    """Return a layer whose objects have heights, asked for in the tiles of one zoom and nearer enlarged."""
    return pydeck.Layer(
        "TileLayer",
        f"/scenes/data/{row.id}/{{z}}/{{x}}/{{y}}.geojson",
        id=row.id,
        min_zoom=min(zoom, max(row.min_zoom, 9)),
        max_zoom=zoom,
        auto_highlight=True,
        **_looks(row, color) | looks,
    )


def relief_layer(row: LayerRow) -> pydeck.Layer:
    """Return the ground as a mesh of the terrain tiles; the page colours it from the same tiles."""
    quoted = f"'{TERRAIN}'"  # else pydeck takes it for an expression
    return pydeck.Layer(
        "TerrainLayer",
        id=row.id,
        elevation_data=quoted,
        texture=quoted,
        elevation_decoder={"rScaler": 65536 * STEP_M, "gScaler": 256 * STEP_M, "bScaler": STEP_M,
                           "offset": BASE_HEIGHT_M},
        mesh_max_error=1.5,
        tile_size=256,
        min_zoom=8,
        max_zoom=MAX_ZOOM,
        material=UNLIT,
        pickable=False,
        load_options={"terrain": {"workerUrl": TERRAIN_WORKER}},
    )  # fmt: skip


def live_layer(row: LayerRow) -> pydeck.Layer:
    """Return the objects that the page asks the OGC service for, again and again."""
    color = color_by_legend(row.style)
    return pydeck.Layer("GeoJsonLayer", f"/ogc/collections/{row.id}/items", id=row.id, **_looks(row, color))


#: Of ways to draw that do not use the legend's colours: the one colour that they use.
ONE_COLOR = {"ghost": GHOST_COLOR, "pale": PALE_COLOR}
#: What a way to draw adds to the legend: name of the text and colour.
MORE_LEGEND = {"buried": [("unknown_depth", UNKNOWN_DEPTH_COLOR)]}

Draw = Callable[[LayerRow], pydeck.Layer]
#: The ways to draw a layer that a scene may choose.
DRAWINGS: dict[str, Draw] = {
    "plain": vector_layer,
    "ghost": ghost_layer,
    "faint": faint_layer,
    "pale": pale_layer,
    "buried": buried_layer,
    "ground": ground_layer,
    "relief": relief_layer,
    "live": live_layer,
}


def model_layers(connection: Connection, caller: Caller) -> list[pydeck.Layer]:
    """Return a layer for each placed BIM model, standing on the flat map."""
    models = [model for model in list_models(connection, caller) if model["center"]][:MAX_MODELS]
    return [
        pydeck.Layer(
            "Tile3DLayer",
            f"{model['tileset']}?ground=flat",
            id=f"models:{model['id']}",
            pickable=False,
            # the tiles are plain glTF, parsed on the page: a worker would be fetched from outside
            load_options={"worker": False, "core": {"worker": False}, "tileset": {"maximumScreenSpaceError": 12}},
        )
        for model in models
    ]


def color_by_legend(style: dict[str, Any]) -> Any:
    """Return [red, green, blue], or the expression that chooses it by the legend's field.

    pydeck marks every text among a layer's options as an expression of deck.gl.
    """
    plain = rgb(style.get("color") or "#5b7db1")
    items = style.get("legend") or []
    field = style.get("legend_field")
    values = [(str(item["value"]), rgb(item["color"])) for item in items if item.get("value")]
    plain = next((rgb(item["color"]) for item in items if not item.get("value")), plain)
    if not field or not values or _WORD.fullmatch(field) is None:
        return plain
    cases = "".join(f"properties.{field} == {_literal(value)} ? {color} : " for value, color in values)
    return f"{cases}{plain}"


def rgb(color: str) -> list[int]:
    """Return the components of #rrggbb, 0 to 255."""
    return [int(color[start : start + 2], 16) for start in (1, 3, 5)]


def _looks(row: LayerRow, color: Any) -> dict[str, Any]:
    looks = {"pickable": True, **LOOKS[row.id]}
    if row.geometry_type == "point":
        looks |= POINTS
    return looks | {"get_line_color" if row.geometry_type == "line" else "get_fill_color": color}


def _literal(value: str) -> str:
    """Return a text of deck.gl's expressions; what could end it is left out, and then matches nothing."""
    return "'" + re.sub(r"['\"\\\n\r]", "", value) + "'"
