-- every source learns its building, the score and the reason
UPDATE cim.building_source s
SET building_id = p.building_id, score = p.score, reason = coalesce(p.reason, '{}')
FROM merge_pending p
WHERE p.id = s.id AND (s.building_id, s.score, s.reason)
    IS DISTINCT FROM (p.building_id, p.score, coalesce(p.reason, '{}'))
