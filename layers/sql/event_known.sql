-- which of these events are there already
SELECT e.source, e.source_key, e.id, e.area_code
FROM unnest(CAST(:sources AS text[]), CAST(:keys AS text[])) AS s (source, source_key)
JOIN cim.event e ON e.source = s.source AND e.source_key = s.source_key
