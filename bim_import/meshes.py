"""Meshes and their drawings in the database: each mesh once, drawings written where they are new."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import md5
from typing import Any

import orjson
from sqlalchemy import Connection, delete, func, or_, select, text, union_all

from bim_import.geometry import MeshStore
from cim.db import copy_rows
from cim.errors import Outdated
from cim.tables import element, mesh, mesh_instance, space

_COLUMNS = ("hash", "positions", "triangles", "parts", "vertex_count", "triangle_count", "bounds")
_INSTANCE_COLUMNS = ("model_id", "element_id", "element_table", "mesh_hash", "placement", "materials")
_LOCK = func.hashtext("cim.mesh")


def write_meshes(connection: Connection, meshes: MeshStore) -> int:
    """Write the meshes that the database does not have and return how many those were.

    Raises
    ------
    Outdated
        If a mesh that the database held is there no longer.
    """
    # Whoever removes unused meshes must not meet those who are about to use them.
    connection.execute(select(func.pg_advisory_xact_lock_shared(_LOCK)))
    wanted, relied_on = meshes.hashes(), meshes.stored_hashes()
    known = set(connection.execute(select(mesh.c.hash).where(mesh.c.hash == func.any(wanted + relied_on))).scalars())
    if not known.issuperset(relied_on):
        raise Outdated
    missing = [mesh_hash for mesh_hash in wanted if mesh_hash not in known]
    if not missing:
        return 0
    connection.execute(text("DROP TABLE IF EXISTS pg_temp.stage_mesh"))
    connection.execute(text("CREATE TEMPORARY TABLE stage_mesh (LIKE cim.mesh INCLUDING DEFAULTS) ON COMMIT DROP"))
    copy_rows(connection, "stage_mesh", _COLUMNS, _mesh_rows(meshes, missing))
    # Two imports at once may bring the same mesh; in one order, they wait for each other in one direction only.
    connection.execute(
        text("INSERT INTO cim.mesh SELECT * FROM stage_mesh ORDER BY hash ON CONFLICT (hash) DO NOTHING")
    )
    return len(missing)


def _mesh_rows(meshes: MeshStore, hashes: list[bytes]) -> Iterator[tuple[Any, ...]]:
    for mesh_hash, positions, triangles, info in meshes.read(hashes):
        yield (
            mesh_hash,
            positions,
            triangles,
            orjson.dumps(info.parts).decode(),
            info.position_bytes // 12,
            info.triangle_bytes // 12,
            info.bounds,
        )


def drawing_hashes(
    instances: Iterable[tuple[str, str, bytes, list[float], list[list[float]]]],
) -> dict[tuple[str, str], str]:
    """Return (table, key) -> hash of mesh, placement and materials."""
    return {
        (table, key): md5(mesh_hash + orjson.dumps([placement, materials]), usedforsecurity=False).hexdigest()
        for table, key, mesh_hash, placement, materials in instances
    }


def write_instances(
    connection: Connection,
    model_id: int,
    instances: list[tuple[str, str, bytes, list[float], list[list[float]]]],
    ids: dict[str, dict[str, int]],
) -> None:
    """Write the drawings of a model that are new or have changed; those of objects that are gone go.

    Parameters
    ----------
    ids
        Table name -> source key -> id.
    """
    changed = [ids[table][key] for table, key, *_ in instances]
    drawn = union_all(
        *(select(table.c.id).where(table.c.model_id == model_id, table.c.drawing_hash.is_not(None))
          for table in (element, space))
    )  # fmt: skip
    connection.execute(
        delete(mesh_instance).where(
            mesh_instance.c.model_id == model_id,
            or_(mesh_instance.c.element_id == func.any(changed), mesh_instance.c.element_id.not_in(drawn)),
        )
    )
    rows = (
        (model_id, ids[table][key], table, mesh_hash, placement, orjson.dumps(materials).decode())
        for table, key, mesh_hash, placement, materials in instances
    )
    copy_rows(connection, "mesh_instance", _INSTANCE_COLUMNS, rows)


def remove_unused_meshes(connection: Connection) -> int:
    """Remove meshes that nothing draws and return how many; 0 where another import may be about to draw one."""
    if not connection.execute(select(func.pg_try_advisory_xact_lock(_LOCK))).scalar_one():
        return 0
    used = select(mesh_instance.c.id).where(mesh_instance.c.mesh_hash == mesh.c.hash)
    return connection.execute(delete(mesh).where(~used.exists())).rowcount
