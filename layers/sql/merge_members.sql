-- all sources of every building that is to be looked at; ``kin``: its sources of the same kind, newest first in recency
WITH member AS (
    SELECT id, building_id, is_new FROM merge_pending WHERE building_id IS NOT NULL
    UNION ALL
    SELECT s.id, s.building_id, false FROM cim.building_source s JOIN merge_affected a ON a.id = s.building_id
    WHERE NOT EXISTS (SELECT FROM merge_pending p WHERE p.id = s.id)
)
INSERT INTO merge_member
SELECT s.id, m.building_id, s.kind, d.name, m.is_new, count(*) OVER (PARTITION BY m.building_id),
    count(*) OVER kind, row_number() OVER (kind ORDER BY d.data_date DESC NULLS LAST, d.recorded_at DESC, s.id)
FROM member m
JOIN cim.building_source s ON s.id = m.id
JOIN cim.dataset d ON d.id = s.dataset_id
WINDOW kind AS (PARTITION BY m.building_id, s.kind)
