-- readings written once, also where they are told again, and the last one of each sensor renewed; of a time that was told
-- twice the later one counts. Answers how many came, what is new or different, and the readings that a threshold may mind:
-- those that are newer than what was the last
WITH said AS MATERIALIZED (
    SELECT DISTINCT ON (sensor_id, us) sensor_id, 'epoch'::timestamptz + us * interval '1 microsecond' AS phenomenon_time,
        value, result
    FROM (SELECT u.*, u.ordinality AS place FROM unnest(CAST(:sensor AS bigint[]), CAST(:us AS bigint[]),
        CAST(:value AS float8[]), CAST(:result AS jsonb[])) WITH ORDINALITY AS u (sensor_id, us, value, result, ordinality)) u
    ORDER BY sensor_id, us, place DESC
), written AS (
    INSERT INTO cim.observation AS t (sensor_id, phenomenon_time, value, result)
    SELECT sensor_id, phenomenon_time, value, result FROM said
    ON CONFLICT (sensor_id, phenomenon_time) DO UPDATE
        SET value = excluded.value, result = excluded.result, recorded_at = now()
        WHERE (t.value, t.result) IS DISTINCT FROM (excluded.value, excluded.result)
    RETURNING sensor_id, phenomenon_time, value
), newest AS (
    INSERT INTO cim.last_observation AS l (sensor_id, phenomenon_time, value, result)
    SELECT DISTINCT ON (sensor_id) sensor_id, phenomenon_time, value, result FROM said
    ORDER BY sensor_id, phenomenon_time DESC
    ON CONFLICT (sensor_id) DO UPDATE
        SET phenomenon_time = excluded.phenomenon_time, value = excluded.value, result = excluded.result
        WHERE excluded.phenomenon_time >= l.phenomenon_time
            AND (l.phenomenon_time, l.value, l.result)
                IS DISTINCT FROM (excluded.phenomenon_time, excluded.value, excluded.result)
    RETURNING sensor_id
), concerned AS MATERIALIZED (
    SELECT s.id AS sensor_id, s.code, s.name, s.unit, ST_X(s.geom) AS longitude, ST_Y(s.geom) AS latitude,
        h.id AS threshold_id, h.direction, h.hysteresis, h.duration_s, h.type_code, h.severity, b.bound AS limit_value
    FROM (SELECT DISTINCT sensor_id FROM said) d JOIN cim.sensor s ON s.id = d.sensor_id
    CROSS JOIN LATERAL (
        SELECT o.* FROM cim.threshold o WHERE o.sensor_id = s.id
        UNION ALL
        SELECT k.* FROM cim.threshold k WHERE k.kind = s.kind AND NOT EXISTS (
            SELECT FROM cim.threshold o WHERE o.sensor_id = s.id AND o.direction = k.direction)) h
    CROSS JOIN LATERAL (SELECT coalesce(CASE WHEN s.attributes ->> h.attribute ~ '^-?[0-9]{1,12}([.][0-9]{1,12})?$'
        THEN CAST(s.attributes ->> h.attribute AS float8) END, h.limit_value) AS bound) b
    WHERE b.bound IS NOT NULL
), minded AS (
    SELECT w.phenomenon_time, w.value, n.*, c.since, c.event_id,
        bool_or(c.since IS NOT NULL OR CASE n.direction WHEN 'above' THEN w.value > n.limit_value
            ELSE w.value < n.limit_value END) OVER (PARTITION BY n.threshold_id, n.sensor_id) AS is_minded
    FROM written w JOIN concerned n USING (sensor_id)
    -- as it was before this statement
    LEFT JOIN cim.last_observation l ON l.sensor_id = w.sensor_id
    LEFT JOIN cim.crossing c ON c.threshold_id = n.threshold_id AND c.sensor_id = n.sensor_id
    WHERE w.value IS NOT NULL AND (l.phenomenon_time IS NULL OR w.phenomenon_time > l.phenomenon_time)
)
SELECT (SELECT count(*) FROM written) AS written, (SELECT count(*) FROM newest) AS renewed, m.*
FROM (VALUES (1)) AS one (one) LEFT JOIN minded m ON m.is_minded
ORDER BY m.threshold_id, m.sensor_id, m.phenomenon_time
