-- the severities of events whose parts are worse
UPDATE cim.event e SET severity = w.severity, recorded_at = now()
FROM unnest(CAST(:ids AS bigint[]), CAST(:severities AS smallint[])) AS w (id, severity) WHERE e.id = w.id
