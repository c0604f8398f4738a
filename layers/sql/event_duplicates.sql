-- of each event the earliest other one that may be the same: of a type of the same group, near in place and time, open, and
-- itself no part of another; the states stand here in letters, as an index holds just these events
SELECT e.id, o.id AS into_id, o.source, o.distance_m, o.minutes
FROM cim.event e
JOIN cim.event_type t ON t.code = e.type_code
CROSS JOIN LATERAL (
    SELECT c.id, c.source, ST_Distance(c.geom::geography, e.geom::geography) AS distance_m,
        CAST(abs(extract(epoch FROM e.occurred_at - c.occurred_at)) AS float8) / 60 AS minutes
    FROM cim.event c
    WHERE c.id < e.id AND c.merged_into_id IS NULL
        AND c.state IN ('collect', 'file', 'dispatch', 'handle', 'feedback')
        AND c.type_code = ANY (ARRAY(SELECT k.code FROM cim.event_type k WHERE k.merge_group = t.merge_group))
        AND c.geom && ST_Expand(e.geom, t.merge_distance_m / 100000.0 * 1.2 / cos(radians(ST_Y(e.geom))))
        AND ST_DWithin(c.geom::geography, e.geom::geography, t.merge_distance_m)
        -- no condition for the index of times: an hour of the district is many more events than a place has
        AND abs(extract(epoch FROM e.occurred_at - c.occurred_at)) <= t.merge_minutes * 60
        -- two storeys of one house are two places
        AND (c.storey_number IS NULL OR e.storey_number IS NULL OR c.storey_number = e.storey_number
            OR c.building_id IS DISTINCT FROM e.building_id)
    ORDER BY c.occurred_at, c.id LIMIT 1) o
WHERE e.id = ANY (CAST(:ids AS bigint[])) AND e.merged_into_id IS NULL
ORDER BY e.id
