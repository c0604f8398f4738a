"""BIM models as 3D Tiles: a tileset a model, a glb a part."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, select

from cim.access import Caller
from cim.errors import NotFound
from cim.tables import building, element, layer, mesh, mesh_instance, model, storey
from tiles.tiles3d.blocks import draw_blocks, model_blocks
from tiles.tiles3d.disciplines import discipline_of_element
from tiles.tiles3d.frame import model_to_earth
from tiles.tiles3d.glb import write_glb
from tiles.tiles3d.merge import Instance, StoredMesh, merge
from tiles.tiles3d.parts import (
    BLOCKS,
    Origin,
    Part,
    drawn_elements,
    is_in_part,
    parse_content_name,
    part_bounds,
)
from tiles.tiles3d.tree import group_by_storey, outer_error, root_tile

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
    row = find_model(connection, model_id, caller)
    parts = part_bounds(connection, model_id)
    if row.placement is None or row.metric_crs is None or not parts:
        raise NotFound(
            f"the model {model_id} is not on the map: its place or its geometry is not known",
            "model_not_on_map", id=model_id,
        )  # fmt: skip
    lift_m = -base_height_m(connection, row) if ground == "flat" else 0.0

    def to_earth(origin: Origin) -> NDArray[np.float64]:
        return model_to_earth(row.metric_crs, row.placement, origin, lift_m)

    groups = group_by_storey(parts, read_storeys(connection, model_id))
    blocks = model_blocks(connection, row, lift_m)
    return {
        "asset": {"version": "1.1", "tilesetVersion": str(int(row.recorded_at.timestamp())), "generator": "cim"},
        "geometricError": outer_error(parts),
        "root": root_tile(groups, to_earth, partial(draw_blocks, blocks)),
    }


def content(connection: Connection, model_id: int, name: str, caller: Caller) -> bytes:
    """Return the glb of a part of a model, named as its tileset names it.

    Raises
    ------
    NotFound
        For a model or a part that does not exist, may not be seen, or has nothing to draw.
    """
    part, origin = parse_content_name(name)
    row = find_model(connection, model_id, caller)
    glb = _blocks(connection, row, origin) if part.is_blocks else _elements(connection, row, part, origin)
    if glb is None:
        raise NotFound(f"the model {model_id} has no part '{part.name}'; its tileset.json lists them",
                       "no_such_part", id=model_id, part=part.name)  # fmt: skip
    return glb


def _blocks(connection: Connection, row: Row[Any], origin: Origin) -> bytes | None:
    if row.placement is None or row.metric_crs is None:
        return None
    blocks = model_blocks(connection, row)
    records = [block.record for block in blocks]
    table: dict[str, list[Any]] = {
        "id": [row.id if record is None else record.id for record in records],
        "storey_id": [0 if record is None else record.id for record in records],
        "global_id": [(row if record is None else record).global_id or "" for record in records],
        "ifc_class": ["IfcBuilding" if record is None else "IfcBuildingStorey" for record in records],
        "name": [(row if record is None else record).name or "" for record in records],
        "storey": ["" if record is None else record.name or "" for record in records],
        "system": ["" for _ in records],
        "discipline": [BLOCKS for _ in records],
    }
    return write_glb(draw_blocks(blocks, model_to_earth(row.metric_crs, row.placement, origin)), table)


def _elements(connection: Connection, row: Row[Any], part: Part, origin: Origin) -> bytes | None:
    drawn = element_drawings(connection, row.id, part)
    return write_glb(merge(drawn.meshes, drawn.instances, origin), drawn.table) if drawn.instances else None


#: Columns of the table of elements.
_TABLE = ("id", "storey_id", "global_id", "ifc_class", "name", "storey", "system", "discipline")


class Drawings(NamedTuple):
    """What a part draws: meshes, their instances, and the table of the elements that these are."""

    meshes: dict[bytes, StoredMesh]
    instances: list[Instance]
    table: dict[str, list[Any]]


def element_drawings(connection: Connection, model_id: int, part: Part) -> Drawings:
    """Return the drawings of a part; an element has one row in the table, whatever the number of its meshes."""
    rows = _read_instances(connection, model_id, part)
    features: dict[int, int] = {}
    described: list[Any] = []
    instances = []
    for row in rows:
        mesh_hash, placement, materials = row[-3:]
        feature = features.setdefault(row[0], len(features))
        if feature == len(described):
            described.append(row[: len(_TABLE)])
        instances.append(Instance(feature, bytes(mesh_hash), placement, materials))
    columns = zip(*described, strict=True) if described else ([] for _ in _TABLE)
    table = {
        name: [value or (0 if name in ("id", "storey_id") else "") for value in values]
        for name, values in zip(_TABLE, columns, strict=True)
    }
    return Drawings(_read_meshes(connection, {each.mesh_key for each in instances}), instances, table)


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


def find_model(connection: Connection, model_id: int, caller: Caller) -> Row[Any]:
    """Return the record of a model that the caller may see; raises NotFound."""
    columns = ("id", "name", "global_id", "building_id", "metric_crs", "placement", "height_m", "recorded_at")
    statement = (
        select(*(model.c[name] for name in columns))
        .select_from(model)
        .join(layer, layer.c.id == model.c.layer_id)
        .where(model.c.id == model_id, layer.c.visibility.in_(caller.visible_levels()))
    )
    if caller.area_code:
        inside = building.c.area_code.startswith(caller.area_code, autoescape=True)
        statement = statement.join(building, building.c.id == model.c.building_id).where(inside)
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound(
            f"there is no model {model_id}; /api/models lists those that you may see", "no_such_model", id=model_id
        )
    return row


def _read_instances(connection: Connection, model_id: int, part: Part) -> list[Any]:
    """Return the columns of the table, then mesh, placement and materials."""
    statement = (
        drawn_elements(model_id)
        .where(*is_in_part(part))
        .outerjoin(storey, storey.c.id == element.c.storey_id)
        .add_columns(
            element.c.id,
            element.c.storey_id,
            element.c.global_id,
            element.c.ifc_class,
            element.c.name,
            storey.c.name.label("storey"),
            element.c.system,
            discipline_of_element().label("discipline"),
            mesh_instance.c.mesh_hash,
            mesh_instance.c.placement,
            mesh_instance.c.materials,
        )
        .order_by(element.c.id, mesh_instance.c.id)
    )
    return list(connection.execute(statement))


def _read_meshes(connection: Connection, hashes: set[bytes]) -> dict[bytes, StoredMesh]:
    rows = connection.execute(
        select(mesh.c.hash, mesh.c.positions, mesh.c.triangles, mesh.c.parts).where(mesh.c.hash.in_(hashes))
    )
    return {
        bytes(key): StoredMesh(
            np.frombuffer(positions, "<f4").reshape(-1, 3), np.frombuffer(triangles, "<u4").reshape(-1, 3), parts
        )
        for key, positions, triangles, parts in rows
    }


def read_storeys(connection: Connection, model_id: int) -> dict[int, dict[str, Any]]:
    """Return what the tileset says of each storey, so that clients can peel them."""
    names = ("id", "name", "number", "elevation_m")
    rows = connection.execute(select(*(storey.c[name] for name in names)).where(storey.c.model_id == model_id))
    return {row.id: dict(zip(names, row, strict=True)) for row in rows}
