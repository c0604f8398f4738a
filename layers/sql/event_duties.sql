-- who answers for new events of these types at these places: the row of the longest beginning of the area's code, and of
-- these that of the longest beginning of the type's; and by when they are to have left their first state (event_clocks)
SELECT a.number, r.id, r.party, now() + make_interval(mins => c.limit_minutes) AS due_at
FROM unnest(CAST(:number AS int[]), CAST(:area AS text[]), CAST(:type AS text[]), CAST(:severity AS smallint[]))
    AS a (number, area_code, type_code, severity)
LEFT JOIN LATERAL (
    SELECT k.id, k.party FROM cim.responsibility k
    WHERE k.valid_to IS NULL AND starts_with(coalesce(a.area_code, ''), k.area_code)
        AND starts_with(a.type_code, k.type_code)
    ORDER BY length(k.area_code) DESC, length(k.type_code) DESC LIMIT 1) r ON true
LEFT JOIN LATERAL (
    SELECT k.limit_minutes FROM cim.event_clock k
    WHERE k.state = :state AND starts_with(a.type_code, k.type_code)
        AND (k.severity IS NULL OR k.severity = a.severity)
    ORDER BY length(k.type_code) DESC, k.severity IS NULL LIMIT 1) c ON true
ORDER BY a.number
