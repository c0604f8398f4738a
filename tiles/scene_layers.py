"""How a scene draws each layer: pydeck layers whose data are the service's tiles."""

from __future__ import annotations

import re
from typing import Any

import pydeck
from sqlalchemy import Connection

from cim.access import Caller
from layers.catalogue import LayerRow, list_models

#: From the ground up.
ORDER = ("river_areas", "roads", "pipes", "buildings", "events", "cameras")
MAX_MODELS = 60
UNKNOWN_HEIGHT_M = 6

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)

#: Of each layer, beside its colour.
LOOKS: dict[str, dict[str, Any]] = {
    "river_areas": {"stroked": False, "filled": True},
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


def vector_layer(row: LayerRow, worker_url: str, *, hide_modelled: bool = False) -> pydeck.Layer:
    """Return the pydeck layer of a catalogue layer's vector tiles.

    Parameters
    ----------
    hide_modelled
        Buildings with a BIM model are not drawn, because their models are.
    """
    looks = dict(LOOKS[row.id])
    if row.geometry_type == "point":
        looks |= POINTS
    color = color_by_legend(row.style)
    target = "get_line_color" if row.geometry_type == "line" else "get_fill_color"
    if row.id == "buildings":
        height = f"properties.height_m || {UNKNOWN_HEIGHT_M}"
        looks["get_elevation"] = f"properties.has_model ? 0 : {height}" if hide_modelled else f"{height}"
        if hide_modelled:
            color = f"properties.has_model ? [0, 0, 0, 0] : {color}"
    return pydeck.Layer(
        "MVTLayer",
        f"/tiles/{row.id}/{{z}}/{{x}}/{{y}}.mvt",
        id=row.id,
        min_zoom=row.min_zoom,
        max_zoom=row.max_zoom,
        pickable=True,
        auto_highlight=row.id != "river_areas",
        load_options={"mvt": {"workerUrl": worker_url}},
        **{target: color},
        **looks,
    )


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


def _literal(value: str) -> str:
    """Return a text of deck.gl's expressions; what could end it is left out, and then matches nothing."""
    return "'" + re.sub(r"['\"\\\n\r]", "", value) + "'"
