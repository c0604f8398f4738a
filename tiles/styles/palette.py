"""Colours that are not the catalogue's: background, text and the shades between."""

from __future__ import annotations

from typing import Any, NamedTuple


class Palette(NamedTuple):
    """The colours of a theme.

    Attributes
    ----------
    strength
        The share of a catalogue's colour that is left beside the shade.
    enlargement
        How many times larger lines, dots and names are than on a desk's screen.
    """

    name: str
    background: str
    text: str
    water_text: str
    halo: str
    casing: str
    point_stroke: str
    shade: str
    strength: float
    extrusion_opacity: float
    relief_shadow: str
    relief_light: str
    contour: str
    enlargement: float


LIGHT = Palette(
    "light", "#eef1f4", "#2b3642", "#2f6d9c", "#ffffff", "#8d97a5", "#ffffff", "#ffffff", 1.0, 0.92,
    "#3f4c5e", "#ffffff", "#8a6a45", 1.0,
)  # fmt: skip
DARK = Palette(
    "dark", "#141a21", "#dce4ec", "#8cc6ee", "#10161c", "#0b1016", "#0e141a", "#1b232c", 0.72, 0.94,
    "#000000", "#6b819c", "#b08d62", 1.0,
)  # fmt: skip
#: For a wall of screens seen from 5 m: nothing between near black and what has to be read.
WALL = Palette(
    "wall", "#04070b", "#ffffff", "#a8dcff", "#000000", "#000000", "#000000", "#ffffff", 0.94, 0.96,
    "#000000", "#86a2c4", "#e0b070", 1.8,
)  # fmt: skip

#: Of the map of all layers, by name; of other styles, by the end of their names.
PALETTES = {"base": LIGHT, "dark": DARK, "wall": WALL}
SUFFIXES = {"-dark": DARK, "-wall": WALL}

#: Families of the reader's machine: no glyphs are fetched, MapLibre 6 draws every letter with these.
FONTS = ["Noto Sans CJK SC", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", "sans-serif"]


def mix(color: str, other: str, share: float) -> str:
    """Return ``share`` of one colour and the rest of another, both as #rrggbb."""
    parts = zip(_components(color), _components(other), strict=True)
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in parts)


def by_legend(style: dict[str, Any], palette: Palette, *, toward: str | None = None, share: float = 1.0) -> Any:
    """Return a colour, or an expression that chooses it by the legend's field.

    Parameters
    ----------
    style
        The layer's style of the catalogue: {"color", "legend": [{"color", "value"}], "legend_field"}.
    toward, share
        Mix every colour so much with another one.
    """

    def shown(color: str) -> str:
        themed = mix(color, palette.shade, palette.strength)
        return themed if toward is None else mix(themed, toward, share)

    plain = str(style.get("color") or "#5b7db1")
    values = {str(item["value"]): item["color"] for item in style.get("legend") or [] if item.get("value")}
    others = next((item["color"] for item in style.get("legend") or [] if not item.get("value")), plain)
    field = style.get("legend_field")
    if not field or not values:
        return shown(plain)
    cases = [part for value, color in values.items() for part in (value, shown(color))]
    return ["match", ["to-string", ["get", field]], *cases, shown(others)]


def _components(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
