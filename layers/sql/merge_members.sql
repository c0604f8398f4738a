-- all sources of every building that is to be looked at, with what this run decided
INSERT INTO merge_member
SELECT id, building_id FROM merge_pending WHERE building_id IS NOT NULL
UNION ALL
SELECT s.id, s.building_id FROM cim.building_source s JOIN merge_affected a ON a.id = s.building_id
WHERE NOT EXISTS (SELECT FROM merge_pending p WHERE p.id = s.id)
