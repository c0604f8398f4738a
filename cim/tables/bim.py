"""What BIM models hold besides buildings, storeys, spaces and elements: facilities, alignments, groups, and links."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Identity, Index, Integer, Table, Text, UniqueConstraint

from cim.tables.columns import geometry, json_column, metadata, now_column, object_table, reference

#: A part of the spatial structure that is no building, storey or space: site, road, railway, bridge, port, their parts,
#: spatial zone. ``geom`` is what its elements cover on the ground; ``parent_id`` the facility that it is a part of.
facility = object_table(
    "facility",
    reference("model_id", "model.id", ondelete="CASCADE"),
    reference("parent_id", "facility.id"),
    Column("global_id", Text),
    Column("parent_global_id", Text),
    Column("long_name", Text),
    Column("ifc_class", Text, nullable=False),
    Column("predefined_type", Text),
    Column("element_count", Integer, nullable=False, server_default="0"),  # its parts' elements included
    Column("min_height_m", Double),
    Column("max_height_m", Double),
    json_column("psets"),
    json_column("quantities"),
    Index("facility_model_id_idx", "model_id"),
    Index("facility_parent_id_idx", "parent_id"),
    geom=geometry("MULTIPOLYGON"),
    measure="area",
)

#: The line of a road or railway with heights in the vertical datum. ``curve_length_m`` was measured along the evaluated
#: curve, ``stated_length_m`` is the sum of the file's horizontal segments (both in the plane of the map projection).
alignment = object_table(
    "alignment",
    reference("model_id", "model.id", ondelete="CASCADE"),
    reference("facility_id", "facility.id"),
    Column("global_id", Text),
    Column("predefined_type", Text),
    Column("start_station_m", Double),
    Column("stated_length_m", Double),
    Column("curve_length_m", Double),
    Column("min_radius_m", Double),
    Column("max_gradient", Double),  # rise over run, without sign
    json_column("psets"),
    json_column("quantities"),
    Index("alignment_model_id_idx", "model_id"),
    Index("alignment_facility_id_idx", "facility_id"),
    geom=geometry("LINESTRING", z=True),
    measure="length",
)

#: A system, circuit, zone or any other group; ``object_link`` of the kind 'member' says what belongs to it.
element_group = object_table(
    "element_group",
    reference("building_id", "building.id"),
    reference("model_id", "model.id", ondelete="CASCADE"),
    Column("global_id", Text),
    Column("long_name", Text),
    Column("ifc_class", Text, nullable=False),
    Column("predefined_type", Text),
    Column("member_count", Integer, nullable=False, server_default="0"),
    json_column("psets"),
    json_column("quantities"),
    Index("element_group_model_id_idx", "model_id"),
    Index("element_group_building_id_idx", "building_id"),
    geom=None,
)

#: One relation between two objects of a model, as its file says it. ``kind``: member (group -> what belongs to it),
#: port (element -> element, in the direction of flow where the ports tell it), connects, serves, controls, covers,
#: bounds (space -> element), references (spatial part -> element that it does not contain).
object_link = Table(
    "object_link",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    reference("model_id", "model.id", ondelete="CASCADE", nullable=False),
    Column("source_key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("from_id", BigInteger, nullable=False),
    Column("to_id", BigInteger, nullable=False),
    json_column("attributes"),
    now_column("recorded_at"),
    UniqueConstraint("model_id", "source_key"),
    Index("object_link_from_id_idx", "from_id", "kind"),
    Index("object_link_to_id_idx", "to_id", "kind"),
)
