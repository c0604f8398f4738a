-- boundary surfaces of city models, with the source that says them
ALTER TABLE building_source ADD COLUMN lod2 geometry(MultiPolygonZ, 4490);
ALTER TABLE building_source ADD COLUMN lod2_surfaces text;

-- counts and areas that registers state of a building
ALTER TABLE building ADD COLUMN residents integer;
ALTER TABLE building ADD COLUMN legal_entities integer;
ALTER TABLE building ADD COLUMN unit_count integer;
ALTER TABLE building ADD COLUMN floor_area_m2 double precision;

-- earlier states are sought by layer and place as well as by id
ALTER TABLE object_history ADD COLUMN layer_id text;
ALTER TABLE object_history ADD COLUMN bounds geometry(Geometry, 4490);
UPDATE object_history SET layer_id = record ->> 'layer_id', bounds = ST_Envelope((record ->> 'geom')::geometry);
CREATE INDEX object_history_layer_id_idx ON object_history (layer_id, recorded_to);
CREATE INDEX object_history_table_name_idx ON object_history (table_name, recorded_to);
CREATE INDEX object_history_bounds_idx ON object_history USING gist (bounds);

CREATE OR REPLACE FUNCTION cim.record_history() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    columns text;
    has_place boolean;
BEGIN
    SELECT string_agg(
        CASE WHEN t.typname = 'geometry' THEN format('encode(ST_AsEWKB(o.%1$I), ''hex'') AS %1$I', a.attname)
            ELSE format('o.%I', a.attname) END,
        ', ' ORDER BY a.attnum), bool_or(a.attname = 'geom')
    INTO columns, has_place
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = TG_RELID AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'geom_3857';
    EXECUTE format(
        'INSERT INTO cim.object_history (id, table_name, layer_id, bounds, recorded_from, recorded_to, record)'
        ' SELECT x.id, %L, x.layer_id, %s, x.recorded_at, now(), to_jsonb(x)'
        ' FROM (SELECT %s FROM old_rows o WHERE o.recorded_at < now()) x',
        TG_TABLE_NAME, CASE WHEN has_place THEN 'ST_Envelope(x.geom::geometry)' ELSE 'NULL' END, columns);
    RETURN NULL;
END
$$;
