"""Triangles that are drawn, each with its feature and its colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiles.tiles3d.merge import Color, Primitive

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Positions and normals are rounded to this part, which takes 30 % off packed contents, as much as bytes for normals
#: (KHR_mesh_quantization) would.
STEPS_A_METRE = 1024


class Mesh(NamedTuple):
    """Corners (n x 3, metres around the tile's origin) with normals and the row of each one's feature; triangles."""

    positions: Floats
    normals: Floats
    features: Integers
    triangles: Integers


def join(meshes: Sequence[Mesh]) -> Mesh:
    """Return meshes as one."""
    starts = np.cumsum([0, *(len(mesh.positions) for mesh in meshes)])
    return Mesh(
        np.concatenate([mesh.positions for mesh in meshes]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.features for mesh in meshes]),
        np.concatenate([mesh.triangles + start for mesh, start in zip(meshes, starts[:-1], strict=True)]),
    )


def by_color(mesh: Mesh, color_of: Integers, colors: Sequence[Color]) -> list[Primitive]:
    """Return a primitive for each colour in use.

    Parameters
    ----------
    color_of
        For each corner of the mesh the number of its colour; those of a triangle have the same.
    """
    is_used = np.zeros(len(mesh.positions), np.bool_)
    is_used[mesh.triangles] = True
    color_of_triangle = color_of[mesh.triangles[:, 0]]
    primitives = []
    for number in np.flatnonzero(np.bincount(color_of_triangle)).tolist():
        mine = is_used & (color_of == number)
        renumbered = np.cumsum(mine) - 1
        primitives.append(
            Primitive(
                colors[number],
                _rounded(mesh.positions[mine]),
                _rounded(mesh.normals[mine]),
                mesh.features[mine].astype(np.float32),
                renumbered[mesh.triangles[color_of_triangle == number]].astype(np.uint32),
            )
        )
    return primitives


def _rounded(vectors: Floats) -> NDArray[np.float32]:
    # 0 is added, so that there is no -0
    return (np.rint(vectors * STEPS_A_METRE) / STEPS_A_METRE + 0.0).astype(np.float32)


def unit(vectors: Floats) -> Floats:
    """Return vectors (n x 3) with a length of 1, or 0 where they had none."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: Floats = vectors / np.where(length > 0, length, 1.0)
    return found
