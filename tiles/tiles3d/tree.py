"""The tree of a model's tileset: the whole as blocks, below it the storeys, below each its disciplines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiles.tiles3d.disciplines import DISCIPLINES
from tiles.tiles3d.frame import column_major
from tiles.tiles3d.merge import Primitive
from tiles.tiles3d.parts import BLOCKS, Origin, Part, PartBounds, content_name, middle_origin

Floats = NDArray[np.float64]
Tile = dict[str, Any]
#: From metres around a local origin to geocentric metres, 4 x 4.
ToEarth = Callable[[Origin], Floats]

#: A model that is not drawn at all is off by this much, or by twice its size: far more than any view leaves out, so
#: that none is lost on a map that hides the building's own block in its stead.
LEAST_ERROR_M = 500.0
#: Plain blocks are off by this much: the storeys come when one is nearer than some 900 m.
BLOCKS_ERROR_M = 8.0
#: A storey without its details is off by this much: they come when one is nearer than some 300 m.
DETAIL_ERROR_M = 3.0
#: Disciplines of a storey with fewer drawings than this share a content: each costs a request and a draw call.
FEW = 100
#: Boxes are this much wider than what is in them, for contents are float32.
SLACK_M = 0.01
EARTH_DIAMETER_M = 12_742_000.0


class StoreyParts(NamedTuple):
    """The parts of one storey, from what is seen from afar to its details, and their common origin."""

    origin: Origin
    parts: list[PartBounds]
    record: dict[str, Any] | None


def group_by_storey(parts: Iterable[PartBounds], storeys: Mapping[int, dict[str, Any]]) -> list[StoreyParts]:
    """Return the parts by storey, in the order in which the storeys come first."""
    groups: dict[int | None, list[PartBounds]] = {}
    for bounds in parts:
        groups.setdefault(bounds.part.storey_id, []).append(bounds)
    made = []
    for storey_id, group in groups.items():
        ordered = sorted(group, key=lambda each: (each.part.is_detail, DISCIPLINES.index(each.part.disciplines[0])))
        ordered = join_small(ordered)
        origin = middle_origin([each.origin for each in group])
        made.append(StoreyParts(origin, ordered, storeys.get(storey_id) if storey_id is not None else None))
    return made


def join_small(parts: list[PartBounds]) -> list[PartBounds]:
    """Return the parts of a storey, small ones joined with those before them that are as far seen."""
    made: list[PartBounds] = []
    for bounds in parts:
        last = made[-1] if made else None
        if last and last.part.is_detail == bounds.part.is_detail and min(last.drawings, bounds.drawings) < FEW:
            part = Part(last.part.storey_id, last.part.disciplines + bounds.part.disciplines)
            low, high = _box([last, bounds])
            made[-1] = PartBounds(part, last.origin, low, high, last.drawings + bounds.drawings)
        else:
            made.append(bounds)
    return made


def root_tile(groups: list[StoreyParts], to_earth: ToEarth, draw_blocks: Callable[[Floats], list[Primitive]]) -> Tile:
    """Return the root; its transform leads to the earth, those below lead to it.

    Parameters
    ----------
    draw_blocks
        Gives what is drawn of the model from afar, by the matrix of the root; nothing where it has no outlines.
    """
    origin = middle_origin([group.origin for group in groups])
    bounds = [part for group in groups for part in group.parts]
    matrix = to_earth(origin)
    tile: Tile = {"transform": column_major(matrix), "geometricError": outer_error(bounds), "refine": "ADD"}
    if blocks := draw_blocks(matrix):
        part = Part(None, (BLOCKS,))
        tile |= {"geometricError": BLOCKS_ERROR_M, "refine": "REPLACE"}
        tile["content"] = {"uri": f"{content_name(part, origin)}.glb"}
        corners = np.concatenate([primitive.positions for primitive in blocks]).astype(np.float64) + origin
        bounds.append(PartBounds(part, origin, corners.min(axis=0), corners.max(axis=0), 0))
    tile["boundingVolume"] = _volume(bounds, origin)
    to_root = np.linalg.inv(matrix)
    tile["children"] = [_storey_tile(group, to_root @ to_earth(group.origin)) for group in groups]
    return tile


def outer_error(parts: list[PartBounds]) -> float:
    """Return by how much the map is off without the model."""
    low, high = _box(parts)
    return round(max(2 * float(np.linalg.norm(high - low)), LEAST_ERROR_M), 3)


def _storey_tile(group: StoreyParts, matrix: Floats) -> Tile:
    """Return the tile of a storey: its first discipline, with the others below it and the details last.

    The details hang on a tile without content, whose error is theirs: the storey's other disciplines come before.
    """
    first, *others = group.parts
    fabric = [bounds for bounds in others if not bounds.part.is_detail]
    details = [bounds for bounds in others if bounds.part.is_detail]
    tile = _leaf(first, group.origin) | {
        "transform": column_major(matrix),
        "boundingVolume": _volume(group.parts, group.origin),
        "refine": "ADD",
    }
    tile["extras"] = {"storey": group.record} | tile["extras"]
    children = [_leaf(bounds, group.origin) for bounds in fabric]
    if details:
        near: Tile = {"boundingVolume": _volume(details, group.origin), "geometricError": DETAIL_ERROR_M}
        children.append(near | {"children": [_leaf(bounds, group.origin) for bounds in details]})
    if children:
        tile["geometricError"] = BLOCKS_ERROR_M if fabric else DETAIL_ERROR_M
        tile["children"] = children
    return tile


def _leaf(bounds: PartBounds, origin: Origin) -> Tile:
    return {
        "boundingVolume": _volume([bounds], origin),
        "geometricError": 0.0,
        "content": {"uri": f"{content_name(bounds.part, origin)}.glb"},
        "extras": {"disciplines": list(bounds.part.disciplines)},
    }


def _box(parts: list[PartBounds]) -> tuple[Floats, Floats]:
    return np.min([bounds.low for bounds in parts], axis=0), np.max([bounds.high for bounds in parts], axis=0)


def _volume(parts: list[PartBounds], origin: Origin) -> dict[str, Any]:
    """Return the box around parts, z up in the frame of an origin.

    It is wider by how much the earth curves away under the model, for parts below have frames of their own.
    """
    low, high = _box(parts)
    reach = float(np.abs([low - origin, high - origin]).max())
    slack = SLACK_M + reach**2 / EARTH_DIAMETER_M
    half = (high - low) / 2 + slack
    middle = (low + high) / 2 - origin
    return {"box": [round(value, 4) for value in [*middle.tolist(), *np.diag(half).ravel().tolist()]]}
