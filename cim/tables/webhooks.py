"""Other services that are told of events, and what each was told: the outbox."""

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
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from cim.tables.columns import geometry, metadata, now_column

DELIVERY_STATES = ("waiting", "delivered", "given_up")

#: Which events it is told of: ``types`` are beginnings of codes and ``steps`` actions of the log (empty: all),
#: ``severity`` the least grave one, ``box`` and ``area_code`` where. ``secret`` signs, so that it is no hash.
webhook = Table(
    "webhook",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text),
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("types", ARRAY(Text), nullable=False, server_default="{}"),
    Column("steps", ARRAY(Text), nullable=False, server_default="{}"),
    Column("severity", SmallInteger),
    Column("area_code", Text),
    geometry("POLYGON", "box"),
    now_column("created_at"),
)

#: Written in the transaction that changes the event. ``key`` is what a receiver knows it by. While ``leased_until`` is
#: ahead somebody is sending it; ``due_at`` is when it may be sent again.
webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("key", Uuid, nullable=False, unique=True, server_default=text("gen_random_uuid()")),
    Column("webhook_id", BigInteger, ForeignKey("cim.webhook.id", ondelete="CASCADE"), nullable=False),
    Column("event_id", BigInteger, ForeignKey("cim.event.id", ondelete="SET NULL")),
    Column("step", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    Column(
        "state",
        Text,
        CheckConstraint("state IN ('waiting', 'delivered', 'given_up')", name="state"),
        nullable=False,
        server_default="waiting",
    ),
    now_column("created_at"),
    now_column("due_at"),
    Column("leased_until", DateTime(timezone=True)),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("status_code", SmallInteger),
    Column("error", Text),
    Column("finished_at", DateTime(timezone=True)),
    Index("webhook_delivery_webhook_id_idx", "webhook_id", "id"),
    Index("webhook_delivery_event_id_idx", "event_id"),
    Index("webhook_delivery_due_at_idx", "webhook_id", "due_at", postgresql_where=text("state = 'waiting'")),
    Index("webhook_delivery_finished_at_idx", "finished_at", postgresql_where=text("state <> 'waiting'")),
)
