-- positions that are not there yet, with the cell or administrative area in which they lie
WITH said AS (
    SELECT u.id, s.*, ST_SetSRID(ST_MakePoint(s.longitude, s.latitude), 4490) AS geom
    FROM jsonb_to_recordset(CAST(:said AS jsonb)) AS s (code text, time timestamptz, longitude float8, latitude float8,
        height_m float8, ellipsoid_height_m float8, speed_m_s float8, heading_deg float8, accuracy_m float8)
    JOIN cim.mobile_unit u ON u.code = s.code),
written AS (
    INSERT INTO cim.unit_position (unit_id, time, geom, height_m, ellipsoid_height_m, speed_m_s, heading_deg, accuracy_m,
        area_code)
    SELECT s.id, s.time, s.geom, s.height_m, s.ellipsoid_height_m, s.speed_m_s, s.heading_deg, s.accuracy_m,
        coalesce(c.code, a.code)
    FROM said s
    LEFT JOIN LATERAL (
        SELECT coalesce(g.code, g.source_key) AS code FROM cim.grid_cell g
        WHERE ST_Intersects(g.geom, s.geom) AND (g.valid_to IS NULL OR g.valid_to > now())
        ORDER BY length(g.code) = 15 DESC NULLS LAST, g.area_m2, g.id LIMIT 1) c ON true
    LEFT JOIN LATERAL (
        SELECT f.area_code AS code FROM cim.feature f
        WHERE c.code IS NULL AND f.layer_id = 'admin_areas' AND ST_Intersects(f.geom, s.geom) AND f.area_code IS NOT NULL
        ORDER BY length(f.area_code) DESC, f.id LIMIT 1) a ON true
    ORDER BY s.id, s.time
    ON CONFLICT (unit_id, time) DO NOTHING
    RETURNING unit_id, time)
SELECT u.code, w.time FROM written w JOIN cim.mobile_unit u ON u.id = w.unit_id
