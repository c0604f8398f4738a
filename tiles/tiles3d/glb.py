"""Binary glTF 2.0 with a table of elements (EXT_mesh_features, EXT_structural_metadata)."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from tiles.tiles3d.merge import Color, Primitive

FLOAT, UNSIGNED_SHORT, UNSIGNED_INT = 5126, 5123, 5125
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942
FEATURE_CLASS = "element"

#: Table column -> type of its class property.
Columns = Mapping[str, Sequence[int] | Sequence[str]]


def write_glb(primitives: Sequence[Primitive], columns: Columns) -> bytes:
    """Return a glb of merged primitives whose features are rows of one property table.

    Parameters
    ----------
    primitives
        z up, metres; they are turned to glTF's y up, which clients of 3D Tiles turn back.
    columns
        Name -> one value for each feature: whole numbers (UINT64) or text.
    """
    binary = Binary()
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "cim"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{}],
    }
    count = len(next(iter(columns.values()), ()))
    if primitives:
        document["nodes"] = [{"mesh": 0}]
        document["meshes"] = [{"primitives": [add_primitive(binary, p, i, count) for i, p in enumerate(primitives)]}]
        document["materials"] = [material_json(primitive.color) for primitive in primitives]
        document["accessors"] = binary.accessors
    document["extensionsUsed"] = ["EXT_mesh_features", "EXT_structural_metadata"]
    document["extensions"] = {"EXT_structural_metadata": add_metadata(binary, columns, count)}
    document["bufferViews"] = binary.views
    document["buffers"] = [{"byteLength": binary.size}]
    return write_container(orjson.dumps(document), binary.body())


class Binary:
    """The binary chunk as it grows; every view starts at a multiple of 8 bytes."""

    def __init__(self) -> None:
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []
        self._blocks: list[bytes] = []
        self.size = 0

    def add_view(self, block: bytes, target: int | None = None) -> int:
        """Add a block of bytes and return the number of its buffer view."""
        view: dict[str, Any] = {"buffer": 0, "byteOffset": self.size, "byteLength": len(block)}
        if target is not None:
            view["target"] = target
        self.views.append(view)
        padding = -len(block) % 8
        self._blocks += [block, bytes(padding)]
        self.size += len(block) + padding
        return len(self.views) - 1

    def add_accessor(self, values: NDArray[Any], component: int, kind: str, target: int, **more: Any) -> int:
        """Add an array and return the number of its accessor."""
        view = self.add_view(np.ascontiguousarray(values).tobytes(), target)
        count = values.size if kind == "SCALAR" else len(values)
        self.accessors.append({"bufferView": view, "componentType": component, "count": count, "type": kind} | more)
        return len(self.accessors) - 1

    def body(self) -> bytes:
        """Return all blocks, one after the other."""
        return b"".join(self._blocks)


def add_primitive(binary: Binary, primitive: Primitive, material: int, feature_count: int) -> dict[str, Any]:
    """Add a primitive's arrays and return its description; features are those of the table, if it has rows."""
    positions = _y_up(primitive.positions)
    bounds = {"min": positions.min(axis=0).tolist(), "max": positions.max(axis=0).tolist()}
    is_short = len(positions) < 65535
    triangles = primitive.triangles.astype("<u2" if is_short else "<u4")
    return {
        "attributes": {
            "POSITION": binary.add_accessor(positions, FLOAT, "VEC3", ARRAY_BUFFER, **bounds),
            "NORMAL": binary.add_accessor(_y_up(primitive.normals), FLOAT, "VEC3", ARRAY_BUFFER),
            "_FEATURE_ID_0": binary.add_accessor(primitive.features.astype("<f4"), FLOAT, "SCALAR", ARRAY_BUFFER),
        },
        "indices": binary.add_accessor(
            triangles, UNSIGNED_SHORT if is_short else UNSIGNED_INT, "SCALAR", ELEMENT_ARRAY_BUFFER
        ),
        "material": material,
        "mode": 4,
        "extensions": {
            "EXT_mesh_features": {"featureIds": [{"featureCount": feature_count, "attribute": 0, "propertyTable": 0}]}
        },
    }


def _y_up(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    turned: NDArray[np.float32] = np.column_stack([vectors[:, 0], vectors[:, 2], -vectors[:, 1]]).astype("<f4")
    return turned


def material_json(color: Color) -> dict[str, Any]:
    """Return the description of a plain material; what lets light through is blended."""
    red, green, blue, alpha = color
    material: dict[str, Any] = {
        "pbrMetallicRoughness": {
            "baseColorFactor": [*(round(_linear(part), 5) for part in (red, green, blue)), alpha],
            "metallicFactor": 0.0,
            "roughnessFactor": 0.9,
        },
        "doubleSided": True,
    }
    if alpha < 1:
        material["alphaMode"] = "BLEND"
    return material


def _linear(part: float) -> float:
    """Return the linear value of a component of an sRGB colour (IEC 61966-2-1)."""
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def add_metadata(binary: Binary, columns: Columns, count: int) -> dict[str, Any]:
    """Add a property table and return the extension that describes it."""
    properties: dict[str, Any] = {}
    table: dict[str, Any] = {}
    for name, values in columns.items():
        if values and isinstance(values[0], str):
            properties[name] = {"type": "STRING"}
            table[name] = add_text_column(binary, [str(value) for value in values])
        else:
            properties[name] = {"type": "SCALAR", "componentType": "UINT64"}
            table[name] = {"values": binary.add_view(np.array(values, dtype="<u8").tobytes())}
    return {
        "schema": {"id": "cim", "classes": {FEATURE_CLASS: {"properties": properties}}},
        "propertyTables": [{"class": FEATURE_CLASS, "count": count, "properties": table}],
    }


def add_text_column(binary: Binary, values: Sequence[str]) -> dict[str, int]:
    """Add texts as a column of a property table and return its description."""
    encoded = [value.encode() for value in values]
    offsets = np.cumsum([0, *map(len, encoded)]).astype("<u4")
    # a view must have a length, so that a column of empty texts has one byte that nothing refers to
    block = b"".join(encoded) or b"\0"
    return {"values": binary.add_view(block), "stringOffsets": binary.add_view(offsets.tobytes())}


def write_container(document: bytes, binary: bytes) -> bytes:
    """Return the binary glTF of a document and its buffer."""
    """Join the chunks such that the binary one starts at a multiple of 8, as typed arrays of 64 bits need it."""
    header, chunk = 12, 8
    document += b" " * (-(header + chunk + len(document) + chunk) % 8)
    total = header + chunk + len(document) + chunk + len(binary)
    return b"".join(
        [
            struct.pack("<4sII", b"glTF", 2, total),
            struct.pack("<II", len(document), JSON_CHUNK),
            document,
            struct.pack("<II", len(binary), BINARY_CHUNK),
            binary,
        ]
    )
