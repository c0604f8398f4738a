-- the sources to match: the dataset's own, those of affected buildings, and unmatched ones that may belong to its own
WITH wanted AS (
    SELECT s.id FROM cim.building_source s WHERE dataset_id = :dataset
        AND NOT EXISTS (SELECT FROM merge_founder f WHERE f.id = s.id)
    UNION
    SELECT s.id FROM cim.building_source s JOIN merge_affected a ON a.id = s.building_id
    UNION
    SELECT s.id FROM cim.building_source o JOIN cim.building_source s ON s.code = o.code
    WHERE o.dataset_id = :dataset AND s.building_id IS NULL AND s.dataset_id <> :dataset
    UNION
    SELECT s.id FROM cim.building_source o JOIN cim.building_source s ON s.geom && o.geom
    WHERE o.dataset_id = :dataset AND s.building_id IS NULL AND s.dataset_id <> :dataset
)
INSERT INTO merge_pending
    (id, dataset_id, kind, source_key, code, scheme, name, height_m, geom, area, is_founder, previous_id)
SELECT s.id, s.dataset_id, s.kind, s.source_key, s.code,
    -- codes of one scheme name different buildings when they differ: '440307...' of one length, 'way/1' and 'way/2'
    coalesce(nullif(translate(s.code, '0123456789', ''), ''), length(s.code)::text),
    nullif(s.fields ->> 'name', ''),
    CASE WHEN jsonb_typeof(s.fields -> 'height_m') = 'number' THEN (s.fields ->> 'height_m')::double precision END,
    s.geom, ST_Area(s.geom), coalesce((s.reason -> 'created')::boolean, false), s.building_id
FROM cim.building_source s
WHERE s.id IN (SELECT id FROM wanted)
