"""Many placed meshes merged into one draw a colour, each vertex with its own flat normal and its element's number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Color = tuple[float, float, float, float]

DEFAULT_COLOR: Color = (0.8, 0.8, 0.78, 1.0)
#: Normals are told apart to 1 in 127 a component: 3 x 8 bits of the key by which corners are joined.
NORMAL_BITS = 24


class StoredMesh(NamedTuple):
    """A mesh as the model keeps it: positions n x 3 float32, triangles m x 3, parts [[first, count, material]]."""

    positions: NDArray[np.float32]
    triangles: NDArray[np.uint32]
    parts: list[list[int]]


class Instance(NamedTuple):
    """One drawing of a mesh: row of its element, 12 numbers mesh -> model metres, a colour for each material."""

    feature: int
    mesh_key: bytes
    placement: Sequence[float]
    materials: Sequence[Sequence[float]]


class Primitive(NamedTuple):
    """Triangles of one colour (red, green, blue, alpha of 0 to 1, sRGB), z up, metres around the local origin."""

    color: Color
    positions: NDArray[np.float32]
    normals: NDArray[np.float32]
    features: NDArray[np.float32]
    triangles: NDArray[np.uint32]


class Piece(NamedTuple):
    """The welded triangles of one material of one mesh."""

    positions: NDArray[np.float64]
    normals: NDArray[np.float64]
    triangles: NDArray[np.int64]


def merge(meshes: Mapping[bytes, StoredMesh], instances: Sequence[Instance], origin: ArrayLike) -> list[Primitive]:
    """Merge all instances, one primitive a colour; see-through colours last.

    Parameters
    ----------
    origin
        x, y, z of the local origin in model metres, taken off every vertex before it becomes float32.
    """
    pieces = weld(meshes)
    placements = np.array([instance.placement for instance in instances], np.float64).reshape(-1, 3, 4)
    placements[:, :, 3] -= np.asarray(origin, np.float64)
    drawn = Placed(
        placements,
        np.linalg.det(placements[:, :, :3]) < 0,
        np.array([instance.feature for instance in instances], np.float32),
    )
    primitives = [_fill(color, uses, pieces, drawn) for color, uses in _by_color(meshes, pieces, instances).items()]
    return sorted(primitives, key=lambda primitive: (-primitive.color[3], primitive.color))


class Placed(NamedTuple):
    """All instances: placements around the local origin (n x 3 x 4), which are mirrors, and their features."""

    placements: NDArray[np.float64]
    is_mirrored: NDArray[np.bool_]
    features: NDArray[np.float32]


#: Piece -> the numbers of the instances that draw it.
Uses = dict[tuple[bytes, int], list[int]]


def _by_color(
    meshes: Mapping[bytes, StoredMesh], pieces: Mapping[tuple[bytes, int], Piece], instances: Sequence[Instance]
) -> dict[Color, Uses]:
    found: dict[Color, Uses] = {}
    for row, instance in enumerate(instances):
        for number, (_, _, material) in enumerate(meshes[instance.mesh_key].parts):
            key = instance.mesh_key, number
            if len(pieces[key].triangles):
                found.setdefault(color_of(instance, material), {}).setdefault(key, []).append(row)
    return found


def color_of(instance: Instance, material: int) -> Color:
    """Return the colour of a material of an instance, a light grey where it has none."""
    if not 0 <= material < len(instance.materials):
        return DEFAULT_COLOR
    return _rounded(*instance.materials[material])


@lru_cache(maxsize=4096)
def _rounded(*parts: float) -> Color:
    red, green, blue, alpha = (round(min(max(float(part), 0.0), 1.0), 3) for part in parts)
    return red, green, blue, alpha


def weld(meshes: Mapping[bytes, StoredMesh]) -> dict[tuple[bytes, int], Piece]:
    """Return the piece of each (mesh, number of its part).

    Corners at one vertex with one normal become one vertex; triangles without area are left out. All meshes are
    done in one go, for most have a dozen triangles.
    """
    names = [(key, number) for key, mesh in meshes.items() for number in range(len(mesh.parts))]
    if not names:
        return {}
    corners, unit_of = _corners(meshes, names)
    positions = np.concatenate([meshes[key].positions for key in meshes]).astype(np.float64)
    normals, has_area = _normals(positions[corners.vertex])
    vertex, local = corners.vertex[has_area], corners.key[has_area]
    normals, unit_of = normals[has_area], unit_of[has_area]
    codes = (np.rint(normals * 127).astype(np.int64) + 128) @ np.array([1 << 16, 1 << 8, 1])
    keys = (local << NORMAL_BITS) | codes[:, None]
    _, first, joined = np.unique(keys.ravel(), return_index=True, return_inverse=True)
    joined = joined.reshape(-1, 3)
    welded_positions, welded_normals = positions[vertex.ravel()[first]], normals[first // 3]
    triangle_ends = np.searchsorted(unit_of, np.arange(len(names)), side="right")
    vertex_ends = np.searchsorted(unit_of[first // 3], np.arange(len(names)), side="right")
    pieces, triangle_start, vertex_start = {}, 0, 0
    for name, triangle_end, vertex_end in zip(names, triangle_ends, vertex_ends, strict=True):
        pieces[name] = Piece(
            welded_positions[vertex_start:vertex_end],
            welded_normals[vertex_start:vertex_end],
            joined[triangle_start:triangle_end] - vertex_start,
        )
        triangle_start, vertex_start = triangle_end, vertex_end
    return pieces


class _Corners(NamedTuple):
    """Of all triangles: index of each corner in the positions of all meshes, and a number that grows by piece."""

    vertex: NDArray[np.int64]
    key: NDArray[np.int64]


def _corners(
    meshes: Mapping[bytes, StoredMesh], names: Sequence[tuple[bytes, int]]
) -> tuple[_Corners, NDArray[np.int64]]:
    counts = {key: len(mesh.positions) for key, mesh in meshes.items()}
    starts = dict(zip(counts, np.cumsum([0, *counts.values()])[:-1].tolist(), strict=True))
    vertex, keys, unit_of, base = [], [], [], 0
    for unit, (key, number) in enumerate(names):
        first, count, _ = meshes[key].parts[number]
        triangles = meshes[key].triangles[first : first + count].astype(np.int64)
        vertex.append(triangles + starts[key])
        keys.append(triangles + base)
        unit_of.append(np.full(len(triangles), unit))
        base += counts[key]
    return _Corners(np.concatenate(vertex), np.concatenate(keys)), np.concatenate(unit_of)


def _normals(corners: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the unit normals of triangles (m x 3 x 3) and which have an area."""
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(across, axis=1)
    has_area = length > 1e-12
    return across / np.where(has_area, length, 1.0)[:, None], has_area


def _fill(color: Color, uses: Uses, pieces: Mapping[tuple[bytes, int], Piece], drawn: Placed) -> Primitive:
    vertices = sum(len(pieces[key].positions) * len(rows) for key, rows in uses.items())
    count = sum(len(pieces[key].triangles) * len(rows) for key, rows in uses.items())
    made = Primitive(
        color,
        np.empty((vertices, 3), np.float32),
        np.empty((vertices, 3), np.float32),
        np.empty(vertices, np.float32),
        np.empty((count, 3), np.uint32),
    )
    vertex = triangle = 0
    for key, rows in uses.items():
        vertex, triangle = _place(made, pieces[key], drawn, np.array(rows), (vertex, triangle))
    made.normals[:] /= np.linalg.norm(made.normals, axis=1, keepdims=True)
    return made


def _place(
    made: Primitive, piece: Piece, drawn: Placed, rows: NDArray[np.int64], start: tuple[int, int]
) -> tuple[int, int]:
    """Write all drawings of a piece at once; return where the next one begins."""
    size = len(piece.positions)
    vertex, triangle = start
    vertex_end, triangle_end = vertex + size * len(rows), triangle + len(piece.triangles) * len(rows)
    turn = drawn.placements[rows, :, :3].transpose(0, 2, 1)
    shift = drawn.placements[rows, None, :, 3]
    made.positions[vertex:vertex_end] = (piece.positions @ turn + shift).reshape(-1, 3)
    made.normals[vertex:vertex_end] = (piece.normals @ turn).reshape(-1, 3)
    made.features[vertex:vertex_end] = np.repeat(drawn.features[rows], size)
    # a mirror turns triangles inside out
    mirrored = drawn.is_mirrored[rows, None, None]
    corners = np.where(mirrored, piece.triangles[None, :, ::-1], piece.triangles[None])
    first = vertex + size * np.arange(len(rows))
    made.triangles[triangle:triangle_end] = (corners + first[:, None, None]).reshape(-1, 3)
    return vertex_end, triangle_end
