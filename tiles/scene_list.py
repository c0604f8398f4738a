"""The named scenes: which layers each shows, how, and what one has to know to read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cim.errors import NotFound
from tiles.styles import Language


class Scene(NamedTuple):
    """A named scene.

    Attributes
    ----------
    layers
        Each layer and how it is drawn, a name of ``DRAWINGS``.
    has_models
        Whether BIM models stand in it.
    note_zh, note_en
        What one has to know to read it rightly.
    control
        The script of what one can set on its page, if anything.
    zoom, pitch
        Of the first view, where it does not follow from the district's size.
    """

    name: str
    title_zh: str
    title_en: str
    layers: Mapping[str, str]
    has_models: bool = False
    note_zh: str = ""
    note_en: str = ""
    control: str | None = None
    zoom: float | None = None
    pitch: float = 52

    def title(self, language: Language) -> str:
        """Return the scene's title in a language."""
        return self.title_en if language == "en" else self.title_zh

    def note(self, language: Language) -> str:
        """Return what one has to know to read the scene, in a language."""
        return self.note_en if language == "en" else self.note_zh


_ALL = dict.fromkeys(("buildings", "pipes", "cameras", "events", "roads", "river_areas"), "plain")
SCENES = {
    scene.name: scene
    for scene in (
        Scene("overview", "城区总览", "Overview", _ALL),
        Scene("pilot", "试点片区 BIM", "Pilot with BIM", _ALL, has_models=True),
        Scene(
            "underground", "地下管线", "Underground",
            {"pipes": "buried", "buildings": "ghost", "roads": "faint", "river_areas": "faint"},
            note_zh="管线按埋深绘制，地面为 0；灰色管线埋深不详，画在地面上。",
            note_en="Pipes lie at their depth below the ground, which is 0; grey ones have no known depth.",
            control="underground.js", zoom=17.8, pitch=66,
        ),
        Scene(
            "live", "实时态势", "Live",
            {"events": "live", "cameras": "plain", "buildings": "pale", "roads": "plain", "river_areas": "plain"},
            note_zh="近 24 小时发生的事件，每 30 秒更新一次。",
            note_en="Events of the last 24 hours, asked for again every 30 seconds.",
            control="live.js",
        ),
        Scene(
            "flood", "低洼地与水位", "Low ground",
            {"terrain": "relief", "rivers": "ground", "river_areas": "ground"},
            note_zh="只把地面高程与所设水位相比，不计堤防、排水与水流是否连通，不是洪水预报。",
            note_en="Compares the ground's height with the level only; dikes, drains and flow are not counted. "
            "Not a forecast.",
            control="flood.js",
        ),
    )
}  # fmt: skip


def find_scene(name: str) -> Scene:
    """Return a scene by its name; raises NotFound, naming those that are there."""
    scene = SCENES.get(name)
    if scene is None:
        raise NotFound(f"there is no scene '{name[:40]}'; there are: {', '.join(SCENES)}")
    return scene
