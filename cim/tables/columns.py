"""The columns that every object of the city has, and the types they are made of.

One id space: all object tables draw from ``cim.object_id_seq``. ``valid_from``/``valid_to`` is the time in the world,
``recorded_at`` the time at which the database learned it; earlier states of a row are kept in ``object_history``.
"""

from __future__ import annotations

from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Sequence,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

SCHEMA = "cim"

#: Geographic CRS of every stored geometry: CGCS2000, longitude first in the database.
GEOGRAPHIC_SRID = 4490

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    },
)

object_id_seq = Sequence("object_id_seq", schema=SCHEMA, metadata=metadata, data_type=BigInteger)

#: Names of the tables that hold objects, in the order in which they were declared.
OBJECT_TABLES: list[str] = []


def geometry(kind: str, name: str = "geom", *, z: bool = False, nullable: bool = True) -> Column[Any]:
    """Return a geometry column in the geographic CRS (longitude, latitude[, height in metres])."""
    dimension = 3 if z else 2
    return Column(
        name,
        Geometry(kind + ("Z" if z else ""), srid=GEOGRAPHIC_SRID, dimension=dimension, spatial_index=False),
        nullable=nullable,
    )


def now_column(name: str) -> Column[Any]:
    """Return a time column that defaults to the start of the transaction."""
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


def json_column(name: str, empty: str = "{}") -> Column[Any]:
    """Return a JSONB column that is never null."""
    return Column(name, JSONB, nullable=False, server_default=text(f"'{empty}'::jsonb"))


def reference(name: str, target: str, **options: Any) -> Column[Any]:
    """Return a nullable foreign key to another object, cleared when that object goes."""
    return Column(
        name, BigInteger, ForeignKey(f"{SCHEMA}.{target}", ondelete=options.pop("ondelete", "SET NULL")), **options
    )


def object_table(name: str, *columns: Any, geom: Column[Any] | None, measure: str | None = None) -> Table:
    """Declare a table of objects: the common columns, its own, and its geometry with index.

    Parameters
    ----------
    measure
        ``area`` or ``length`` adds a generated geodesic ``area_m2`` or ``length_m`` (GRS 80 ellipsoid of CGCS2000).
    """
    OBJECT_TABLES.append(name)
    parts: list[Any] = [
        Column("id", BigInteger, object_id_seq, server_default=object_id_seq.next_value(), primary_key=True),
        Column("layer_id", Text, ForeignKey(f"{SCHEMA}.layer.id"), nullable=False),
        Column("dataset_id", BigInteger, ForeignKey(f"{SCHEMA}.dataset.id"), nullable=True),
        Column("source_key", Text, nullable=False),
        Column("cim_level", SmallInteger, CheckConstraint("cim_level between 1 and 7", name="cim_level")),
        Column("name", Text),
        Column("area_code", Text),
        json_column("attributes"),
        Column("content_hash", LargeBinary),
        Column("valid_from", DateTime(timezone=True)),
        Column("valid_to", DateTime(timezone=True)),
        now_column("recorded_at"),
        *columns,
    ]
    indexes: list[Any] = [
        UniqueConstraint("dataset_id", "layer_id", "source_key", postgresql_nulls_not_distinct=True),
        Index(f"{name}_layer_id_idx", "layer_id", "id"),
        Index(f"{name}_name_idx", "name", postgresql_using="gin", postgresql_ops={"name": "gin_trgm_ops"}),
    ]
    if geom is not None:
        parts.append(geom)
        if measure == "area":
            parts.append(Column("area_m2", Double, Computed("ST_Area(geom::geography)", persisted=True)))
        if measure == "length":
            parts.append(Column("length_m", Double, Computed("ST_Length(geom::geography)", persisted=True)))
        parts.append(
            Column(
                "geom_3857",
                Geometry(srid=3857, dimension=2, spatial_index=False),
                Computed("ST_Force2D(ST_Transform(geom, 3857))", persisted=True),
            )
        )
        indexes.append(Index(f"{name}_geom_idx", "geom", postgresql_using="gist"))
        indexes.append(Index(f"{name}_geom_3857_idx", "geom_3857", postgresql_using="gist"))
    return Table(name, metadata, *parts, *indexes)
