CREATE TABLE camera_viewshed (
    camera_id bigint PRIMARY KEY REFERENCES camera (id) ON DELETE CASCADE,
    geom geometry(MultiPolygon, 4490),
    reach geometry(Polygon, 4490) NOT NULL,
    seen_m2 double precision,
    ground_m2 double precision,
    rings jsonb NOT NULL DEFAULT '[]'::jsonb,
    target_height_m double precision,
    cell_m double precision,
    eye_height_m double precision,
    mount text,
    moved_m double precision,
    terrain text,
    versions jsonb NOT NULL DEFAULT '{}'::jsonb,
    datasets jsonb NOT NULL DEFAULT '[]'::jsonb,
    computed_at timestamptz,
    dirty_at timestamptz
);
CREATE INDEX camera_viewshed_geom_idx ON camera_viewshed USING gist (geom);
CREATE INDEX camera_viewshed_reach_idx ON camera_viewshed USING gist (reach);
CREATE INDEX camera_viewshed_dirty_at_idx ON camera_viewshed (dirty_at) WHERE dirty_at IS NOT NULL;

-- Marks the viewsheds whose reach meets a box. Rows are locked in the order of their ids, as those who keep viewsheds do,
-- and a mark is made anew over an old one: who is computing meanwhile sees from it that something has changed again.
CREATE FUNCTION cim.mark_viewsheds(boxes geometry[]) RETURNS void LANGUAGE sql AS $$
    WITH touched AS MATERIALIZED (
        SELECT v.camera_id FROM cim.camera_viewshed v
        WHERE v.camera_id IN (
            SELECT m.camera_id FROM unnest(boxes) AS b (box) JOIN cim.camera_viewshed m ON m.reach && b.box)
        ORDER BY v.camera_id FOR NO KEY UPDATE)
    UPDATE cim.camera_viewshed v SET dirty_at = clock_timestamp() FROM touched t WHERE t.camera_id = v.camera_id;
$$;

-- Old and new boxes of what a statement changed: of up to 1000 rows each by itself, of more one for each square of about
-- 200 m and kind of place in it. A change of what does not stand in the way (names, counts of people) marks nothing.
-- Without any viewshed, as while a city is imported, there is nothing to do.
DO $do$
DECLARE
    kind record;
BEGIN
    FOR kind IN
        SELECT h.holder, o.operation, o.tables, 'mark_' || h.holder || '_viewsheds_' || lower(o.operation) AS name,
            CASE o.operation
                WHEN 'INSERT' THEN 'SELECT geom FROM new_rows'
                WHEN 'DELETE' THEN 'SELECT geom FROM old_rows'
                ELSE format('SELECT g.geom FROM old_rows o JOIN new_rows n ON n.id = o.id'
                    ' CROSS JOIN LATERAL (VALUES (o.geom), (n.geom)) g (geom) WHERE (%s) IS DISTINCT FROM (%s)',
                    replace(h.matters, '*', 'o'), replace(h.matters, '*', 'n'))
            END AS touched
        FROM (VALUES
            ('building', '*.geom, *.height_m, *.base_height_m, *.valid_from, *.valid_to'),
            ('terrain', '*.geom, *.file_key, *.kind, *.crs, *.resolution_m')) h (holder, matters)
        CROSS JOIN (VALUES
            ('INSERT', 'NEW TABLE AS new_rows'),
            ('DELETE', 'OLD TABLE AS old_rows'),
            ('UPDATE', 'OLD TABLE AS old_rows NEW TABLE AS new_rows')) o (operation, tables)
    LOOP
        EXECUTE format($create$
            CREATE FUNCTION cim.%1$I() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $body$
            DECLARE
                boxes geometry[];
            BEGIN
                IF NOT EXISTS (SELECT 1 FROM cim.camera_viewshed) THEN
                    RETURN NULL;
                END IF;
                SELECT array_agg(ST_Envelope(t.geom)) INTO boxes
                FROM (SELECT geom FROM (%2$s) c WHERE NOT ST_IsEmpty(geom) LIMIT 1001) t;
                IF cardinality(boxes) > 1000 THEN
                    SELECT array_agg(r.box) INTO boxes
                    FROM (
                        SELECT ST_SetSRID(ST_Extent(geom)::geometry, 4490) AS box
                        FROM (%2$s) c WHERE NOT ST_IsEmpty(geom)
                        GROUP BY floor(ST_XMin(geom) * 500), floor(ST_YMin(geom) * 500),
                            floor(ST_XMax(geom) * 500), floor(ST_YMax(geom) * 500)) r;
                END IF;
                IF boxes IS NOT NULL THEN
                    SET LOCAL enable_nestloop = on;
                    PERFORM cim.mark_viewsheds(boxes);
                END IF;
                RETURN NULL;
            END
            $body$ $create$, kind.name, kind.touched);
        EXECUTE format('CREATE TRIGGER viewsheds_%s AFTER %s ON cim.%I REFERENCING %s FOR EACH STATEMENT EXECUTE FUNCTION cim.%I()',
            lower(kind.operation), kind.operation, kind.holder, kind.tables, kind.name);
    END LOOP;
END
$do$;

-- A camera that was moved, turned or given another range sees something else; another name or state changes nothing.
CREATE FUNCTION cim.mark_camera_viewsheds_update() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
BEGIN
    WITH turned AS (
        SELECT n.id FROM old_rows o JOIN new_rows n ON n.id = o.id
        WHERE (o.geom, o.mount_height_m, o.azimuth_deg, o.tilt_deg, o.hfov_deg, o.range_m, o.attributes)
            IS DISTINCT FROM (n.geom, n.mount_height_m, n.azimuth_deg, n.tilt_deg, n.hfov_deg, n.range_m, n.attributes)),
    touched AS MATERIALIZED (
        SELECT v.camera_id FROM cim.camera_viewshed v JOIN turned t ON t.id = v.camera_id
        ORDER BY v.camera_id FOR NO KEY UPDATE OF v)
    UPDATE cim.camera_viewshed v SET dirty_at = clock_timestamp() FROM touched t WHERE t.camera_id = v.camera_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER viewsheds_update AFTER UPDATE ON camera REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.mark_camera_viewsheds_update();

CREATE FUNCTION cim.mark_all_viewsheds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE cim.camera_viewshed SET dirty_at = clock_timestamp();
    RETURN NULL;
END
$$;
CREATE TRIGGER viewsheds_truncate AFTER TRUNCATE ON building FOR EACH STATEMENT EXECUTE FUNCTION cim.mark_all_viewsheds();
CREATE TRIGGER viewsheds_truncate AFTER TRUNCATE ON terrain FOR EACH STATEMENT EXECUTE FUNCTION cim.mark_all_viewsheds();
