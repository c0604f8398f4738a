"""The page around a scene: its template, its legend, and the deck as JSON inside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import orjson
import pydeck
from markupsafe import Markup

from layers.catalogue import LayerRow
from tiles.scene_layers import MORE_LEGEND, ONE_COLOR
from tiles.scene_list import Scene
from tiles.scene_texts import name_fields, texts_in
from tiles.styles import Language

FOLDER = Path(__file__).parent / "scenes"

#: What the page paints on the relief (flood.js has the same colours).
LOW_GROUND = (
    ("low_1", "#9fd0ee"),
    ("low_3", "#4f9fd6"),
    ("low_more", "#1f62a8"),
)


class Legend(NamedTuple):
    """A layer in the legend; ``entries`` are labels and colours."""

    id: str
    title: str
    entries: list[tuple[str, str]]


class Snapshot(NamedTuple):
    """What a page that stands alone says of itself: where its data lie beside it, and since when."""

    folder: str
    packs: Sequence[str]
    taken_at: str


def render_page(
    scene: Scene,
    deck: pydeck.Deck | Mapping[str, Any],
    rows: Sequence[LayerRow],
    *,
    language: Language = "zh",
    others: Mapping[str, str] | None = None,
    snapshot: Snapshot | None = None,
    is_empty: bool = False,
) -> str:
    """Return the page of a scene.

    Parameters
    ----------
    rows
        The layers of the catalogue that are shown, for the legend.
    others
        Name -> title of the scenes to link to; none on a page that stands alone.
    snapshot
        For a page that stands alone.
    is_empty
        Whether the model has nothing to draw yet.
    """
    value = orjson.loads(deck.to_json()) if isinstance(deck, pydeck.Deck) else deck
    texts = texts_in(language)
    return _template().render(
        scene=scene,
        language=language,
        text=texts,
        scenes=others or {},
        legends=[legend_of(row, scene.layers[row.id], language) for row in rows],
        deck=embed(value),
        words=embed({row.id: words_of(row, language) for row in rows}),
        texts=embed({"texts": texts, "nameFields": name_fields(language)}),
        snapshot=snapshot,
        empty=is_empty,
        static=snapshot.folder if snapshot else "/scenes/static",
    )


def embed(value: Any) -> Markup:
    """Return a value as JSON that cannot end the script element it stands in."""
    text = orjson.dumps(value).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # every character that HTML could take for markup is escaped above


def legend_of(row: LayerRow, drawing: str, language: Language) -> Legend:
    """Return what the legend says of a layer that is drawn in one of the ways of ``DRAWINGS``."""
    texts, title = texts_in(language), row.title_en if language == "en" else row.title_zh
    items = row.style.get("legend") or []
    entries = [(item["label"][language], item["color"]) for item in items]
    if drawing == "relief":
        entries = [(texts[name], color) for name, color in LOW_GROUND]
    elif drawing in ONE_COLOR or not entries:
        entries = [(title, ONE_COLOR.get(drawing, row.style.get("color", "#5b7db1")))]
    more = [(texts[name], color) for name, color in MORE_LEGEND.get(drawing, [])]
    return Legend(row.id, title, [*entries, *more])


def words_of(row: LayerRow, language: Language) -> dict[str, Any]:
    """Return the titles of a layer's attributes as tiles name them, and of the values of its legend."""
    titles = {field.get("tile_name", name): field["title"][language] for name, field in row.fields.items()}
    values = {item["value"]: item["label"][language] for item in row.style.get("legend") or [] if item.get("value")}
    return {"titles": titles, "values": {row.style["legend_field"]: values} if row.style.get("legend_field") else {}}


@lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True)
    return environment.get_template("page.html.j2")
