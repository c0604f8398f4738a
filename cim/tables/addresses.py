"""Addresses of buildings taken apart, and the names that people search by, with their pinyin."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from cim.tables.columns import SCHEMA, metadata

#: One row a building that says an address or a name; ``said`` is what it said when it was taken apart. Derived from
#: ``building`` by the step after an import, so no object of its own.
address = Table(
    "address",
    metadata,
    Column("building_id", BigInteger, ForeignKey(f"{SCHEMA}.building.id", ondelete="CASCADE"), primary_key=True),
    Column("said", Text, nullable=False),
    Column("district", Text),
    Column("street", Text),
    Column("community", Text),
    Column("road", Text),
    Column("number", Text),
    Column("estate", Text),
    Column("block", Text),
    Index("address_road_idx", "road", "number"),
    Index("address_estate_idx", "estate", "block"),
)

#: Every name once a kind (district | street | community | road | estate | name). ``pinyin`` and ``initials`` without
#: tones and blanks; ``variants``: the name, and the name without each one of its signs, so that two names which differ
#: in one sign share an element.
place_name = Table(
    "place_name",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("pinyin", Text, nullable=False),
    Column("initials", Text, nullable=False),
    Column("variants", ARRAY(Text), nullable=False),
    Index("place_name_variants_idx", "variants", postgresql_using="gin"),
    Index("place_name_alike_idx", "name", postgresql_using="gin", postgresql_ops={"name": "gin_trgm_ops"}),
    Index("place_name_name_idx", "name", postgresql_ops={"name": "text_pattern_ops"}),
    Index("place_name_pinyin_idx", "pinyin", postgresql_ops={"pinyin": "text_pattern_ops"}),
    Index("place_name_initials_idx", "initials", postgresql_ops={"initials": "text_pattern_ops"}),
)
