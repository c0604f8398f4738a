ALTER TABLE layer ADD COLUMN overview jsonb NOT NULL DEFAULT '{}'::jsonb;

CREATE TABLE tile (
    layer_id text NOT NULL REFERENCES layer (id) ON DELETE CASCADE,
    z smallint NOT NULL,
    x integer NOT NULL,
    y integer NOT NULL,
    area_code text NOT NULL DEFAULT '',
    form bytea NOT NULL,
    tag bytea NOT NULL,
    body bytea,
    reach box NOT NULL,
    built_at timestamptz NOT NULL DEFAULT now(),
    asked_at timestamptz,
    dirty_at timestamptz,
    PRIMARY KEY (layer_id, z, x, y, area_code)
);
-- gzip does not shrink any further
ALTER TABLE tile ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX tile_reach_idx ON tile USING gist (reach);
CREATE INDEX tile_dirty_at_idx ON tile (asked_at) WHERE dirty_at IS NOT NULL;

CREATE TABLE tile_change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    layer_id text NOT NULL,
    reach box NOT NULL,
    objects integer NOT NULL,
    transaction text NOT NULL DEFAULT pg_current_xact_id()::text,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    done_at timestamptz,
    done_by text
);
CREATE INDEX tile_change_layer_id_idx ON tile_change (layer_id, done_at);
CREATE INDEX tile_change_done_at_idx ON tile_change (done_at);

CREATE TABLE overview_cell (
    layer_id text NOT NULL REFERENCES layer (id) ON DELETE CASCADE,
    x integer NOT NULL,
    y integer NOT NULL,
    area_code text NOT NULL DEFAULT '',
    value text NOT NULL DEFAULT '',
    objects integer NOT NULL,
    first_id bigint NOT NULL,
    sum_x double precision NOT NULL,
    sum_y double precision NOT NULL,
    sums double precision[] NOT NULL,
    PRIMARY KEY (layer_id, x, y, area_code, value)
);

-- Triggers that record the boxes of what a statement changed: of a few rows each by itself, of more by region (squares of
-- some 5 km of Web Mercator), and wake whoever keeps the tiles. Rows without a place are nowhere on a tile. Models and
-- conflicts hang on buildings, which show whether a model stands on them and how many conflicts are open: a change of
-- those is one of theirs. One function for each kind of statement, so that their plans are kept.
DO $do$
DECLARE
    kind record;
    holder text;
BEGIN
    FOR kind IN
        SELECT o.operation, h.hangs, h.prefix || lower(o.operation) AS name, o.tables,
            CASE WHEN h.hangs THEN format(
                'SELECT layer_id, geom_3857 FROM cim.building WHERE id IN (%s)', replace(o.rows, '*', 'building_id'))
            ELSE replace(o.rows, '*', 'layer_id, geom_3857') END AS touched
        FROM (VALUES
            ('INSERT', 'NEW TABLE AS new_rows', 'SELECT * FROM new_rows'),
            ('DELETE', 'OLD TABLE AS old_rows', 'SELECT * FROM old_rows'),
            ('UPDATE', 'OLD TABLE AS old_rows NEW TABLE AS new_rows',
                'SELECT * FROM old_rows UNION ALL SELECT * FROM new_rows')) o (operation, tables, rows)
        CROSS JOIN (VALUES (false, 'mark_tiles_'), (true, 'mark_building_tiles_')) h (hangs, prefix)
    LOOP
        EXECUTE format($create$
            CREATE FUNCTION cim.%1$I() RETURNS trigger LANGUAGE plpgsql AS $body$
            DECLARE
                changed bigint;
            BEGIN
                INSERT INTO cim.tile_change (layer_id, reach, objects)
                SELECT layer_id, box(point(ST_XMin(geom_3857), ST_YMin(geom_3857)),
                    point(ST_XMax(geom_3857), ST_YMax(geom_3857))), 1
                FROM (%2$s) t WHERE NOT ST_IsEmpty(geom_3857) LIMIT 201;
                GET DIAGNOSTICS changed = ROW_COUNT;
                IF changed > 200 THEN
                    INSERT INTO cim.tile_change (layer_id, reach, objects)
                    SELECT layer_id, box(point(min(west), min(south)), point(max(east), max(north))), count(*)
                    FROM (
                        SELECT layer_id, ST_XMin(geom_3857) AS west, ST_YMin(geom_3857) AS south,
                            ST_XMax(geom_3857) AS east, ST_YMax(geom_3857) AS north
                        FROM (%2$s) t WHERE NOT ST_IsEmpty(geom_3857)) r
                    GROUP BY layer_id, floor(west / 4892), floor(south / 4892);
                END IF;
                IF changed > 0 THEN
                    PERFORM pg_notify('cim_tiles', '');
                END IF;
                RETURN NULL;
            END
            $body$ $create$, kind.name, kind.touched);
        FOR holder IN
            SELECT c.table_name FROM information_schema.columns c
            WHERE c.table_schema = 'cim' AND CASE WHEN kind.hangs THEN
                c.column_name = 'building_id' AND c.table_name IN ('model', 'conflict')
                ELSE c.column_name = 'geom_3857' END
            ORDER BY c.table_name
        LOOP
            EXECUTE format('CREATE TRIGGER %I AFTER %s ON cim.%I REFERENCING %s FOR EACH STATEMENT EXECUTE FUNCTION cim.%I()',
                kind.name, kind.operation, holder, kind.tables, kind.name);
        END LOOP;
    END LOOP;
END
$do$;

-- What the catalogue shows of a layer has changed: so have all its tiles, and the sums of small scales.
CREATE FUNCTION cim.mark_layer_tiles() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO cim.tile_change (layer_id, reach, objects)
    VALUES (NEW.id, box(point(-20037508.35, -20037508.35), point(20037508.35, 20037508.35)), 0);
    PERFORM pg_notify('cim_tiles', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER tiles_shown AFTER UPDATE OF overview, fields, min_zoom ON layer FOR EACH ROW
    WHEN ((OLD.overview, OLD.fields, OLD.min_zoom) IS DISTINCT FROM (NEW.overview, NEW.fields, NEW.min_zoom))
    EXECUTE FUNCTION cim.mark_layer_tiles();

-- objects that were there before count as changed once, so that sums for small scales are made
DO $$
DECLARE
    holder text;
BEGIN
    FOR holder IN
        SELECT c.table_name FROM information_schema.columns c
        WHERE c.table_schema = 'cim' AND c.column_name = 'geom_3857' ORDER BY c.table_name
    LOOP
        EXECUTE format('INSERT INTO cim.tile_change (layer_id, reach, objects)'
            ' SELECT layer_id, box(point(min(ST_XMin(geom_3857)), min(ST_YMin(geom_3857))),'
            ' point(max(ST_XMax(geom_3857)), max(ST_YMax(geom_3857)))), count(*)'
            ' FROM cim.%I WHERE NOT ST_IsEmpty(geom_3857) GROUP BY layer_id', holder);
    END LOOP;
END
$$;
