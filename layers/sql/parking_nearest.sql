-- car parks with free places, nearest first: candidates by degrees from the index, then by metres
SELECT n.id, n.name, n.code, n.capacity, n.free, n.observed_at, n.lon, n.lat, n.distance_m
FROM (SELECT p.id, p.name, p.source_key AS code, p.capacity, p.free, p.observed_at, ST_X(p.geom) AS lon,
        ST_Y(p.geom) AS lat,
        ST_Distance(p.geom::geography, ST_SetSRID(ST_MakePoint(:lon, :lat), 4490)::geography) AS distance_m
    FROM cim.parking p
    WHERE p.free >= :places AND p.layer_id = ANY (CAST(:layers AS text[])) AND p.geom IS NOT NULL
        AND (CAST(:area AS text) IS NULL OR p.area_code IS NULL OR starts_with(p.area_code, :area))
        AND (CAST(:fresh AS timestamptz) IS NULL OR p.observed_at >= :fresh)
    ORDER BY p.geom <-> ST_SetSRID(ST_MakePoint(:lon, :lat), 4490) LIMIT 4 * :most + 20) n
ORDER BY n.distance_m, n.id LIMIT :most
