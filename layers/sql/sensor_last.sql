-- the last reading of every sensor that the caller may see, as one JSON text of columns (numbers leave the database as they
-- are to be sent); stale (1): nothing has come for longer than twice the expected interval, or nothing at all
SELECT '{"id":' || coalesce(array_to_json(array_agg(s.id))::text, '[]')
    || ',"lon":' || coalesce(array_to_json(array_agg(ST_X(s.geom)) FILTER (WHERE :places))::text, '[]')
    || ',"lat":' || coalesce(array_to_json(array_agg(ST_Y(s.geom)) FILTER (WHERE :places))::text, '[]')
    || ',"value":' || coalesce(array_to_json(array_agg(l.value))::text, '[]')
    || ',"time":' || coalesce(array_to_json(array_agg(CAST(floor(date_part('epoch', l.phenomenon_time)) AS bigint)))::text, '[]')
    || ',"stale":' || coalesce(array_to_json(array_agg(CASE
        WHEN l.phenomenon_time IS NULL OR l.phenomenon_time < now() - s.expected_interval_s * interval '2 seconds'
        THEN 1 ELSE 0 END))::text, '[]')
    || '}' AS body
FROM cim.sensor s LEFT JOIN cim.last_observation l ON l.sensor_id = s.id
WHERE s.layer_id = ANY (CAST(:layers AS text[]))
    AND (CAST(:area AS text) IS NULL OR s.area_code IS NULL OR starts_with(s.area_code, :area))
    AND (CAST(:since AS timestamptz) IS NULL OR l.phenomenon_time >= :since)
    AND (CAST(:kind AS text) IS NULL OR s.kind = :kind)
    AND (CAST(:west AS float8) IS NULL OR s.geom && ST_MakeEnvelope(:west, :south, :east, :north, 4490))
