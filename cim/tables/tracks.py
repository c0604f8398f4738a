"""Mobile units (people, vehicles, drones, vessels, terminals), where they were and where they are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Table,
    Text,
)

from cim.tables.columns import geometry, json_column, metadata, now_column, object_id_seq

UNIT_KINDS = ("person", "vehicle", "drone", "vessel", "terminal")


def _position_columns() -> list[Column[Any]]:
    """Return what is known of a position.

    ``height_m`` is in the deployment's vertical datum, ``ellipsoid_height_m`` above the ellipsoid, as receivers give
    it; ``heading_deg`` clockwise from north.
    """
    return [
        geometry("POINT", nullable=False),
        Column("height_m", Double),
        Column("ellipsoid_height_m", Double),
        Column("speed_m_s", Double),
        Column("heading_deg", Double),
        Column("accuracy_m", Double),
        Column("area_code", Text),
    ]


#: ``code`` names it in every message. ``area_code``: where it belongs; of a unit without one the place counts at which
#: it is. No object of a layer: it moves all the time, and tiles of it would be old when they are made.
mobile_unit = Table(
    "mobile_unit",
    metadata,
    Column("id", BigInteger, object_id_seq, server_default=object_id_seq.next_value(), primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("name", Text),
    Column(
        "kind",
        Text,
        CheckConstraint("kind IN ('person', 'vehicle', 'drone', 'vessel', 'terminal')", name="kind"),
        nullable=False,
        server_default="terminal",
    ),
    Column("owner", Text),
    Column("state", Text),
    Column("area_code", Text),
    json_column("attributes"),
    now_column("recorded_at"),
)

#: Partitioned by day (UTC) of ``time``: whole days go when their time is over. ``area_code``: of the place.
unit_position = Table(
    "unit_position",
    metadata,
    Column("unit_id", BigInteger, ForeignKey("cim.mobile_unit.id", ondelete="CASCADE"), primary_key=True),
    Column("time", DateTime(timezone=True), primary_key=True),
    *_position_columns(),
    postgresql_partition_by="RANGE (time)",
)

#: The newest position by its own time, whatever came last. After ``stale_at`` it is no longer to be relied on.
last_position = Table(
    "last_position",
    metadata,
    Column("unit_id", BigInteger, ForeignKey("cim.mobile_unit.id", ondelete="CASCADE"), primary_key=True),
    Column("time", DateTime(timezone=True), nullable=False),
    Column("stale_at", DateTime(timezone=True), nullable=False),
    *_position_columns(),
    Index("last_position_geom_idx", "geom", postgresql_using="gist"),
)
