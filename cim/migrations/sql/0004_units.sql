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

-- Counts the units of the touched buildings anew: exact whatever the statement did, and sums do not drift. The lock on
-- these buildings lets another transaction that changes units of the same ones wait, and then see ours. Of old and new
-- rows there are no statistics, so the planner would take them for few and compare each with each.
CREATE FUNCTION cim.tally_units() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
    changed bigint[];
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM cim.unit_tally;
        RETURN NULL;
    ELSIF TG_OP = 'INSERT' THEN
        SELECT array_agg(DISTINCT n.building_id) INTO changed FROM new_rows n WHERE n.building_id IS NOT NULL;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(DISTINCT o.building_id) INTO changed FROM old_rows o WHERE o.building_id IS NOT NULL;
    ELSE
        SELECT array_agg(DISTINCT v.building_id) INTO changed
        FROM old_rows o JOIN new_rows n ON n.id = o.id
        CROSS JOIN LATERAL (VALUES (o.building_id), (n.building_id)) v (building_id)
        WHERE v.building_id IS NOT NULL
            AND (o.building_id, o.layer_id, o.dataset_id, o.use, o.area_m2)
            IS DISTINCT FROM (n.building_id, n.layer_id, n.dataset_id, n.use, n.area_m2);
    END IF;
    IF changed IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM 1 FROM cim.building b WHERE b.id = ANY (changed) ORDER BY b.id FOR NO KEY UPDATE;
    DELETE FROM cim.unit_tally t WHERE t.building_id = ANY (changed);
    INSERT INTO cim.unit_tally (building_id, layer_id, dataset_id, use, units, area_m2)
    SELECT u.building_id, u.layer_id, u.dataset_id, u.use, count(*), sum(u.area_m2)
    FROM cim.unit u WHERE u.building_id = ANY (changed)
    GROUP BY u.building_id, u.layer_id, u.dataset_id, u.use
    ORDER BY u.building_id;
    RETURN NULL;
END
$$;

CREATE TRIGGER tally_insert AFTER INSERT ON unit REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.tally_units();
CREATE TRIGGER tally_update AFTER UPDATE ON unit REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.tally_units();
CREATE TRIGGER tally_delete AFTER DELETE ON unit REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.tally_units();
CREATE TRIGGER tally_truncate AFTER TRUNCATE ON unit
    FOR EACH STATEMENT EXECUTE FUNCTION cim.tally_units();

INSERT INTO unit_tally (building_id, layer_id, dataset_id, use, units, area_m2)
SELECT building_id, layer_id, dataset_id, use, count(*), sum(area_m2)
FROM unit WHERE building_id IS NOT NULL GROUP BY 1, 2, 3, 4 ORDER BY 1;
ANALYZE unit_tally;
