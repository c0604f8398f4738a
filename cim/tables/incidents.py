"""Incidents that commanders lead: what belongs to them, in the order of time, and what came back from the field."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from cim.tables.columns import geometry, json_column, metadata, now_column, object_id_seq

ENTRY_KINDS = ("event", "zone", "analysis", "note", "unit", "state")
_NEW_UUID = text("gen_random_uuid()")


def _incident_id() -> Column[int]:
    return Column("incident_id", BigInteger, ForeignKey("cim.incident.id", ondelete="CASCADE"), nullable=False)


#: No object of a layer: its entries are what is worth keeping, and no tiles are made of it. ``uuid`` is its name on
#: other machines.
incident = Table(
    "incident",
    metadata,
    Column("id", BigInteger, object_id_seq, server_default=object_id_seq.next_value(), primary_key=True),
    Column("uuid", UUID, nullable=False, unique=True, server_default=_NEW_UUID),
    Column("name", Text, nullable=False),
    Column("kind", Text),
    Column(
        "state",
        Text,
        CheckConstraint("state in ('open','closed')", name="state"),
        nullable=False,
        server_default="open",
    ),
    geometry("POINT"),
    Column("area_code", Text),
    Column("note", Text),
    now_column("opened_at"),
    Column("opened_by", Text, nullable=False),
    Column("closed_at", DateTime(timezone=True)),
    Column("closed_by", Text),
    Column("version", Integer, nullable=False, server_default="1"),
    now_column("recorded_at"),
)

#: Append-only. ``at``: when it happened; ``recorded_at``: when the incident learned it, read from the clock after the
#: writer has announced itself (``cim.incident_writing``), so that what was known at a moment can be told for ever.
#: ``snapshot``: what ``ref`` (an id, a unit's code, a receipt's hash) was like then. ``origin``: said by somebody,
#: taken over from the log of an event or a zone, brought back from the field, or opened from the pack of another house,
#: whose ids mean nothing here; ``origin_key`` names the step or the file.
#: ``visibility`` and ``area_code``: the least role and the area that may read it.
incident_entry = Table(
    "incident_entry",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _incident_id(),
    Column("uuid", UUID, nullable=False, server_default=_NEW_UUID),
    Column(
        "kind",
        Text,
        CheckConstraint("kind in ('event','zone','analysis','note','unit','state')", name="kind"),
        nullable=False,
    ),
    Column("ref", Text),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("author", Text),
    Column("text", Text),
    Column("snapshot", JSONB(none_as_null=True)),
    Column("corrects", UUID),
    Column(
        "origin",
        Text,
        CheckConstraint("origin in ('said','log','additions','pack')", name="origin"),
        nullable=False,
        server_default="said",
    ),
    Column("origin_key", Text),
    Column("area_code", Text),
    Column("visibility", Text, nullable=False, server_default="viewer"),
    UniqueConstraint("incident_id", "uuid"),
    Index("incident_entry_at_idx", "incident_id", "at", "id"),
    Index("incident_entry_ref_idx", "kind", "ref", postgresql_where=text("origin <> 'log'")),
    Index(
        "incident_entry_origin_key_idx",
        "incident_id",
        "origin_key",
        unique=True,
        postgresql_where=text("origin = 'log'"),
    ),
    Index("incident_entry_corrects_idx", "incident_id", "corrects", postgresql_where=text("corrects IS NOT NULL")),
)

#: Files that came back from the field, by the hash of their content: told again they change nothing.
incident_additions = Table(
    "incident_additions",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    _incident_id(),
    Column("author", Text),
    json_column("report"),
    now_column("taken_at"),
    Index("incident_additions_incident_id_idx", "incident_id"),
)

#: What both sides changed: ``base`` was known to both, ``ours`` is what stands, ``theirs`` came from the field.
incident_conflict = Table(
    "incident_conflict",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _incident_id(),
    Column("change", UUID, nullable=False),
    Column("subject", Text, nullable=False),
    Column("ref", Text),
    Column("author", Text),
    json_column("base"),
    json_column("ours"),
    json_column("theirs"),
    Column(
        "state",
        Text,
        CheckConstraint("state in ('open','settled')", name="state"),
        nullable=False,
        server_default="open",
    ),
    Column("choice", Text, CheckConstraint("choice in ('ours','theirs')", name="choice")),
    Column("settled_by", Text),
    Column("settled_at", DateTime(timezone=True)),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    UniqueConstraint("incident_id", "change"),
)
