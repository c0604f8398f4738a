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
_COLUMNS = (
    "key", "status", "kernel", "mesh_hash", "placement", "materials", "rectangle", "min_z_m", "max_z_m", "outline",
    "volume_m3",
)  # fmt: skip


def known_shapes(keys: Iterable[bytes]) -> Select[Any]:
    """Return the statement for the shapes of these keys."""
    return select(*(shape.c[name] for name in _COLUMNS)).where(shape.c.key == func.any(list(keys)))


def recall(connection: Connection, keys: Mapping[int, bytes], geometry: Geometry) -> None:
    """Put into ``geometry`` what is known of products (STEP id -> key)."""
    rows = {bytes(row.key): row for row in connection.execute(known_shapes(set(keys.values())))}
    for product, key in keys.items():
        row = rows.get(key)
        if row is None:
            continue
        geometry.outcomes[product] = Outcome(row.status, row.kernel)
        geometry.recalled.add(product)
        if row.mesh_hash is not None:
            instance = _instance(product, row)
            geometry.instances[product] = instance
            geometry.meshes.add_stored(instance.mesh_hash, StoredMesh(row.volume_m3))


def _instance(product: int, row: Any) -> Instance:
    corners = row.rectangle
    return Instance(
        0,
        product,
        bytes(row.mesh_hash),
        row.placement,
        row.materials,
        [corners[start : start + 2] for start in range(0, 8, 2)],
        row.min_z_m,
        row.max_z_m,
        bytes(row.outline) if row.outline is not None else None,
    )


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
            yield (key, outcome.status, outcome.kernel, None, None, "[]", None, None, None, None, None)
            continue
        yield (
            key,
            outcome.status,
            outcome.kernel,
            instance.mesh_hash,
            instance.placement,
            orjson.dumps(instance.materials).decode(),
            [value for corner in instance.rectangle for value in corner],
            instance.min_z_m,
            instance.max_z_m,
            instance.outline,
            geometry.meshes[instance.mesh_hash].volume_m3,
        )
