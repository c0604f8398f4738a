-- a ruling holds as long as the same values are claimed; new values ask for a new one
UPDATE cim.conflict k SET status = 'open'
FROM merge_won w
WHERE w.building_id = k.building_id AND w.field = k.field AND k.status = 'settled'
    AND (SELECT jsonb_agg(DISTINCT c -> 'value') FROM jsonb_array_elements(k.claims) c)
        <> (SELECT jsonb_agg(DISTINCT c.value) FROM merge_claim c
            WHERE c.building_id = k.building_id AND c.field = k.field)
