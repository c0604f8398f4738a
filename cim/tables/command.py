"""Zones that commanders draw, with their chained log; keys of callers."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from cim.tables.columns import geometry, json_column, metadata, now_column, object_table

ROLES = ("viewer", "service", "planner", "commander", "admin")

zone = object_table(
    "zone",
    Column("kind", Text),
    Column("author", Text),
    Column("version", Integer, nullable=False, server_default="1"),
    geom=geometry("MULTIPOLYGON"),
    measure="area",
)

#: Append-only; zones may be deleted and their log may not, hence no foreign key.
#: ``hash`` is SHA-256 over the entry and ``previous_hash``.
zone_log = Table(
    "zone_log",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("zone_id", BigInteger, nullable=False),
    Column("action", Text, nullable=False),
    Column("author", Text),
    json_column("entry"),
    Column("previous_hash", LargeBinary),
    Column("hash", LargeBinary, nullable=False),
    now_column("recorded_at"),
    Index("zone_log_zone_id_idx", "zone_id"),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("prefix", Text, nullable=False, unique=True),
    Column("hash", LargeBinary, nullable=False, unique=True),  # SHA-256 of a key of 256 random bits
    Column(
        "role",
        Text,
        CheckConstraint("role in ('viewer','service','planner','commander','admin')", name="role"),
        nullable=False,
    ),
    Column("area_code", Text),
    Column("note", Text),
    now_column("created_at"),
    Column("revoked_at", DateTime(timezone=True)),
)
