-- units that are not known yet, as the newest of their positions has them
INSERT INTO cim.mobile_unit (code, name, kind, owner, state, area_code, attributes)
SELECT DISTINCT ON (s.code) s.code, s.name, coalesce(s.kind, 'terminal'), s.owner, s.state, s.area_code,
    coalesce(s.attributes, '{}')
FROM jsonb_to_recordset(CAST(:said AS jsonb)) AS s (code text, time timestamptz, name text, kind text, owner text,
    state text, area_code text, attributes jsonb)
WHERE NOT EXISTS (SELECT FROM cim.mobile_unit u WHERE u.code = s.code)
ORDER BY s.code, s.time DESC
ON CONFLICT (code) DO NOTHING
