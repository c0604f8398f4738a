"""The one definition of the schema ``cim``."""

from cim.tables.bim import alignment, element_group, facility, object_link
from cim.tables.buildings import building, building_source, conflict, element, model, space, storey, unit
from cim.tables.catalogue import dataset, feature, layer, object_history, quarantine, repair, theme
from cim.tables.columns import GEOGRAPHIC_SRID, OBJECT_TABLES, SCHEMA, metadata, object_id_seq
from cim.tables.command import ROLES, api_key, zone, zone_log
from cim.tables.land import catchment, grid_cell, river, river_area, terrain, water_work
from cim.tables.live import (
    camera,
    event,
    event_log,
    last_observation,
    observation,
    parking,
    resource,
    sensor,
)
from cim.tables.meshes import mesh, mesh_instance, shape
from cim.tables.networks import pipe, pipe_node, road, road_node

__all__ = [
    "GEOGRAPHIC_SRID",
    "OBJECT_TABLES",
    "ROLES",
    "SCHEMA",
    "alignment",
    "api_key",
    "building",
    "building_source",
    "camera",
    "catchment",
    "conflict",
    "dataset",
    "element",
    "element_group",
    "event",
    "event_log",
    "facility",
    "feature",
    "grid_cell",
    "last_observation",
    "layer",
    "mesh",
    "mesh_instance",
    "metadata",
    "model",
    "object_history",
    "object_id_seq",
    "object_link",
    "observation",
    "parking",
    "pipe",
    "pipe_node",
    "quarantine",
    "repair",
    "resource",
    "river",
    "river_area",
    "road",
    "road_node",
    "sensor",
    "shape",
    "space",
    "storey",
    "terrain",
    "theme",
    "unit",
    "water_work",
    "zone",
    "zone_log",
]
