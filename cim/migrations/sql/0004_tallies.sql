-- units of a building counted by what inventories ask for; one line where a tower has hundreds of units
CREATE TABLE unit_tally (
    building_id bigint NOT NULL,
    layer_id text NOT NULL,
    dataset_id bigint,
    use text,
    units integer NOT NULL,
    area_m2 double precision
);
CREATE INDEX unit_tally_building_id_idx ON unit_tally (building_id);

-- elements of a model counted by what inventories ask for, and the box that all of them lie in
CREATE TABLE element_tally (
    model_id bigint PRIMARY KEY,
    bounds geometry(Geometry, 4490) NOT NULL,
    counts jsonb NOT NULL
);
CREATE INDEX element_tally_bounds_idx ON element_tally USING gist (bounds);

-- the first elements of a model, without reading them all
DROP INDEX element_model_id_idx;
CREATE INDEX element_model_id_idx ON element (model_id, id);

-- counts the units of these buildings anew: exact whatever was done, and sums do not drift
CREATE FUNCTION cim.tally_unit(buildings bigint[]) RETURNS void LANGUAGE sql AS $$
    DELETE FROM cim.unit_tally WHERE building_id = ANY (buildings);
    INSERT INTO cim.unit_tally (building_id, layer_id, dataset_id, use, units, area_m2)
    SELECT u.building_id, u.layer_id, u.dataset_id, u.use, count(*), sum(u.area_m2)
    FROM cim.unit u WHERE u.building_id = ANY (buildings)
    GROUP BY u.building_id, u.layer_id, u.dataset_id, u.use
    ORDER BY u.building_id;
$$;

-- counts the elements of these models anew; those without a place are nowhere and do not count
CREATE FUNCTION cim.tally_element(models bigint[]) RETURNS void LANGUAGE sql AS $$
    DELETE FROM cim.element_tally WHERE model_id = ANY (models);
    INSERT INTO cim.element_tally (model_id, bounds, counts)
    SELECT g.model_id, ST_SetSRID(ST_Extent(g.bounds)::geometry, 4490), jsonb_agg(jsonb_build_object(
        'layer_id', g.layer_id, 'dataset_id', g.dataset_id, 'ifc_class', g.ifc_class, 'elements', g.elements))
    FROM (
        SELECT e.model_id, e.layer_id, e.dataset_id, e.ifc_class, count(*) AS elements,
            ST_Extent(e.geom)::geometry AS bounds
        FROM cim.element e
        WHERE e.model_id = ANY (models) AND NOT ST_IsEmpty(e.geom)
        GROUP BY e.model_id, e.layer_id, e.dataset_id, e.ifc_class
    ) g
    GROUP BY g.model_id;
$$;

-- Counts anew what a statement touched. Arguments: the table that the rows hang on by <table>_id, and the columns that
-- the counts depend on. The lock on what is counted lets another transaction that changes the same wait, and then see
-- ours. Of old and new rows there are no statistics: the planner would take them for few and compare each with each.
CREATE FUNCTION cim.keep_tally() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
    holder text := TG_ARGV[0] || '_id';
    before text;
    after text;
    changed bigint[];
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        EXECUTE format('DELETE FROM cim.%I', TG_TABLE_NAME || '_tally');
        RETURN NULL;
    ELSIF TG_OP = 'UPDATE' THEN
        SELECT string_agg(format('o.%I', name), ', '), string_agg(format('n.%I', name), ', ') INTO before, after
        FROM unnest(holder || TG_ARGV[1:]) name;
        EXECUTE format(
            'SELECT array_agg(DISTINCT v.holder) FROM old_rows o JOIN new_rows n ON n.id = o.id'
            ' CROSS JOIN LATERAL (VALUES (o.%1$I), (n.%1$I)) v (holder)'
            ' WHERE v.holder IS NOT NULL AND (%2$s) IS DISTINCT FROM (%3$s)',
            holder, before, after) INTO changed;
    ELSE
        EXECUTE format('SELECT array_agg(DISTINCT r.%1$I) FROM %2$I r WHERE r.%1$I IS NOT NULL',
            holder, CASE TG_OP WHEN 'INSERT' THEN 'new_rows' ELSE 'old_rows' END) INTO changed;
    END IF;
    IF changed IS NOT NULL THEN
        EXECUTE format('SELECT 1 FROM cim.%I h WHERE h.id = ANY ($1) ORDER BY h.id FOR NO KEY UPDATE', TG_ARGV[0])
        USING changed;
        EXECUTE format('SELECT cim.%I($1)', 'tally_' || TG_TABLE_NAME) USING changed;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER tally_insert AFTER INSERT ON unit REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.keep_tally('building');
CREATE TRIGGER tally_update AFTER UPDATE ON unit REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.keep_tally('building', 'layer_id', 'dataset_id', 'use', 'area_m2');
CREATE TRIGGER tally_delete AFTER DELETE ON unit REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.keep_tally('building');
CREATE TRIGGER tally_truncate AFTER TRUNCATE ON unit
    FOR EACH STATEMENT EXECUTE FUNCTION cim.keep_tally('building');

CREATE TRIGGER tally_insert AFTER INSERT ON element REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.keep_tally('model');
CREATE TRIGGER tally_update AFTER UPDATE ON element REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.keep_tally('model', 'layer_id', 'dataset_id', 'ifc_class', 'geom');
CREATE TRIGGER tally_delete AFTER DELETE ON element REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.keep_tally('model');
CREATE TRIGGER tally_truncate AFTER TRUNCATE ON element
    FOR EACH STATEMENT EXECUTE FUNCTION cim.keep_tally('model');

SELECT cim.tally_unit(ARRAY(SELECT id FROM building)), cim.tally_element(ARRAY(SELECT id FROM model));
ANALYZE unit_tally;
ANALYZE element_tally;
