"""pydeck scenes: named maps made from layer references, on pages that load nothing from outside."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import orjson
import pydeck
from markupsafe import Markup
from sqlalchemy import Connection

from cim.access import Caller
from cim.errors import NotFound
from layers.catalogue import LayerRow, district_extent
from tiles.mvt import get_tile_layer
from tiles.scene_layers import ORDER, model_layers, vector_layer

FOLDER = Path(__file__).parent / "scenes"
WEB = Path(__file__).parent.parent / "web"
STATIC = "/scenes/static"

#: Where the pages start when the model is empty: the pilot district.
DEFAULT_EXTENT = (114.19, 22.68, 114.25, 22.72)


class Scene(NamedTuple):
    """A named scene: which layers it shows and whether BIM models stand in it."""

    name: str
    title_zh: str
    title_en: str
    layers: tuple[str, ...]
    has_models: bool


SCENES = {
    scene.name: scene
    for scene in (
        Scene(
            "overview", "城区总览", "Overview",
            ("buildings", "pipes", "cameras", "events", "roads", "river_areas"), False,
        ),
        Scene(
            "pilot", "试点片区 BIM", "Pilot with BIM",
            ("buildings", "models", "pipes", "cameras", "events", "roads", "river_areas"), True,
        ),
    )
}  # fmt: skip


def render(connection: Connection, name: str, caller: Caller) -> str:
    """Return the page of a scene, with the layers that the caller may see.

    Raises
    ------
    NotFound
        For a scene that does not exist, naming those that do.
    """
    scene = SCENES.get(name)
    if scene is None:
        raise NotFound(f"there is no scene '{name[:40]}'; there are: {', '.join(SCENES)}")
    rows = _visible_rows(connection, scene.layers, caller)
    return _template().render(
        name=scene.name,
        title_zh=scene.title_zh,
        title_en=scene.title_en,
        scenes=SCENES.values(),
        legends=[_legend(row) for row in rows],
        deck=embed(deck_of(connection, scene, rows, caller)),
    )


def deck_of(connection: Connection, scene: Scene, rows: Sequence[LayerRow], caller: Caller) -> pydeck.Deck:
    """Return the scene as a pydeck Deck; its data are addresses of this service."""
    worker = f"{STATIC}/mvt-worker.js"
    drawn = sorted((row for row in rows if row.id in ORDER), key=lambda row: ORDER.index(row.id))
    layers = [vector_layer(row, worker, hide_modelled=scene.has_models) for row in drawn]
    if scene.has_models:
        layers += model_layers(connection, caller)
    view = view_state(district_extent(connection) or DEFAULT_EXTENT)
    deck = pydeck.Deck(layers=layers, initial_view_state=view, map_provider=None, tooltip=False)
    # pydeck writes a placeholder for it, which is no style
    deck.map_style = None
    return deck


def view_state(extent: tuple[float, float, float, float]) -> pydeck.ViewState:
    """Return a slanted view of the middle of an extent (degrees), near enough to make out buildings."""
    west, south, east, north = extent
    span = max(east - west, (north - south) * 1.4, 1e-4)
    zoom = min(max(math.log2(360 * 1600 / (512 * span)), 12.5), 16.5)
    return pydeck.ViewState(
        longitude=(west + east) / 2, latitude=(south + north) / 2, zoom=round(zoom, 2), pitch=52, bearing=-18
    )


def embed(deck: pydeck.Deck) -> Markup:
    """Return the deck as JSON that cannot end the script element it stands in."""
    text = orjson.dumps(orjson.loads(deck.to_json())).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # every character that HTML could take for markup is escaped above


def static_files() -> dict[str, Path]:
    """Return name -> file of what the pages load: our own, pydeck's bundle, and the viewer's tile worker."""
    own = {name: FOLDER / name for name in ("scene.css", "scene.js")}
    return own | {"pydeck.js": _pydeck_bundle(), "mvt-worker.js": _mvt_worker()}


def _visible_rows(connection: Connection, layer_ids: Sequence[str], caller: Caller) -> list[LayerRow]:
    rows = []
    for layer_id in layer_ids:
        try:
            rows.append(get_tile_layer(connection, layer_id, caller))
        except NotFound:
            continue
    return rows


def _legend(row: LayerRow) -> dict[str, Any]:
    items = row.style.get("legend") or [{"label": {"zh": row.title_zh}, "color": row.style.get("color", "#5b7db1")}]
    shown = [{"label": item["label"]["zh"], "color": item["color"]} for item in items]
    return {"id": row.id, "title_zh": row.title_zh, "title_en": row.title_en, "entries": shown}


@lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True)
    return environment.get_template("page.html.j2")


def _pydeck_bundle() -> Path:
    found = importlib.util.find_spec("pydeck")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "nbextension" / "static" / "index.js"


def _mvt_worker() -> Path:
    """Return the worker that decodes vector tiles, of the viewer's build, else of the packages it is built from."""
    built = WEB / "dist" / "scenes" / "mvt-worker.js"
    return built if built.exists() else WEB / "node_modules" / "@loaders.gl" / "mvt" / "dist" / "mvt-worker.js"
