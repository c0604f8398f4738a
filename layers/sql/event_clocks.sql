-- when events are to have left their states: of the clocks for the type, the one of the longest beginning of its code, and
-- of these the one that names the severity
UPDATE cim.event e SET due_at = e.state_since + make_interval(mins => c.limit_minutes)
FROM cim.event t LEFT JOIN LATERAL (
    SELECT k.limit_minutes FROM cim.event_clock k
    WHERE k.state = t.state AND starts_with(coalesce(t.type_code, ''), k.type_code)
        AND (k.severity IS NULL OR k.severity = t.severity)
    ORDER BY length(k.type_code) DESC, k.severity IS NULL LIMIT 1) c ON true
WHERE t.id = ANY (CAST(:ids AS bigint[])) AND e.id = t.id
