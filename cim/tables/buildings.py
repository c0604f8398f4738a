"""Buildings as merged records, what each source says of them, and what they hold."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

from cim.tables.columns import geometry, json_column, metadata, now_column, object_table, reference

#: The columns of a building that its sources give it.
MERGED = (
    "code",
    "name",
    "area_code",
    "use",
    "structure",
    "address",
    "storeys_above",
    "storeys_below",
    "height_m",
    "base_height_m",
    "year_built",
    "households",
    "residents",
    "legal_entities",
    "unit_count",
    "floor_area_m2",
)

#: The merged record. ``provenance``: field -> {"source_id", "dataset", "kind", "rule"}, ``*`` for every field that is
#: not named; heights are metres in the vertical datum.
building = object_table(
    "building",
    Column("code", Text),
    Column("use", Text),
    Column("structure", Text),
    Column("address", Text),
    Column("storeys_above", SmallInteger),
    Column("storeys_below", SmallInteger),
    Column("height_m", Double),
    Column("base_height_m", Double),
    Column("year_built", SmallInteger),
    Column("households", Integer),
    json_column("provenance"),
    # counts only: no person's or firm's record is kept; whoever may not see small ones gets null below 5
    Column("residents", Integer),
    Column("legal_entities", Integer),
    Column("unit_count", Integer),  # as a source states it
    Column("floor_area_m2", Double),  # of all storeys, as a source states it
    Index("building_code_idx", "code"),
    Index("building_address_idx", "address", postgresql_using="gin", postgresql_ops={"address": "gin_trgm_ops"}),
    geom=geometry("MULTIPOLYGON"),
    measure="area",
)

#: What one source says of one building. ``kind``: footprint | ifc | register; ``fields`` uses building's column names.
building_source = Table(
    "building_source",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    reference("building_id", "building.id", ondelete="CASCADE"),
    reference("dataset_id", "dataset.id", nullable=False),
    Column("source_key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("code", Text),
    json_column("fields"),
    json_column("attributes"),
    Column("score", Double),  # of the match, 0 to 1; 1 where the source made the record
    json_column("reason"),
    Column("content_hash", Text),
    now_column("recorded_at"),
    geometry("GEOMETRY"),
    # boundary surfaces of a city model, heights in metres in the dataset's vertical datum, and the kind of each, a
    # letter in the same order: G ground, W wall, R roof, C closure, O other
    geometry("MULTIPOLYGON", "lod2", z=True),
    Column("lod2_surfaces", Text),
    UniqueConstraint("dataset_id", "source_key"),
    Index("building_source_building_id_idx", "building_id"),
    Index("building_source_code_idx", "code"),
    Index("building_source_geom_idx", "geom", postgresql_using="gist"),
)

#: A field on which sources disagree. ``claims``: [{"source_id", "value"}]; ``severity`` 0 to 1.
conflict = Table(
    "conflict",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    reference("building_id", "building.id", ondelete="CASCADE", nullable=False),
    Column("field", Text, nullable=False),
    json_column("claims", "[]"),
    Column("severity", Double, nullable=False),
    Column("status", Text, nullable=False, server_default="open"),
    Column("settled_value", JSONB),
    Column("settled_by", Text),
    Column("settled_at", DateTime(timezone=True)),
    now_column("recorded_at"),
    UniqueConstraint("building_id", "field"),
    Index("conflict_severity_idx", "severity"),
)

#: A dwelling, shop or office; its place is that of its building.
unit = object_table(
    "unit",
    reference("building_id", "building.id"),
    Column("building_code", Text),
    Column("code", Text),
    Column("address", Text),
    Column("storey_number", SmallInteger),
    Column("room", Text),
    Column("use", Text),
    Column("area_m2", Double),
    # covers the counting anew of a building's units (unit_tally)
    Index(
        "unit_building_id_idx",
        "building_id",
        postgresql_include=["layer_id", "use", "area_m2", "dataset_id", "area_code"],
    ),
    Index("unit_building_code_idx", "building_code"),
    Index("unit_code_idx", "code"),
    geom=None,
)

#: Units of a building by layer, dataset and use, kept by triggers on ``unit``: an inventory of 2 km2 adds up a few
#: thousand of these instead of tens of thousands of units.
unit_tally = Table(
    "unit_tally",
    metadata,
    Column("building_id", BigInteger, nullable=False),
    Column("layer_id", Text, nullable=False),
    Column("dataset_id", BigInteger),
    Column("use", Text),
    Column("units", Integer, nullable=False),
    Column("area_m2", Double),
    Index("unit_tally_building_id_idx", "building_id"),
)

#: One imported BIM model. ``placement``: 16 numbers, row-major 4 x 4, model metres -> ``metric_crs`` metres
#: (x east, y north, z height); ``georeference``: {"method", "grade", "crs", ...} and its evidence.
model = object_table(
    "model",
    reference("building_id", "building.id"),
    Column("ifc_schema", Text, nullable=False),
    Column("original_schema", Text),
    Column("global_id", Text),
    Column("status", Text, nullable=False),
    Column("metric_crs", Text),
    Column("placement", JSONB),
    json_column("georeference"),
    # set -> property -> {"type", "unit"}: what the numbers in psets and quantities of its objects are; an object whose
    # file says otherwise has its own in ``attributes``
    json_column("value_types"),
    Column("longitude", Double),
    Column("latitude", Double),
    Column("height_m", Double),  # of the model's origin
    Column("element_count", Integer, nullable=False, server_default="0"),
    Index("model_building_id_idx", "building_id"),
    geom=geometry("MULTIPOLYGON"),
)

storey = object_table(
    "storey",
    reference("building_id", "building.id"),
    reference("model_id", "model.id", ondelete="CASCADE"),
    Column("global_id", Text),
    Column("number", SmallInteger),
    Column("elevation_m", Double),  # above the model's origin
    Column("base_height_m", Double),  # in the vertical datum
    Column("height_m", Double),
    Index("storey_model_id_idx", "model_id"),
    Index("storey_building_id_idx", "building_id"),
    geom=geometry("MULTIPOLYGON"),
    measure="area",
)

space = object_table(
    "space",
    reference("building_id", "building.id"),
    reference("model_id", "model.id", ondelete="CASCADE"),
    reference("storey_id", "storey.id"),
    Column("global_id", Text),
    Column("long_name", Text),
    Column("base_height_m", Double),
    Column("height_m", Double),
    Column("floor_area_m2", Double),
    Column("volume_m3", Double),
    Column("drawing_hash", Text),  # of mesh, placement and materials
    Index("space_model_id_idx", "model_id"),
    Index("space_storey_id_idx", "storey_id"),
    # closed body in degrees and metres of height; null where the file's body is not closed
    geometry("POLYHEDRALSURFACE", "solid", z=True),
    Index("space_building_id_idx", "building_id"),
    geom=geometry("MULTIPOLYGON"),
)

#: ``geom`` is the element's envelope on the ground; ``geometry_status``: ok | empty | failed | timed_out | none.
element = object_table(
    "element",
    reference("building_id", "building.id"),
    reference("model_id", "model.id", ondelete="CASCADE"),
    reference("storey_id", "storey.id"),
    reference("space_id", "space.id"),
    reference("facility_id", "facility.id"),
    Column("global_id", Text),
    Column("parent_global_id", Text),
    Column("ifc_class", Text, nullable=False),
    Column("predefined_type", Text),
    Column("type_name", Text),
    Column("tag", Text),
    Column("system", Text),
    json_column("psets"),
    json_column("quantities"),
    json_column("materials", "[]"),
    Column("geometry_status", Text, nullable=False, server_default="none"),
    Column("kernel", Text),
    Column("min_height_m", Double),
    Column("max_height_m", Double),
    Column("drawing_hash", Text),  # of mesh, placement and materials
    Index("element_model_id_idx", "model_id", "id"),
    Index("element_storey_id_idx", "storey_id"),
    Index("element_ifc_class_idx", "ifc_class"),
    Index("element_global_id_idx", "global_id"),
    Index("element_building_id_idx", "building_id"),
    Index("element_space_id_idx", "space_id"),
    Index("element_facility_id_idx", "facility_id"),
    geom=geometry("POLYGON"),
)

#: Elements of a model by layer, dataset and class ([{"layer_id", "dataset_id", "ifc_class", "elements"}]) and the box
#: that all of them lie in, kept by triggers on ``element``; a model in the middle of a zone is counted from here.
element_tally = Table(
    "element_tally",
    metadata,
    Column("model_id", BigInteger, primary_key=True, autoincrement=False),
    geometry("GEOMETRY", "bounds", nullable=False),
    Column("counts", JSONB, nullable=False),
    Index("element_tally_bounds_idx", "bounds", postgresql_using="gist"),
)
