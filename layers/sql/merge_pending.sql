-- the sources to match: the dataset's own, those of affected buildings, and unmatched ones that may belong to its own
WITH own AS MATERIALIZED (
    SELECT id, code, geom FROM cim.building_source WHERE dataset_id = :dataset
), wanted AS (
    SELECT id FROM own
    UNION
    SELECT s.id FROM cim.building_source s JOIN merge_affected a ON a.id = s.building_id
    UNION
    SELECT s.id FROM own o JOIN cim.building_source s ON s.code = o.code WHERE s.building_id IS NULL
    UNION
    SELECT s.id FROM own o JOIN cim.building_source s ON s.geom && o.geom WHERE s.building_id IS NULL
)
INSERT INTO merge_pending
    (id, dataset_id, kind, source_key, code, scheme, name, height_m, geom, area, is_founder, previous_id)
SELECT s.id, s.dataset_id, s.kind, s.source_key, s.code,
    -- codes of one scheme name different buildings when they differ: '440307...' of one length, 'way/1' and 'way/2'
    CASE WHEN s.code ~ '^[0-9]+$' THEN 'digits ' || length(s.code) ELSE regexp_replace(s.code, '[0-9]+', '#', 'g') END,
    nullif(s.fields ->> 'name', ''),
    CASE WHEN jsonb_typeof(s.fields -> 'height_m') = 'number' THEN (s.fields ->> 'height_m')::double precision END,
    g.geom, ST_Area(g.geom), coalesce((s.reason -> 'created')::boolean, false), s.building_id
FROM cim.building_source s
CROSS JOIN LATERAL (
    SELECT CASE WHEN ST_IsValid(s.geom) THEN s.geom ELSE ST_MakeValid(s.geom) END AS geom
) g
WHERE s.id IN (SELECT id FROM wanted)
