"""Colours: one surface style a name, shared by all that wear it."""

from __future__ import annotations

import numpy as np

from district.bim.document import Document, Entity

#: Red, green, blue and transparency, all 0 to 1.
_COLOURS: dict[str, tuple[float, float, float, float]] = {
    "concrete": (0.74, 0.73, 0.71, 0.0),
    "floor": (0.80, 0.79, 0.76, 0.0),
    "plaster": (0.93, 0.92, 0.90, 0.0),
    "glass": (0.42, 0.62, 0.72, 0.55),
    "clear_glass": (0.72, 0.84, 0.88, 0.70),
    "aluminium": (0.74, 0.76, 0.78, 0.0),
    "dark_metal": (0.25, 0.27, 0.30, 0.0),
    "steel": (0.42, 0.50, 0.58, 0.0),
    "wood": (0.66, 0.48, 0.31, 0.0),
    "door": (0.55, 0.38, 0.25, 0.0),
    "fire_door": (0.62, 0.20, 0.18, 0.0),
    "linen": (0.90, 0.94, 0.96, 0.0),
    "ceramic": (0.97, 0.97, 0.96, 0.0),
    "lamp": (1.00, 0.96, 0.80, 0.0),
    "roof": (0.48, 0.47, 0.46, 0.0),
    "roof_metal": (0.36, 0.50, 0.62, 0.0),
    "fire_pipe": (0.80, 0.12, 0.10, 0.0),
    "water_pipe": (0.16, 0.42, 0.78, 0.0),
    "drain_pipe": (0.40, 0.40, 0.40, 0.0),
    "gas_pipe": (0.92, 0.74, 0.12, 0.0),
    "machine": (0.22, 0.52, 0.42, 0.0),
    "board": (0.12, 0.30, 0.22, 0.0),
    "panel": (0.80, 0.84, 0.87, 0.0),
    "seat": (0.20, 0.36, 0.60, 0.0),
}
#: What a façade may be clad in, by the model's own choice.
_CLADDINGS: tuple[tuple[float, float, float, float], ...] = (
    (0.86, 0.83, 0.77, 0.0),
    (0.72, 0.52, 0.42, 0.0),
    (0.88, 0.88, 0.88, 0.0),
    (0.62, 0.66, 0.70, 0.0),
    (0.80, 0.70, 0.55, 0.0),
    (0.70, 0.76, 0.78, 0.0),
)
_TINTS: tuple[tuple[float, float, float, float], ...] = (
    (0.36, 0.58, 0.72, 0.45),
    (0.40, 0.62, 0.60, 0.45),
    (0.30, 0.42, 0.55, 0.40),
    (0.52, 0.60, 0.62, 0.50),
)


class Palette:
    """The surface styles of one model; ``cladding`` and ``tint`` are drawn once a model."""

    def __init__(self, document: Document, rng: np.random.Generator) -> None:
        self._document = document
        self._styles: dict[str, Entity] = {}
        self._colours = {
            **_COLOURS,
            "cladding": _CLADDINGS[int(rng.integers(len(_CLADDINGS)))],
            "tint": _TINTS[int(rng.integers(len(_TINTS)))],
        }

    def paint(self, item: Entity, colour: str) -> None:
        """Style a representation item."""
        if colour not in self._styles:
            self._styles[colour] = self._style(colour)
        self._document.new("IfcStyledItem", Item=item, Styles=[self._styles[colour]])

    def _style(self, colour: str) -> Entity:
        red, green, blue, transparency = self._colours[colour]
        rendering = self._document.new(
            "IfcSurfaceStyleRendering",
            SurfaceColour=self._document.new("IfcColourRgb", Red=red, Green=green, Blue=blue),
            Transparency=transparency,
            ReflectanceMethod="GLASS" if transparency else "MATT",
        )
        style = self._document.new("IfcSurfaceStyle", Name=colour, Side="BOTH", Styles=[rendering])
        if self._document.is_2x3:
            return self._document.new("IfcPresentationStyleAssignment", Styles=[style])
        return style
