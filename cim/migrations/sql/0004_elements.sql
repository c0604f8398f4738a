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

-- Returns what the elements of these models come to; those without a place are nowhere and do not count.
CREATE FUNCTION cim.element_tallies(models bigint[])
RETURNS TABLE (model_id bigint, bounds geometry, counts jsonb) LANGUAGE sql STABLE AS $$
    SELECT g.model_id, ST_SetSRID(ST_Extent(g.bounds)::geometry, 4490), jsonb_agg(jsonb_build_object(
        'layer_id', g.layer_id, 'dataset_id', g.dataset_id, 'ifc_class', g.ifc_class, 'elements', g.elements))
    FROM (
        SELECT e.model_id, e.layer_id, e.dataset_id, e.ifc_class, count(*) AS elements,
            ST_Extent(e.geom)::geometry AS bounds
        FROM cim.element e
        WHERE e.model_id = ANY (models) AND NOT ST_IsEmpty(e.geom)
        GROUP BY e.model_id, e.layer_id, e.dataset_id, e.ifc_class
    ) g
    GROUP BY g.model_id
$$;

-- Counts the elements of the touched models anew; the lock is as with units.
CREATE FUNCTION cim.tally_elements() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
    changed bigint[];
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM cim.element_tally;
        RETURN NULL;
    ELSIF TG_OP = 'INSERT' THEN
        SELECT array_agg(DISTINCT n.model_id) INTO changed FROM new_rows n WHERE n.model_id IS NOT NULL;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(DISTINCT o.model_id) INTO changed FROM old_rows o WHERE o.model_id IS NOT NULL;
    ELSE
        SELECT array_agg(DISTINCT v.model_id) INTO changed
        FROM old_rows o JOIN new_rows n ON n.id = o.id
        CROSS JOIN LATERAL (VALUES (o.model_id), (n.model_id)) v (model_id)
        WHERE v.model_id IS NOT NULL
            AND ((o.model_id, o.layer_id, o.dataset_id, o.ifc_class)
            IS DISTINCT FROM (n.model_id, n.layer_id, n.dataset_id, n.ifc_class)
            OR ST_AsBinary(o.geom) IS DISTINCT FROM ST_AsBinary(n.geom));
    END IF;
    IF changed IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM 1 FROM cim.model m WHERE m.id = ANY (changed) ORDER BY m.id FOR NO KEY UPDATE;
    DELETE FROM cim.element_tally t WHERE t.model_id = ANY (changed);
    INSERT INTO cim.element_tally (model_id, bounds, counts)
    SELECT t.model_id, t.bounds, t.counts FROM cim.element_tallies(changed) t;
    RETURN NULL;
END
$$;

CREATE TRIGGER tally_insert AFTER INSERT ON element REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.tally_elements();
CREATE TRIGGER tally_update AFTER UPDATE ON element REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.tally_elements();
CREATE TRIGGER tally_delete AFTER DELETE ON element REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.tally_elements();
CREATE TRIGGER tally_truncate AFTER TRUNCATE ON element
    FOR EACH STATEMENT EXECUTE FUNCTION cim.tally_elements();

INSERT INTO element_tally (model_id, bounds, counts)
SELECT t.model_id, t.bounds, t.counts FROM cim.element_tallies(ARRAY(SELECT id FROM model)) t;
ANALYZE element_tally;
