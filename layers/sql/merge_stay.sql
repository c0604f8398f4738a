-- a founder stays with a building that has other sources: it is what they were matched to
UPDATE merge_pending p SET building_id = p.previous_id, score = 1, reason = '{"created": true}'
WHERE p.kind = :kind AND p.is_founder AND p.previous_id IS NOT NULL AND p.building_id IS NULL
    AND EXISTS (SELECT FROM cim.building_source o WHERE o.building_id = p.previous_id AND o.id <> p.id)
