-- events that become parts of others; reports that were joined with them before go with them
WITH said AS (SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:intos AS bigint[])) AS s (id, into_id))
UPDATE cim.event e SET merged_into_id = j.into_id, recorded_at = now()
FROM (SELECT s.id, s.into_id FROM said s
    UNION ALL SELECT p.id, s.into_id FROM said s JOIN cim.event p ON p.merged_into_id = s.id) j
WHERE e.id = j.id
