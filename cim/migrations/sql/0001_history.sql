-- earlier states of objects: a statement's old rows, but for rows that this same transaction made. Geometries are kept
-- as hexadecimal EWKB: exact, and far cheaper than GeoJSON, which looks the CRS up for every row
CREATE FUNCTION cim.record_history() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    columns text;
BEGIN
    SELECT string_agg(
        CASE WHEN t.typname = 'geometry' THEN format('encode(ST_AsEWKB(o.%1$I), ''hex'') AS %1$I', a.attname)
            ELSE format('o.%I', a.attname) END,
        ', ' ORDER BY a.attnum)
    INTO columns
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = TG_RELID AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'geom_3857';
    EXECUTE format(
        'INSERT INTO cim.object_history (id, table_name, recorded_from, recorded_to, record)'
        ' SELECT x.id, %L, x.recorded_at, now(), to_jsonb(x)'
        ' FROM (SELECT %s FROM old_rows o WHERE o.recorded_at < now()) x',
        TG_TABLE_NAME, columns);
    RETURN NULL;
END
$$;

CREATE TRIGGER record_update AFTER UPDATE ON cim.building REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();
CREATE TRIGGER record_delete AFTER DELETE ON cim.building REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.unit REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();
CREATE TRIGGER record_delete AFTER DELETE ON cim.unit REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.model REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();
CREATE TRIGGER record_delete AFTER DELETE ON cim.model REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.storey REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();
CREATE TRIGGER record_delete AFTER DELETE ON cim.storey REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.space REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();
CREATE TRIGGER record_delete AFTER DELETE ON cim.space REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.element REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();
CREATE TRIGGER record_delete AFTER DELETE ON cim.element REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.feature REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();
CREATE TRIGGER record_delete AFTER DELETE ON cim.feature REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.zone REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();
CREATE TRIGGER record_delete AFTER DELETE ON cim.zone REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.river REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();
CREATE TRIGGER record_delete AFTER DELETE ON cim.river REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.river_area REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();
CREATE TRIGGER record_delete AFTER DELETE ON cim.river_area REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.catchment REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();
CREATE TRIGGER record_delete AFTER DELETE ON cim.catchment REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.water_work REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();
CREATE TRIGGER record_delete AFTER DELETE ON cim.water_work REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.grid_cell REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();
CREATE TRIGGER record_delete AFTER DELETE ON cim.grid_cell REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.terrain REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();
CREATE TRIGGER record_delete AFTER DELETE ON cim.terrain REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.camera REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();
CREATE TRIGGER record_delete AFTER DELETE ON cim.camera REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.sensor REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();
CREATE TRIGGER record_delete AFTER DELETE ON cim.sensor REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.event REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();
CREATE TRIGGER record_delete AFTER DELETE ON cim.event REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.parking REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();
CREATE TRIGGER record_delete AFTER DELETE ON cim.parking REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.resource REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();
CREATE TRIGGER record_delete AFTER DELETE ON cim.resource REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.pipe_node REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();
CREATE TRIGGER record_delete AFTER DELETE ON cim.pipe_node REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.pipe REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();
CREATE TRIGGER record_delete AFTER DELETE ON cim.pipe REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.road_node REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();
CREATE TRIGGER record_delete AFTER DELETE ON cim.road_node REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.road REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();
CREATE TRIGGER record_delete AFTER DELETE ON cim.road REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

-- every object of the city under its one id
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
