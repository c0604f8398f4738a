-- who answers for events of these types at these places: the row of the longest beginning of the area's code, and of these
-- that of the longest beginning of the type's
SELECT a.number, r.id, r.party
FROM unnest(CAST(:number AS int[]), CAST(:area AS text[]), CAST(:type AS text[])) AS a (number, area_code, type_code)
CROSS JOIN LATERAL (
    SELECT k.id, k.party FROM cim.responsibility k
    WHERE k.valid_to IS NULL AND starts_with(coalesce(a.area_code, ''), k.area_code)
        AND starts_with(a.type_code, k.type_code)
    ORDER BY length(k.area_code) DESC, length(k.type_code) DESC LIMIT 1) r
