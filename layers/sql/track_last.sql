-- the last position of units, where one of these is newer
WITH said AS (
    SELECT DISTINCT ON (u.id) u.id, s.time, s.stale_at
    FROM jsonb_to_recordset(CAST(:said AS jsonb)) AS s (code text, time timestamptz, stale_at timestamptz)
    JOIN cim.mobile_unit u ON u.code = s.code
    ORDER BY u.id, s.time DESC),
moved AS (
    INSERT INTO cim.last_position AS l (unit_id, time, stale_at, geom, height_m, ellipsoid_height_m, speed_m_s,
        heading_deg, accuracy_m, area_code)
    SELECT p.unit_id, p.time, coalesce(s.stale_at, p.time + make_interval(secs => :holds_s)), p.geom, p.height_m,
        p.ellipsoid_height_m, p.speed_m_s, p.heading_deg, p.accuracy_m, p.area_code
    FROM said s JOIN cim.unit_position p ON p.unit_id = s.id AND p.time = s.time
    ORDER BY p.unit_id
    ON CONFLICT (unit_id) DO UPDATE SET time = excluded.time, stale_at = excluded.stale_at, geom = excluded.geom,
        height_m = excluded.height_m, ellipsoid_height_m = excluded.ellipsoid_height_m, speed_m_s = excluded.speed_m_s,
        heading_deg = excluded.heading_deg, accuracy_m = excluded.accuracy_m, area_code = excluded.area_code
        WHERE l.time < excluded.time
    RETURNING l.unit_id, l.time)
SELECT u.code, m.time FROM moved m JOIN cim.mobile_unit u ON u.id = m.unit_id
