"""Many placed meshes merged into one draw a colour, each vertex with its own flat normal and its element's number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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


def merge(
    meshes: Mapping[bytes, StoredMesh], instances: Sequence[Instance], origin: NDArray[np.float64]
) -> list[Primitive]:
    """Merge all instances, one primitive a colour; see-through colours last.

    Parameters
    ----------
    origin
        x, y, z of the local origin in model metres, taken off every vertex before it becomes float32.
    """
    pieces = weld(meshes)
    by_color: dict[Color, list[tuple[Piece, Instance]]] = {}
    for instance in instances:
        for number, (_, _, material) in enumerate(meshes[instance.mesh_key].parts):
            piece = pieces[instance.mesh_key, number]
            if len(piece.triangles):
                by_color.setdefault(color_of(instance, material), []).append((piece, instance))
    primitives = [_fill(color, drawings, origin) for color, drawings in by_color.items()]
    return sorted(primitives, key=lambda primitive: (-primitive.color[3], primitive.color))


def color_of(instance: Instance, material: int) -> Color:
    """Return the colour of a material of an instance, a light grey where it has none."""
    if not 0 <= material < len(instance.materials):
        return DEFAULT_COLOR
    red, green, blue, alpha = (round(min(max(float(part), 0.0), 1.0), 3) for part in instance.materials[material])
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


def _fill(color: Color, drawings: Sequence[tuple[Piece, Instance]], origin: NDArray[np.float64]) -> Primitive:
    vertices = sum(len(piece.positions) for piece, _ in drawings)
    count = sum(len(piece.triangles) for piece, _ in drawings)
    made = Primitive(
        color,
        np.empty((vertices, 3), np.float32),
        np.empty((vertices, 3), np.float32),
        np.empty(vertices, np.float32),
        np.empty((count, 3), np.uint32),
    )
    matrices = np.array([instance.placement for _, instance in drawings], np.float64).reshape(-1, 3, 4)
    is_mirrored = np.linalg.det(matrices[:, :, :3]) < 0
    vertex = triangle = 0
    for (piece, instance), matrix, mirrored in zip(drawings, matrices, is_mirrored, strict=True):
        vertex_end, triangle_end = vertex + len(piece.positions), triangle + len(piece.triangles)
        turn = matrix[:, :3].T
        made.positions[vertex:vertex_end] = piece.positions @ turn + (matrix[:, 3] - origin)
        made.normals[vertex:vertex_end] = piece.normals @ turn
        made.features[vertex:vertex_end] = instance.feature
        # a mirror turns triangles inside out
        made.triangles[triangle:triangle_end] = (piece.triangles[:, ::-1] if mirrored else piece.triangles) + vertex
        vertex, triangle = vertex_end, triangle_end
    made.normals[:] /= np.linalg.norm(made.normals, axis=1, keepdims=True)
    return made
