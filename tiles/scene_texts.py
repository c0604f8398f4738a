"""What the pages of scenes say themselves, in the languages that they speak."""

from __future__ import annotations

from tiles.styles import Language
from tiles.styles.names import ENGLISH_NAMES

#: Chinese, English; ``{}`` stands for a value. Scripts have them by the same names (texts.js).
TEXTS: dict[str, tuple[str, str]] = {
    "locale": ("zh-CN", "en-GB"),
    "colon": ("：", ": "),
    "scenes": ("场景", "Scenes"),
    "map": ("三维地图", "3D map"),
    "legend": ("图例", "Legend"),
    "settings": ("设置", "Settings"),
    "snapshot": ("数据截至 {}，离线副本。", "A copy of the data as of {}."),
    "empty": ("模型里还没有可画的数据：用 {} 导入后刷新本页。", "Nothing has been imported yet: use {} and reload."),
    "no_webgl": ("此场景无法显示：浏览器需要支持 WebGL 2。", "This scene cannot be shown: the browser needs WebGL 2."),
    "not_loaded": ("部分数据未能载入：{}", "Some data could not be loaded: {}"),
    "asking": ("正在查询事件…", "Asking for events…"),
    "events": ("近 24 小时 {} 起事件", "{} events in the last 24 hours"),
    "no_events": ("近 24 小时没有事件", "No events in the last 24 hours"),
    "as_of": ("截至 {}", "as of {}"),
    "updated": ("更新于 {}", "updated at {}"),
    "not_updated": ("事件未能更新（{}），稍后再试", "Events could not be updated ({}); trying again later"),
    "level": ("水位", "Level"),
    "metres": ("{} 米", "{} m"),
    "no_terrain": ("没有地形数据：导入高程栅格（GeoTIFF）后即可查看。", "No terrain yet: import a raster (GeoTIFF)."),
    "exaggeration": ("深度夸张", "Depth exaggeration"),
    "true_depth": ("真实", "true"),
    "low_1": ("低于水位 0–1 米", "0–1 m below the level"),
    "low_3": ("低于水位 1–3 米", "1–3 m below the level"),
    "low_more": ("低于水位 3 米以上", "more than 3 m below the level"),
    "unknown_depth": ("埋深不详", "Depth not known"),
}  # fmt: skip


def texts_in(language: Language) -> dict[str, str]:
    """Return all texts in a language, by name."""
    place = 1 if language == "en" else 0
    return {name: both[place] for name, both in TEXTS.items()}


def name_fields(language: Language) -> tuple[str, ...]:
    """Return the attributes by which an object is called in a language, before its plain name."""
    return ENGLISH_NAMES if language == "en" else ()
