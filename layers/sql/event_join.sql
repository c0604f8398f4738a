-- events that become parts of others; reports that were joined with them before go with them
UPDATE cim.event e SET merged_into_id = j.into_id, recorded_at = now()
FROM unnest(CAST(:ids AS bigint[]), CAST(:intos AS bigint[])) AS j (id, into_id)
WHERE e.id = j.id OR e.merged_into_id = j.id
