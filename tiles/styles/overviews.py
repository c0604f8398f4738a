"""How layers are drawn at small scales, where tiles hold squares and clusters instead of objects."""

from __future__ import annotations

from typing import Any

from layers.catalogue import LayerRow
from tiles.overview import Policy
from tiles.styles.palette import FONTS, Palette, by_legend

StyleLayer = dict[str, Any]

#: Objects of a square or cluster, and how strongly it is drawn: the eye compares ratios, so the steps are ratios.
OPACITIES = (1, 0.3, 8, 0.5, 64, 0.75, 512, 0.92)
RADII_PX = (1, 3, 10, 8, 100, 13, 1000, 19, 10000, 26)
#: Clusters of fewer are dots without a number.
LEAST_NUMBERED = 2


def draw_overview(row: LayerRow, policy: Policy, palette: Palette) -> list[StyleLayer]:
    """Return the style layers of squares and areas (``grid``, ``merge``) or of clusters, below the policy's zoom."""
    color = by_legend(row.style, palette)
    made = _clusters(row, color, palette) if policy.kind == "cluster" else [_squares(row, color)]
    return [layer | {"maxzoom": policy.below} for layer in made]


def _squares(row: LayerRow, color: Any) -> StyleLayer:
    opacity = ["interpolate", ["linear"], ["get", "count"], *OPACITIES]
    paint = {"fill-color": color, "fill-opacity": opacity, "fill-antialias": False}
    return {"id": f"{row.id}:squares", "type": "fill", "paint": paint}


def _clusters(row: LayerRow, color: Any, palette: Palette) -> list[StyleLayer]:
    dots = {
        "circle-color": color,
        "circle-radius": ["interpolate", ["linear"], ["get", "count"], *RADII_PX],
        "circle-opacity": 0.85,
        "circle-stroke-color": palette.point_stroke,
        "circle-stroke-width": 1,
    }
    numbers = {
        "text-field": ["to-string", ["get", "count"]],
        "text-font": FONTS,
        "text-size": 10.5,
        # large crowds first, where two numbers would overlap
        "symbol-sort-key": ["-", 0, ["get", "count"]],
    }
    paint = {"text-color": palette.text, "text-halo-color": palette.halo, "text-halo-width": 1.4}
    crowd = [">=", ["get", "count"], LEAST_NUMBERED]
    return [
        {"id": f"{row.id}:clusters", "type": "circle", "paint": dots},
        {"id": f"{row.id}:counts", "type": "symbol", "filter": crowd, "layout": numbers, "paint": paint},
    ]
