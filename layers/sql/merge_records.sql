-- the merged record: of each field the value that a person settled, else of the first kind, else of the newest source
WITH ordered AS (
    SELECT c.*, k.settled_value,
        row_number() OVER (PARTITION BY c.building_id, c.field ORDER BY c.rank, c.recency) AS place,
        count(*) OVER (PARTITION BY c.building_id, c.field) AS claims,
        lead(c.rank) OVER (PARTITION BY c.building_id, c.field ORDER BY c.rank, c.recency) AS next_rank
    FROM merge_claim c
    LEFT JOIN cim.conflict k
        ON k.building_id = c.building_id AND k.field = c.field AND k.status = 'settled'
), field AS (
    SELECT building_id,
        jsonb_object_agg(field, coalesce(settled_value, value)) AS fields,
        jsonb_object_agg(field, jsonb_build_object('source_id', source_id, 'dataset', dataset, 'kind', kind, 'rule',
            CASE WHEN settled_value IS NOT NULL THEN 'settled' WHEN claims = 1 THEN 'only'
                WHEN next_rank > rank THEN 'priority' ELSE 'recency' END)) AS provenance
    FROM ordered WHERE place = 1
    GROUP BY building_id
), shape AS (
    SELECT DISTINCT ON (m.building_id) m.building_id,
        ST_Multi(ST_CollectionExtract(ST_Force2D(coalesce(p.geom, s.geom)), 3)) AS geom,
        jsonb_build_object('source_id', s.id, 'dataset', d.name, 'kind', s.kind, 'rule',
            CASE WHEN count(*) OVER w = 1 THEN 'only' WHEN lead(r.rank) OVER o > r.rank THEN 'priority'
                ELSE 'recency' END) AS provenance
    FROM merge_member m
    JOIN cim.building_source s ON s.id = m.source_id
    JOIN cim.dataset d ON d.id = s.dataset_id
    JOIN merge_rule r ON r.field = 'geometry' AND r.kind = s.kind
    LEFT JOIN merge_pending p ON p.id = s.id
    WHERE ST_Dimension(s.geom) = 2
    WINDOW w AS (PARTITION BY m.building_id),
        o AS (PARTITION BY m.building_id ORDER BY r.rank, d.data_date DESC NULLS LAST, d.recorded_at DESC, s.id)
    ORDER BY m.building_id, r.rank, d.data_date DESC NULLS LAST, d.recorded_at DESC, s.id
), attribute AS (
    SELECT m.building_id, jsonb_object_agg(a.key, a.value ORDER BY r.rank DESC NULLS FIRST, s.id) AS attributes
    FROM merge_member m
    JOIN cim.building_source s ON s.id = m.source_id
    LEFT JOIN merge_rule r ON r.field = 'attributes' AND r.kind = s.kind
    CROSS JOIN LATERAL jsonb_each(s.attributes) a
    GROUP BY m.building_id
), member AS (
    SELECT m.building_id, jsonb_agg(DISTINCT d.name) AS datasets, bool_or(s.kind = 'ifc') AS has_ifc,
        bool_or(coalesce(p.is_new, false)) AS is_new
    FROM merge_member m
    JOIN cim.building_source s ON s.id = m.source_id
    JOIN cim.dataset d ON d.id = s.dataset_id
    LEFT JOIN merge_pending p ON p.id = s.id
    GROUP BY m.building_id
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
