-- what each source says of each field where a building has several; the smallest place wins: first kind, then newest
INSERT INTO merge_claim
SELECT m.building_id, f.key, m.source_id,
    CASE WHEN r.compare = 'integer' THEN to_jsonb(round((f.value #>> '{}')::numeric)) ELSE f.value END,
    1000 * r.rank + m.recency
FROM merge_member m
JOIN cim.building_source s ON s.id = m.source_id
CROSS JOIN LATERAL jsonb_each(
    CASE WHEN s.code IS NULL THEN s.fields ELSE s.fields || jsonb_build_object('code', s.code) END) f
JOIN merge_rule r ON r.field = f.key AND r.kind = m.kind
WHERE m.members > 1 AND CASE
    WHEN jsonb_typeof(f.value) NOT IN ('number', 'string') THEN false
    WHEN r.compare IN ('number', 'integer')
        THEN jsonb_typeof(f.value) = 'number' AND abs((f.value #>> '{}')::numeric)
                < CASE WHEN f.key IN ('residents', 'legal_entities', 'unit_count', 'floor_area_m2') THEN 1e9 ELSE 32000 END
    ELSE btrim(f.value #>> '{}') <> ''
END
UNION ALL
-- outlines are compared by their size
SELECT m.building_id, r.field, m.source_id, to_jsonb(round(ST_Area(s.geom::geography)::numeric, 1)),
    1000 * r.rank + m.recency
FROM merge_member m
JOIN cim.building_source s ON s.id = m.source_id
JOIN merge_rule r ON r.field = 'footprint_area_m2' AND r.kind = m.kind
WHERE m.members > 1 AND ST_Dimension(s.geom) = 2
