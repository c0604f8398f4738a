"""pydeck scenes: named maps made from layer references, on pages that load nothing from outside."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pydeck
from sqlalchemy import Connection

from cim.access import Caller
from cim.errors import NotFound
from layers.catalogue import LayerRow, district_extent, get_layer
from tiles.mvt import get_tile_layer
from tiles.scene_layers import DRAWINGS, ORDER, model_layers, vector_layer
from tiles.scene_list import SCENES, Scene, find_scene
from tiles.scene_page import render_page
from tiles.styles import Language
from tiles.terrain import terrain_bounds

FOLDER = Path(__file__).parent / "scenes"
WEB = Path(__file__).parent.parent / "web"

#: Where the pages start when the model is empty: the pilot district.
DEFAULT_EXTENT = (114.19, 22.68, 114.25, 22.72)


def render(connection: Connection, name: str, caller: Caller, language: Language = "zh") -> str:
    """Return the page of a scene in a language, with the layers that the caller may see.

    Raises
    ------
    NotFound
        For a scene that does not exist, naming those that do.
    """
    scene = find_scene(name)
    rows = visible_rows(connection, scene, caller)
    others = {other.name: other.title(language) for other in SCENES.values()}
    deck = deck_of(connection, scene, rows, caller)
    is_empty = district_extent(connection) is None
    return render_page(scene, deck, rows, language=language, others=others, is_empty=is_empty)


def deck_of(connection: Connection, scene: Scene, rows: Sequence[LayerRow], caller: Caller) -> pydeck.Deck:
    """Return the scene as a pydeck Deck; its data are addresses of this service."""
    plain = partial(vector_layer, hide_modelled=scene.has_models)
    drawings = DRAWINGS | {"plain": plain}
    drawn = sorted(rows, key=lambda row: ORDER.index(row.id))
    layers = [drawings[scene.layers[row.id]](row) for row in drawn]
    for layer in layers:
        if layer.type == "TerrainLayer":
            layer.extent = terrain_bounds(connection)
    if scene.has_models:
        layers += model_layers(connection, caller)
    view = view_state(district_extent(connection) or DEFAULT_EXTENT, scene)
    deck = pydeck.Deck(layers=layers, initial_view_state=view, map_provider=None, tooltip=False)
    # pydeck writes a placeholder for it, which is no style
    deck.map_style = None
    return deck


def view_state(extent: tuple[float, float, float, float], scene: Scene) -> pydeck.ViewState:
    """Return a slanted view of the middle of an extent (degrees), near enough to make out buildings."""
    west, south, east, north = extent
    span = max(east - west, (north - south) * 1.4, 1e-4)
    zoom = scene.zoom or min(max(math.log2(360 * 1600 / (512 * span)), 12.5), 16.5)
    return pydeck.ViewState(
        longitude=(west + east) / 2, latitude=(south + north) / 2, zoom=round(zoom, 2), pitch=scene.pitch, bearing=-18,
        max_pitch=85,
    )  # fmt: skip


def visible_rows(connection: Connection, scene: Scene, caller: Caller) -> list[LayerRow]:
    """Return the scene's layers that are in the catalogue and that the caller may see; relief where there is any."""
    rows = []
    for layer_id, drawing in scene.layers.items():
        is_relief = drawing == "relief"
        if is_relief and terrain_bounds(connection) is None:
            continue
        try:
            rows.append((get_layer if is_relief else get_tile_layer)(connection, layer_id, caller))
        except NotFound:
            continue
    return rows


def static_files() -> dict[str, Path]:
    """Return name -> file of what the pages load: our own, pydeck's bundle, and the workers of its loaders."""
    own = ("scene.css", "texts.js", "scene.js", "flood.js", "live.js", "underground.js", "packed.js")
    workers = {f"{kind}-worker.js": _worker(kind) for kind in ("mvt", "terrain")}
    return {name: FOLDER / name for name in own} | {"pydeck.js": _pydeck_bundle()} | workers


def _pydeck_bundle() -> Path:
    found = importlib.util.find_spec("pydeck")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "nbextension" / "static" / "index.js"


def _worker(kind: str) -> Path:
    """Return the worker that decodes a kind of tiles: of the viewer's build, else of the packages it is built from."""
    built = WEB / "dist" / "scenes" / f"{kind}-worker.js"
    return built if built.exists() else WEB / "node_modules" / "@loaders.gl" / kind / "dist" / f"{kind}-worker.js"
