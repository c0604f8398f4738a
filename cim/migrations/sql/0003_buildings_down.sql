CREATE OR REPLACE FUNCTION cim.record_history() RETURNS trigger LANGUAGE plpgsql AS $$
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
DROP INDEX object_history_bounds_idx;
DROP INDEX object_history_table_name_idx;
DROP INDEX object_history_layer_id_idx;
ALTER TABLE object_history DROP COLUMN bounds;
ALTER TABLE object_history DROP COLUMN layer_id;
ALTER TABLE building DROP COLUMN floor_area_m2;
ALTER TABLE building DROP COLUMN unit_count;
ALTER TABLE building DROP COLUMN legal_entities;
ALTER TABLE building DROP COLUMN residents;
ALTER TABLE building_source DROP COLUMN lod2_surfaces;
ALTER TABLE building_source DROP COLUMN lod2;
