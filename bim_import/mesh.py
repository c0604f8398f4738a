"""Triangle meshes in their stored form: float32 around a local origin, keyed by a hash of what is drawn."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

#: Vertices are kept to this many metres, so that one shape at two places of a file gives the same bytes.
GRAIN_M = 1e-5

Floats = NDArray[np.float64]


class Mesh(NamedTuple):
    """One mesh.

    Attributes
    ----------
    positions
        float32 little-endian, n x 3, metres above ``origin`` of the shape it was made from.
    triangles
        uint32 little-endian, m x 3, sorted by part.
    parts
        ``[[first_triangle, triangle_count, material_index], ...]``.
    bounds
        Minimum x, y, z and maximum x, y, z in metres.
    volume_m3
        Signed volume by the divergence theorem; means nothing for an open surface.
    """

    hash: bytes
    positions: bytes
    triangles: bytes
    parts: list[list[int]]
    bounds: list[float]
    volume_m3: float

    @property
    def vertex_count(self) -> int:
        """The number of vertices."""
        return len(self.positions) // 12

    @property
    def triangle_count(self) -> int:
        """The number of triangles."""
        return len(self.triangles) // 12


def make_mesh(vertices: Floats, triangles: NDArray[Any], material_of: NDArray[Any]) -> tuple[Mesh, Floats]:
    """Return the mesh and the origin (x, y, z in the shape's own metres) that was taken off its vertices.

    Parameters
    ----------
    vertices
        n x 3, metres.
    triangles
        m x 3 indices of vertices.
    material_of
        m indices of materials, one a triangle.
    """
    origin = vertices.min(axis=0)
    local = np.round((vertices - origin) / GRAIN_M) * GRAIN_M
    order = np.argsort(material_of, kind="stable")
    sorted_material = material_of[order]
    starts = np.flatnonzero(np.diff(sorted_material, prepend=sorted_material[0] - 1))
    counts = np.diff(np.append(starts, len(order)))
    parts = [[int(first), int(count), index] for index, (first, count) in enumerate(zip(starts, counts, strict=True))]
    positions = local.astype("<f4").tobytes()
    corners = triangles[order].astype("<u4").tobytes()
    digest = hashlib.sha256(b"\0".join([positions, corners, orjson.dumps(parts)])).digest()
    bounds = [*local.min(axis=0).tolist(), *local.max(axis=0).tolist()]
    return Mesh(digest, positions, corners, parts, bounds, volume_m3(local, triangles)), origin


def used_materials(material_of: NDArray[Any]) -> list[int]:
    """Return the materials of the mesh's parts, in the order of their part index."""
    return [int(index) for index in np.unique(material_of)]


def volume_m3(vertices: Floats, triangles: NDArray[Any]) -> float:
    """Return the volume that a closed mesh with outward triangles encloses."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6.0)
