"""BIM models as 3D Tiles: a tileset a model, a glb a part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, select

from cim.access import Caller
from cim.errors import NotFound
from cim.tables import building, element, layer, mesh, mesh_instance, model, storey
from tiles.tiles3d.frame import column_major, model_to_earth
from tiles.tiles3d.glb import write_glb
from tiles.tiles3d.merge import Instance, StoredMesh, merge
from tiles.tiles3d.parts import (
    Part,
    PartBounds,
    drawn_elements,
    is_in_part,
    local_origin,
    parse_part,
    part_bounds,
)

#: Metres by which a model without its details is off: they come when one is nearer than some 300 m.
DETAIL_ERROR_M = 3.0
#: A model that is not drawn at all is off by its size; small ones count as this large, so that none is lost on maps
#: that leave out the building's block in its stead.
LEAST_ERROR_M = 60.0

Ground = Literal["true", "flat"]


def tileset(connection: Connection, model_id: int, caller: Caller, *, ground: Ground = "true") -> dict[str, Any]:
    """Return the tileset.json of a model; addresses of contents are relative to it.

    Parameters
    ----------
    ground
        ``true``: at its height in the vertical datum; ``flat``: its ground floor at height 0, for maps
        without terrain.

    Raises
    ------
    NotFound
        For a model that does not exist, may not be seen, is not placed, or has nothing to draw.
    """
    row = _find_model(connection, model_id, caller)
    origin = local_origin(connection, model_id)
    if row.placement is None or row.metric_crs is None or origin is None:
        raise NotFound(f"the model {model_id} is not on the map: its place or its geometry is not known")
    lift_m = -base_height_m(connection, row) if ground == "flat" else 0.0
    matrix = model_to_earth(row.metric_crs, row.placement, origin, lift_m)
    parts = part_bounds(connection, model_id, origin)
    storeys = _read_storeys(connection, model_id)
    size_m = float(np.linalg.norm(_high(parts) - _low(parts)))
    error_m = max(size_m, LEAST_ERROR_M)
    return {
        "asset": {"version": "1.1", "tilesetVersion": str(int(row.recorded_at.timestamp())), "generator": "cim"},
        "geometricError": round(2 * error_m, 3),
        "root": {
            "transform": column_major(matrix),
            "boundingVolume": _volume(parts),
            "geometricError": round(error_m, 3),
            "refine": "ADD",
            "children": [_storey_tile(group, storeys) for group in _by_storey(parts)],
        },
    }


def content(connection: Connection, model_id: int, part: str, caller: Caller) -> bytes:
    """Return the glb of a part of a model.

    Raises
    ------
    NotFound
        For a model or a part that does not exist, may not be seen, or has nothing to draw.
    """
    wanted = parse_part(part)
    _find_model(connection, model_id, caller)
    origin = local_origin(connection, model_id)
    rows = _read_instances(connection, model_id, wanted)
    if origin is None or not rows:
        raise NotFound(f"the model {model_id} has no part '{wanted.name}'; its tileset.json lists them")
    features: dict[int, int] = {}
    table: dict[str, list[Any]] = {"id": [], "global_id": [], "ifc_class": [], "name": [], "storey": []}
    instances = []
    for row in rows:
        if row.id not in features:
            features[row.id] = len(features)
            for name, values in table.items():
                values.append(getattr(row, name) if name == "id" else getattr(row, name) or "")
        instances.append(Instance(features[row.id], bytes(row.mesh_hash), row.placement, row.materials))
    return write_glb(merge(_read_meshes(connection, model_id, wanted), instances, origin), table)


def base_height_m(connection: Connection, row: Row[Any]) -> float:
    """Return the height of a model's ground floor.

    It is that of storey 0 or 1; without storeys that of the building's base, and last that of the model's origin.
    """
    ground = connection.execute(
        select(storey.c.base_height_m)
        .where(storey.c.model_id == row.id, storey.c.base_height_m.is_not(None), storey.c.number >= 0)
        .order_by(storey.c.number, storey.c.base_height_m)
        .limit(1)
    ).scalar_one_or_none()
    if ground is None and row.building_id is not None:
        ground = connection.execute(
            select(building.c.base_height_m).where(building.c.id == row.building_id)
        ).scalar_one_or_none()
    return float(row.height_m or 0.0 if ground is None else ground)


def _find_model(connection: Connection, model_id: int, caller: Caller) -> Row[Any]:
    statement = (
        select(model)
        .join(layer, layer.c.id == model.c.layer_id)
        .where(model.c.id == model_id, layer.c.visibility.in_(caller.visible_levels()))
    )
    if caller.area_code:
        inside = building.c.area_code.startswith(caller.area_code, autoescape=True)
        statement = statement.join(building, building.c.id == model.c.building_id).where(inside)
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound(f"there is no model {model_id}; /api/models lists those that you may see")
    return row


def _read_instances(connection: Connection, model_id: int, part: Part) -> list[Row[Any]]:
    statement = (
        drawn_elements(model_id)
        .where(*is_in_part(part))
        .outerjoin(storey, storey.c.id == element.c.storey_id)
        .add_columns(
            element.c.id,
            element.c.global_id,
            element.c.ifc_class,
            element.c.name,
            storey.c.name.label("storey"),
            mesh_instance.c.mesh_hash,
            mesh_instance.c.placement,
            mesh_instance.c.materials,
        )
        .order_by(element.c.id, mesh_instance.c.id)
    )
    return list(connection.execute(statement))


def _read_meshes(connection: Connection, model_id: int, part: Part) -> dict[bytes, StoredMesh]:
    used = drawn_elements(model_id).where(*is_in_part(part)).add_columns(mesh_instance.c.mesh_hash)
    rows = connection.execute(
        select(mesh.c.hash, mesh.c.positions, mesh.c.triangles, mesh.c.parts).where(mesh.c.hash.in_(used))
    )
    return {
        bytes(key): StoredMesh(
            np.frombuffer(positions, "<f4").reshape(-1, 3), np.frombuffer(triangles, "<u4").reshape(-1, 3), parts
        )
        for key, positions, triangles, parts in rows
    }


def _by_storey(parts: Iterable[PartBounds]) -> list[list[PartBounds]]:
    groups: dict[int | None, list[PartBounds]] = {}
    for bounds in parts:
        groups.setdefault(bounds.part.storey_id, []).append(bounds)
    return list(groups.values())


def _read_storeys(connection: Connection, model_id: int) -> dict[int, dict[str, Any]]:
    """Return what the tileset says of each storey, so that clients can peel them."""
    columns = (storey.c.id, storey.c.name, storey.c.number, storey.c.elevation_m)
    rows = connection.execute(select(*columns).where(storey.c.model_id == model_id))
    return {row.id: row._asdict() for row in rows}


def _storey_tile(group: list[PartBounds], storeys: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """Return the tile of a storey: its fabric, and below it the details where it has both."""
    fabric, *details = sorted(group, key=lambda bounds: bounds.part.is_detail)
    tile: dict[str, Any] = {
        "boundingVolume": _volume(group),
        "geometricError": DETAIL_ERROR_M if details else 0.0,
        "content": {"uri": f"{fabric.part.name}.glb"},
    }
    if fabric.part.storey_id in storeys:
        tile["extras"] = {"storey": storeys[fabric.part.storey_id]}
    if details:
        tile["children"] = [
            {
                "boundingVolume": _volume(details),
                "geometricError": 0.0,
                "content": {"uri": f"{details[0].part.name}.glb"},
            }
        ]
    return tile


def _low(parts: Iterable[PartBounds]) -> NDArray[np.float64]:
    low: NDArray[np.float64] = np.min([bounds.low for bounds in parts], axis=0)
    return low


def _high(parts: Iterable[PartBounds]) -> NDArray[np.float64]:
    high: NDArray[np.float64] = np.max([bounds.high for bounds in parts], axis=0)
    return high


def _volume(parts: Iterable[PartBounds]) -> dict[str, Any]:
    """Return the box around parts, z up in the tileset's frame; a centimetre wider, for contents are float32."""
    listed = list(parts)
    low, high = _low(listed) - 0.01, _high(listed) + 0.01
    half = (high - low) / 2
    axes = np.diag(half)
    return {"box": [round(value, 4) for value in [*((low + high) / 2).tolist(), *axes.ravel().tolist()]]}
