"""Meshes, written once by content hash, and the placements that use them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Identity, Index, Integer, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from cim.tables.columns import json_column, metadata, now_column

#: ``positions``: float32 little-endian n x 3, metres around the local origin;
#: ``triangles``: uint32 little-endian m x 3;
#: ``parts``: [[first_triangle, triangle_count, material_index], ...]; ``hash``: SHA-256 of all that is drawn.
mesh = Table(
    "mesh",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("positions", LargeBinary, nullable=False),
    Column("triangles", LargeBinary, nullable=False),
    json_column("parts", "[]"),
    Column("vertex_count", Integer, nullable=False),
    Column("triangle_count", Integer, nullable=False),
    Column("bounds", ARRAY(Double), nullable=False),  # min x, y, z, max x, y, z
    now_column("recorded_at"),
)

#: One drawing of a mesh. ``placement``: 12 numbers, the upper 3 x 4 of a row-major matrix, mesh -> model metres
#: (float64);
#: ``materials``: one [red, green, blue, alpha] of 0 to 1 for each material index of the mesh's parts.
mesh_instance = Table(
    "mesh_instance",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("model_id", BigInteger, ForeignKey("cim.model.id", ondelete="CASCADE"), nullable=False),
    Column("element_id", BigInteger, nullable=False),
    # 'element' or 'space': element_id names a row of that table
    Column("element_table", Text, nullable=False, server_default="element"),
    Column("mesh_hash", LargeBinary, ForeignKey("cim.mesh.hash"), nullable=False),
    Column("placement", ARRAY(Double), nullable=False),
    json_column("materials", "[]"),
    Index("mesh_instance_model_id_idx", "model_id"),
    Index("mesh_instance_element_id_idx", "element_id"),
    Index("mesh_instance_mesh_hash_idx", "mesh_hash"),
)

#: What a kernel made of one content: a product's representation, openings, placement and styles, and the library's
#: version, are hashed to ``key``, so that a new version of a file computes only what is new in it. ``status``: ok |
#: empty | failed; without a mesh for the last two. ``record``: JSON, [placement, materials, 4 x 2 corners from above,
#: lowest and highest z, outline as hexadecimal WKB, volume], model metres, read whole and never searched. A shape goes
#: with its mesh.
shape = Table(
    "shape",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("status", Text, nullable=False),
    Column("kernel", Text, nullable=False),
    Column("mesh_hash", LargeBinary, ForeignKey("cim.mesh.hash", ondelete="CASCADE")),
    Column("record", LargeBinary),
    now_column("recorded_at"),
    Index("shape_mesh_hash_idx", "mesh_hash"),
)
