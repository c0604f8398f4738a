"""Shapes that the database knows already, by key: what is unchanged in a new version is not computed again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson
from sqlalchemy import Connection, Select, func, select, text

from bim_import.geometry import Geometry, StoredMesh
from bim_import.geometry_messages import Instance
from bim_import.geometry_pool import Outcome
from cim.db import copy_rows
from cim.tables import shape

#: Outcomes that another run would only repeat; a time limit may be kept on a quieter machine.
FINAL = ("ok", "empty", "failed")
_COLUMNS = ("key", "status", "kernel", "mesh_hash", "record")


def known_shapes(keys: Iterable[bytes]) -> Select[Any]:
    """Return the statement for the shapes of these keys."""
    return select(*(shape.c[name] for name in _COLUMNS)).where(shape.c.key == func.any(list(keys)))


def recall(connection: Connection, keys: Mapping[int, bytes], geometry: Geometry) -> None:
    """Put into ``geometry`` what is known of products (STEP id -> key)."""
    rows = {row.key: row for row in connection.execute(known_shapes(set(keys.values())))}
    for product, key in keys.items():
        row = rows.get(key)
        if row is None:
            continue
        geometry.outcomes[product] = Outcome(row.status, row.kernel)
        geometry.recalled.add(product)
        if row.mesh_hash is not None:
            record = orjson.loads(row.record)
            geometry.instances[product] = _instance(product, row.mesh_hash, record)
            geometry.meshes.add_stored(row.mesh_hash, StoredMesh(record[-1]))


def _instance(product: int, mesh_hash: bytes, record: list[Any]) -> Instance:
    placement, materials, corners, low, high, outline = record[:6]
    area = bytes.fromhex(outline) if outline is not None else None
    return Instance(0, product, mesh_hash, placement, materials, corners, low, high, area)


def keep(connection: Connection, keys: Mapping[int, bytes], geometry: Geometry) -> None:
    """Write what was computed afresh; its meshes are in the database by now."""
    fresh = {key: product for product, key in keys.items() if _is_fresh(product, geometry)}
    if not fresh:
        return
    connection.execute(text("DROP TABLE IF EXISTS pg_temp.stage_shape"))
    connection.execute(text("CREATE TEMPORARY TABLE stage_shape (LIKE cim.shape INCLUDING DEFAULTS) ON COMMIT DROP"))
    copy_rows(connection, "stage_shape", _COLUMNS, _rows(fresh, geometry))
    # In one order, so that two imports that bring the same shapes wait for each other in one direction only.
    connection.execute(
        text("INSERT INTO cim.shape SELECT * FROM stage_shape ORDER BY key ON CONFLICT (key) DO NOTHING")
    )


def _is_fresh(product: int, geometry: Geometry) -> bool:
    outcome = geometry.outcomes.get(product)
    return outcome is not None and outcome.status in FINAL and product not in geometry.recalled


def _rows(fresh: Mapping[bytes, int], geometry: Geometry) -> Iterator[tuple[Any, ...]]:
    for key, product in fresh.items():
        outcome, instance = geometry.outcomes[product], geometry.instances.get(product)
        if instance is None:
            yield key, outcome.status, outcome.kernel, None, None
            continue
        outline = instance.outline.hex() if instance.outline is not None else None
        volume_m3 = geometry.meshes[instance.mesh_hash].volume_m3
        record = [
            instance.placement, instance.materials, instance.rectangle, instance.min_z_m, instance.max_z_m, outline,
            volume_m3,
        ]  # fmt: skip
        yield key, outcome.status, outcome.kernel, instance.mesh_hash, orjson.dumps(record)
