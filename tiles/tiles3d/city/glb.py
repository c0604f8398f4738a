"""A content as binary glTF: triangles around the tile's origin, placed by one node, and a table of its objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson

from tiles.tiles3d.city.mesh import Floats
from tiles.tiles3d.frame import column_major
from tiles.tiles3d.glb import Binary, add_primitive, add_text_column, material_json, write_container
from tiles.tiles3d.merge import Primitive

#: Stands for a number that is not known.
UNKNOWN = -99_999.0
_TYPES = {"UINT64": "<u8", "UINT8": "<u1", "FLOAT32": "<f4"}
#: z up -> y up.
_TURN = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


class Column(NamedTuple):
    """A column of the table: 'STRING', 'UINT64', 'UINT8' or 'FLOAT32' (None: not known), and a value an object."""

    kind: str
    values: Sequence[Any]


def write_content(primitives: Sequence[Primitive], to_root: Floats, columns: Mapping[str, Column], name: str) -> bytes:
    """Return the glb.

    Parameters
    ----------
    primitives
        z up, metres around the tile's origin; at least one.
    to_root
        4 x 4, from there to the metres of the tileset's root.
    name
        Of the class of objects.
    """
    binary = Binary()
    count = len(next(iter(columns.values())).values)
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "cim"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "matrix": column_major(_TURN @ to_root @ _TURN.T)}],
        "meshes": [{"primitives": [add_primitive(binary, each, i, count) for i, each in enumerate(primitives)]}],
        "materials": [material_json(each.color) for each in primitives],
        "accessors": binary.accessors,
        "extensionsUsed": ["EXT_mesh_features", "EXT_structural_metadata"],
        "extensions": {"EXT_structural_metadata": _metadata(binary, columns, count, name)},
    }
    document |= {"bufferViews": binary.views, "buffers": [{"byteLength": binary.size}]}
    return write_container(orjson.dumps(document), binary.body())


def _metadata(binary: Binary, columns: Mapping[str, Column], count: int, name: str) -> dict[str, Any]:
    properties = {title: _class_property(column) for title, column in columns.items()}
    table = {title: _values(binary, column) for title, column in columns.items()}
    return {
        "schema": {"id": "cim_city", "classes": {name: {"properties": properties}}},
        "propertyTables": [{"class": name, "count": count, "properties": table}],
    }


def _class_property(column: Column) -> dict[str, Any]:
    if column.kind == "STRING":
        return {"type": "STRING"}
    unknown = {"noData": UNKNOWN} if column.kind == "FLOAT32" else {}
    return {"type": "SCALAR", "componentType": column.kind} | unknown


def _values(binary: Binary, column: Column) -> dict[str, int]:
    if column.kind == "STRING":
        return add_text_column(binary, ["" if value is None else str(value) for value in column.values])
    unknown = UNKNOWN if column.kind == "FLOAT32" else 0
    values = [unknown if value is None else value for value in column.values]
    return {"values": binary.add_view(np.array(values, dtype=_TYPES[column.kind]).tobytes())}
