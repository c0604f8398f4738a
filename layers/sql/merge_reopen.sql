-- a ruling holds as long as the same values are claimed; new values ask for a new one
WITH said AS (
    SELECT building_id, field, jsonb_agg(DISTINCT value) AS list FROM merge_claim GROUP BY building_id, field
)
UPDATE cim.conflict k SET status = 'open'
FROM said s
WHERE k.building_id = s.building_id AND k.field = s.field AND k.status = 'settled'
    AND (SELECT jsonb_agg(DISTINCT c -> 'value') FROM jsonb_array_elements(k.claims) c) <> s.list
