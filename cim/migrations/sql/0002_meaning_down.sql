DROP VIEW cim.object;
ALTER TABLE cim.element DROP COLUMN facility_id;
ALTER TABLE cim.space DROP COLUMN solid;
ALTER TABLE cim.model DROP COLUMN value_types;
DROP TABLE cim.object_link, cim.element_group, cim.alignment, cim.facility;

-- the objects that are left
CREATE VIEW cim.object AS
SELECT o.id, 'building'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level, o.valid_from, o.valid_to,
    o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.building o
UNION ALL
SELECT o.id, 'unit'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level, o.valid_from, o.valid_to,
    o.recorded_at, o.attributes, NULL::geometry::geometry AS geom FROM cim.unit o
UNION ALL
SELECT o.id, 'model'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level, o.valid_from, o.valid_to,
    o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.model o
UNION ALL
SELECT o.id, 'storey'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level, o.valid_from, o.valid_to,
    o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.storey o
UNION ALL
SELECT o.id, 'space'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level, o.valid_from, o.valid_to,
    o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.space o
UNION ALL
SELECT o.id, 'element'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level, o.valid_from, o.valid_to,
    o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.element o
UNION ALL
SELECT o.id, 'feature'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level, o.valid_from, o.valid_to,
    o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.feature o
UNION ALL
SELECT o.id, 'zone'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level, o.valid_from, o.valid_to,
    o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.zone o
UNION ALL
SELECT o.id, 'river'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level, o.valid_from, o.valid_to,
    o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.river o
UNION ALL
SELECT o.id, 'river_area'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level, o.valid_from, o.valid_to,
    o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.river_area o
UNION ALL
SELECT o.id, 'catchment'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level, o.valid_from, o.valid_to,
    o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.catchment o
UNION ALL
SELECT o.id, 'water_work'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level, o.valid_from, o.valid_to,
    o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.water_work o
UNION ALL
SELECT o.id, 'grid_cell'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level, o.valid_from, o.valid_to,
    o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.grid_cell o
UNION ALL
SELECT o.id, 'terrain'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level, o.valid_from, o.valid_to,
    o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.terrain o
UNION ALL
SELECT o.id, 'camera'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level, o.valid_from, o.valid_to,
    o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.camera o
UNION ALL
SELECT o.id, 'sensor'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level, o.valid_from, o.valid_to,
    o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.sensor o
UNION ALL
SELECT o.id, 'event'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level, o.valid_from, o.valid_to,
    o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.event o
UNION ALL
SELECT o.id, 'parking'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level, o.valid_from, o.valid_to,
    o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.parking o
UNION ALL
SELECT o.id, 'resource'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level, o.valid_from, o.valid_to,
    o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.resource o
UNION ALL
SELECT o.id, 'pipe_node'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level, o.valid_from, o.valid_to,
    o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.pipe_node o
UNION ALL
SELECT o.id, 'pipe'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level, o.valid_from, o.valid_to,
    o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.pipe o
UNION ALL
SELECT o.id, 'road_node'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level, o.valid_from, o.valid_to,
    o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.road_node o
UNION ALL
SELECT o.id, 'road'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level, o.valid_from, o.valid_to,
    o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.road o;
