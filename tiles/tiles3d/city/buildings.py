"""The buildings of a tile, drawn: blocks, or the surfaces that a city model gave, in the colours of the legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection

from layers.catalogue import LayerRow
from tiles.tiles3d.city.blocks import draw_blocks
from tiles.tiles3d.city.building_rows import SHOWN, read_buildings
from tiles.tiles3d.city.glb import Column
from tiles.tiles3d.city.ground import with_ground
from tiles.tiles3d.city.legend import Legend
from tiles.tiles3d.city.local import Local
from tiles.tiles3d.city.mesh import Floats, Mesh, by_color, join
from tiles.tiles3d.city.surfaces import draw_surfaces
from tiles.tiles3d.city.wanted import Wanted
from tiles.tiles3d.merge import Color, Primitive

#: Of roofs that a city model knows as such.
ROOF_COLOR: Color = (0.56, 0.36, 0.3, 1.0)


def draw_buildings(
    connection: Connection, row: LayerRow, ids: Sequence[int], local: Local, wanted: Wanted
) -> tuple[list[Primitive], dict[str, Column]]:
    """Return what is drawn of some buildings, and their table."""
    found = read_buildings(connection, row, ids, wanted.caller)
    legend = Legend(row)
    color_of = legend.numbers(found["legend"])
    mesh, is_roof = _shapes(connection, found, local, wanted)
    corners = np.where(is_roof, len(legend.colors), color_of[mesh.features])
    return by_color(mesh, corners, [*legend.colors, ROOF_COLOR]), _table(row, found)


def _shapes(
    connection: Connection, found: Mapping[str, Sequence[Any]], local: Local, wanted: Wanted
) -> tuple[Mesh, NDArray[np.bool_]]:
    """Return the mesh of buildings, and which of its corners are of roofs that are known as such."""
    outlines = shapely.from_wkb(found["outline"])
    known_m = np.array(found["base_height_m"], np.float64)
    base_m = with_ground(connection, wanted.files, known_m, _middles(outlines))
    foot_m = np.zeros(len(known_m)) if wanted.ground == "flat" else base_m
    top_m = foot_m + np.array(found["drawn_height_m"], np.float64)
    has_shell = np.array([shell is not None for shell in found["shell"]])
    plain, shaped = np.flatnonzero(~has_shell), np.flatnonzero(has_shell)
    blocks = draw_blocks(outlines[plain], plain, foot_m[plain], top_m[plain], local)
    is_block = np.zeros(len(blocks.features), np.bool_)
    if not len(shaped):
        return blocks, is_block
    shells = shapely.from_wkb([shell for shell in found["shell"] if shell is not None])
    kinds = [found["kinds"][number] or "" for number in shaped.tolist()]
    surfaces, is_roof = draw_surfaces(shells, kinds, shaped, (foot_m - base_m)[shaped], local)
    return join([blocks, surfaces]), np.r_[is_block, is_roof]


def _middles(outlines: NDArray[np.object_]) -> Floats:
    bounds: Floats = shapely.bounds(outlines)
    return (bounds[:, :2] + bounds[:, 2:]) / 2


def _table(row: LayerRow, found: Mapping[str, Sequence[Any]]) -> dict[str, Column]:
    shown = {name: kind for name, kind in SHOWN.items() if name in row.fields}
    return {
        "id": Column("UINT64", found["id"]),
        **{name: Column(kind, found[name]) for name, kind in shown.items()},
        "has_model": Column("UINT8", found["has_model"]),
    }
