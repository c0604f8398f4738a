"""The other way to write a model's part: every mesh once, with EXT_mesh_gpu_instancing and EXT_instance_features.

Only for comparison with the merged meshes that the service writes (tiles/tiles3d/glb.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from tiles.tiles3d.glb import (
    ARRAY_BUFFER,
    ELEMENT_ARRAY_BUFFER,
    FLOAT,
    UNSIGNED_INT,
    Binary,
    Columns,
    add_metadata,
    material_json,
    write_container,
)
from tiles.tiles3d.merge import Color, Instance, StoredMesh, color_of, weld

#: z up to y up, column-major.
Y_UP = [1, 0, 0, 0, 0, 0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 1]


def write_instanced_glb(
    meshes: Mapping[bytes, StoredMesh], instances: Sequence[Instance], origin: Sequence[float], columns: Columns
) -> tuple[bytes, int]:
    """Return the glb and the number of its draw calls: one for each material of each mesh in each colour."""
    binary, pieces = Binary(), weld(meshes)
    uses: dict[tuple[bytes, int, Color], list[Instance]] = {}
    for instance in instances:
        for number, (_, _, material) in enumerate(meshes[instance.mesh_key].parts):
            if len(pieces[instance.mesh_key, number].triangles):
                uses.setdefault((instance.mesh_key, number, color_of(instance, material)), []).append(instance)
    colors = sorted({color for _, _, color in uses})
    shapes = {key: _shape(binary, pieces[key]) for key in {use[:2] for use in uses}}
    count = len(next(iter(columns.values())))
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "cim bench"},
        "extensionsUsed": ["EXT_mesh_gpu_instancing", "EXT_instance_features", "EXT_structural_metadata"],
        "extensionsRequired": ["EXT_mesh_gpu_instancing"],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"matrix": Y_UP, "children": list(range(1, len(uses) + 1))}],
        "meshes": [
            {"primitives": [shapes[key, number] | {"material": colors.index(color)}]} for key, number, color in uses
        ],
        "materials": [material_json(color) for color in colors],
    }
    for number, drawn in enumerate(uses.values()):
        document["nodes"].append({"mesh": number, "extensions": _placed(binary, drawn, origin, count)})
    document["extensions"] = {"EXT_structural_metadata": add_metadata(binary, columns, count)}
    document |= {"accessors": binary.accessors, "bufferViews": binary.views, "buffers": [{"byteLength": binary.size}]}
    return write_container(orjson.dumps(document), binary.body()), len(uses)


def _shape(binary: Binary, piece: Any) -> dict[str, Any]:
    positions = piece.positions.astype("<f4")
    bounds = {"min": positions.min(axis=0).tolist(), "max": positions.max(axis=0).tolist()}
    return {
        "attributes": {
            "POSITION": binary.add_accessor(positions, FLOAT, "VEC3", ARRAY_BUFFER, **bounds),
            "NORMAL": binary.add_accessor(piece.normals.astype("<f4"), FLOAT, "VEC3", ARRAY_BUFFER),
        },
        "indices": binary.add_accessor(piece.triangles.astype("<u4"), UNSIGNED_INT, "SCALAR", ELEMENT_ARRAY_BUFFER),
    }


def _placed(binary: Binary, drawn: Sequence[Instance], origin: Sequence[float], count: int) -> dict[str, Any]:
    matrices = np.array([each.placement for each in drawn], np.float64).reshape(-1, 3, 4)
    scale = np.linalg.norm(matrices[:, :, :3], axis=1)
    scale[np.linalg.det(matrices[:, :, :3]) < 0, 0] *= -1
    turns = Rotation.from_matrix(matrices[:, :, :3] / scale[:, None, :]).as_quat()

    def add(values: NDArray[Any], kind: str) -> int:
        return binary.add_accessor(values.astype("<f4"), FLOAT, kind, ARRAY_BUFFER)

    features = np.array([each.feature for each in drawn])
    attributes = {
        "TRANSLATION": add(matrices[:, :, 3] - np.asarray(origin), "VEC3"),
        "ROTATION": add(turns, "VEC4"),
        "SCALE": add(scale, "VEC3"),
        "_FEATURE_ID_0": add(features, "SCALAR"),
    }
    return {
        "EXT_mesh_gpu_instancing": {"attributes": attributes},
        "EXT_instance_features": {"featureIds": [{"featureCount": count, "attribute": 0, "propertyTable": 0}]},
    }
