"""Closed bodies of spaces as PostGIS geometry: polyhedral surfaces made from the meshes that the database holds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, bindparam, func, select, update

from bim_import.frame import Frame
from bim_import.mesh import GRAIN_M, Floats, volume_m3
from cim.tables import GEOGRAPHIC_SRID, mesh, mesh_instance, space

#: Bodies of more triangles are no rooms but furniture drawn as one; their meshes and floors are kept all the same.
MOST_TRIANGLES = 20_000
# ISO 13249-3 WKB: polygons with z in a polyhedral surface with z
_SURFACE, _POLYGON = 1015, 1003
_FACE = np.dtype([("order", "u1"), ("kind", "<u4"), ("rings", "<u4"), ("points", "<u4"), ("ring", "<f8", (4, 3))])


def new_bodies(model_id: int) -> Select[Any]:
    """Return the statement for the meshes of the spaces that this transaction has added or changed."""
    drawing = (mesh_instance.c.element_id == space.c.id) & (mesh_instance.c.element_table == "space")
    return (
        select(space.c.id, mesh.c.positions, mesh.c.triangles, mesh_instance.c.placement)
        .outerjoin(mesh_instance, drawing)
        .outerjoin(mesh, mesh.c.hash == mesh_instance.c.mesh_hash)
        .where(space.c.model_id == model_id, space.c.recorded_at == func.now())
    )


def write_solids(connection: Connection, model_id: int, frame: Frame) -> None:
    """Set the body of every space that is new or changed; null where its mesh is not closed."""
    bodies = [
        {"space": row.id, "body": solid(row, frame) if row.positions is not None else None}
        for row in connection.execute(new_bodies(model_id))
    ]
    if bodies:
        shape = func.ST_SetSRID(func.ST_GeomFromWKB(bindparam("body")), GEOGRAPHIC_SRID)
        connection.execute(update(space).where(space.c.id == bindparam("space")).values(solid=shape), bodies)


def solid(row: Any, frame: Frame) -> bytes | None:
    """Return the WKB of one body, in degrees and metres of height; None where its mesh is not closed."""
    local = np.frombuffer(row.positions, "<f4").reshape(-1, 3).astype(np.float64)
    welded = weld(local, np.frombuffer(row.triangles, "<u4").reshape(-1, 3))
    if welded is None:
        return None
    points, triangles = welded
    placement = np.array(row.placement).reshape(3, 4)
    world = points @ placement[:, :3].T + placement[:, 3]
    heights = [frame.height_m(float(z)) for z in world[:, 2]]
    vertices = np.column_stack([frame.geographic(world[:, :2]), heights])
    faces = np.zeros(len(triangles), dtype=_FACE)
    faces["order"], faces["kind"], faces["rings"], faces["points"] = 1, _POLYGON, 1, 4
    faces["ring"] = vertices[triangles[:, [0, 1, 2, 0]]]
    head = b"\x01" + np.array([_SURFACE, len(faces)], "<u4").tobytes()
    return head + faces.tobytes()


def weld(points: Floats, triangles: NDArray[Any]) -> tuple[Floats, NDArray[Any]] | None:
    """Return a mesh with each vertex once and its faces outwards; None where it does not close.

    Closed is a mesh in which every edge has two faces that run along it in opposite directions.
    """
    if not 4 <= len(triangles) <= MOST_TRIANGLES:
        return None
    _, first, index = np.unique(
        np.round(points / GRAIN_M).astype(np.int64), axis=0, return_index=True, return_inverse=True
    )
    corners = index.reshape(-1)[triangles.astype(np.int64)]
    flat = (corners[:, 0] == corners[:, 1]) | (corners[:, 1] == corners[:, 2]) | (corners[:, 2] == corners[:, 0])
    corners = corners[~flat]
    edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
    there = np.unique(edges, axis=0)
    back = np.unique(edges[:, ::-1], axis=0)
    if len(there) != len(edges) or not np.array_equal(there, back):
        return None
    vertices = points[first]
    return vertices, corners if volume_m3(vertices, corners) > 0 else corners[:, ::-1]
