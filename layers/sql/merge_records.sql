-- the merged record: of each field the value of the first kind that speaks, of several of that kind the newest;
-- where one source says all, '*' names it once for every field
WITH origin AS MATERIALIZED (
    SELECT source_id, building_id, kind, members, kin,
        jsonb_build_object('source_id', source_id, 'dataset', dataset, 'kind', kind) AS told
    FROM merge_member
), shared AS (
    SELECT c.building_id, jsonb_object_agg(c.field, c.value) AS fields,
        jsonb_object_agg(c.field, o.told || CASE WHEN w.claims = 1 THEN '{"rule": "only"}'::jsonb
            WHEN o.kin > 1 THEN '{"rule": "recency"}' ELSE '{"rule": "priority"}' END) AS provenance
    FROM merge_won w
    JOIN merge_claim c ON c.building_id = w.building_id AND c.field = w.field AND c.place = w.place
    JOIN origin o ON o.source_id = c.source_id
    WHERE w.field <> 'footprint_area_m2'
    GROUP BY c.building_id
), believed AS MATERIALIZED (
    SELECT kind, jsonb_object_agg(field, compare) AS fields FROM merge_rule GROUP BY kind
), alone AS (
    SELECT o.building_id, v.fields, v.provenance
    FROM origin o
    JOIN cim.building_source s ON s.id = o.source_id
    JOIN believed b ON b.kind = o.kind
    CROSS JOIN LATERAL (
        SELECT jsonb_object_agg(f.key, CASE WHEN b.fields ->> f.key = 'integer'
                THEN to_jsonb(round((f.value #>> '{}')::numeric)) ELSE f.value END) AS fields,
            jsonb_build_object('*', o.told || '{"rule": "only"}') AS provenance
        FROM jsonb_each(
            CASE WHEN s.code IS NULL THEN s.fields ELSE s.fields || jsonb_build_object('code', s.code) END) f
        WHERE CASE
            WHEN jsonb_typeof(f.value) NOT IN ('number', 'string') OR b.fields -> f.key IS NULL THEN false
            WHEN b.fields ->> f.key IN ('number', 'integer')
                THEN jsonb_typeof(f.value) = 'number' AND abs((f.value #>> '{}')::numeric)
                < CASE WHEN f.key IN ('residents', 'legal_entities', 'unit_count', 'floor_area_m2') THEN 1e9 ELSE 32000 END
            ELSE btrim(f.value #>> '{}') <> ''
        END
    ) v
    WHERE o.members = 1
), field AS (
    SELECT * FROM shared UNION ALL SELECT * FROM alone
), shape AS (
    SELECT DISTINCT ON (m.building_id) m.building_id, ST_Multi(ST_CollectionExtract(ST_Force2D(s.geom), 3)) AS geom,
        CASE WHEN m.members > 1 THEN o.told || CASE WHEN m.kin > 1 THEN '{"rule": "recency"}'::jsonb
            ELSE '{"rule": "priority"}' END END AS provenance
    FROM merge_member m
    JOIN cim.building_source s ON s.id = m.source_id
    JOIN origin o ON o.source_id = m.source_id
    JOIN merge_rule r ON r.field = 'geometry' AND r.kind = m.kind
    WHERE ST_Dimension(s.geom) = 2
    ORDER BY m.building_id, r.rank, m.recency
), attribute AS (
    SELECT m.building_id, s.attributes
    FROM merge_member m JOIN cim.building_source s ON s.id = m.source_id
    WHERE m.members = 1
    UNION ALL
    SELECT m.building_id, jsonb_object_agg(a.key, a.value ORDER BY r.rank DESC NULLS FIRST, m.recency DESC)
    FROM merge_member m
    JOIN cim.building_source s ON s.id = m.source_id
    LEFT JOIN merge_rule r ON r.field = 'attributes' AND r.kind = m.kind
    CROSS JOIN LATERAL jsonb_each(s.attributes) a
    WHERE m.members > 1
    GROUP BY m.building_id
), member AS (
    SELECT building_id, CASE WHEN min(dataset) = max(dataset) THEN jsonb_build_array(min(dataset))
            ELSE jsonb_agg(DISTINCT dataset) END AS datasets,
        bool_or(kind = 'ifc') AS has_ifc, bool_or(is_new) AS is_new
    FROM merge_member
    GROUP BY building_id
)
INSERT INTO merge_record (id, fields, provenance, attributes, geom, cim_level, is_new)
SELECT m.building_id,
    -- 6 digits of the district, 3 of the street, 3 of the community open an official code
    CASE WHEN f.fields ->> 'code' ~ '^[0-9]{12,}$'
        THEN jsonb_build_object('area_code', left(f.fields ->> 'code', 12)) ELSE '{}' END || coalesce(f.fields, '{}'),
    coalesce(f.provenance, '{}') || jsonb_build_object('datasets', m.datasets)
        || CASE WHEN g.provenance IS NULL THEN '{}' ELSE jsonb_build_object('geometry', g.provenance) END,
    coalesce(a.attributes, '{}'), g.geom, CASE WHEN m.has_ifc THEN 4 ELSE 3 END, m.is_new
FROM member m
LEFT JOIN field f ON f.building_id = m.building_id
LEFT JOIN shape g ON g.building_id = m.building_id
LEFT JOIN attribute a ON a.building_id = m.building_id
