-- what units say of themselves, unless something newer has come before
WITH said AS (
    SELECT DISTINCT ON (s.code) s.*
    FROM jsonb_to_recordset(CAST(:said AS jsonb)) AS s (code text, time timestamptz, name text, kind text, owner text,
        state text, area_code text, attributes jsonb)
    ORDER BY s.code, s.time DESC),
newer AS (
    SELECT u.id, coalesce(s.name, u.name) AS name, coalesce(s.kind, u.kind) AS kind, coalesce(s.owner, u.owner) AS owner,
        coalesce(s.state, u.state) AS state, coalesce(s.area_code, u.area_code) AS area_code,
        coalesce(s.attributes, u.attributes) AS attributes
    FROM cim.mobile_unit u JOIN said s ON s.code = u.code LEFT JOIN cim.last_position l ON l.unit_id = u.id
    WHERE l.time IS NULL OR s.time > l.time)
UPDATE cim.mobile_unit u SET name = n.name, kind = n.kind, owner = n.owner, state = n.state, area_code = n.area_code,
    attributes = n.attributes, recorded_at = now()
FROM newer n
WHERE u.id = n.id AND (u.name, u.kind, u.owner, u.state, u.area_code, u.attributes)
    IS DISTINCT FROM (n.name, n.kind, n.owner, n.state, n.area_code, n.attributes)
