-- what each source says of each field, with the rank of its kind; newer sources have the smaller recency
WITH member AS MATERIALIZED (
    SELECT m.building_id, s.id, s.kind, d.name AS dataset,
        CASE WHEN s.code IS NULL THEN s.fields ELSE s.fields || jsonb_build_object('code', s.code) END AS fields,
        row_number() OVER (
            PARTITION BY m.building_id ORDER BY d.data_date DESC NULLS LAST, d.recorded_at DESC, s.id) AS recency
    FROM merge_member m
    JOIN cim.building_source s ON s.id = m.source_id
    JOIN cim.dataset d ON d.id = s.dataset_id
)
INSERT INTO merge_claim
SELECT m.building_id, f.key, m.id, m.kind, m.dataset, 
    CASE WHEN r.compare = 'integer' THEN to_jsonb(round((f.value #>> '{}')::numeric)) ELSE f.value END, r.rank, m.recency
FROM member m
CROSS JOIN LATERAL jsonb_each(m.fields) f
JOIN merge_rule r ON r.field = f.key AND r.kind = m.kind
WHERE CASE
    WHEN jsonb_typeof(f.value) NOT IN ('number', 'string') THEN false
    WHEN r.compare IN ('number', 'integer') THEN jsonb_typeof(f.value) = 'number' AND abs((f.value #>> '{}')::numeric) < 32000
    ELSE btrim(f.value #>> '{}') <> ''
END
