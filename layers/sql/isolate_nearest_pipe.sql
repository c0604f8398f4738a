-- the pipe of a network that is nearest to a place: how far it is in metres, where on it, and at which fraction of it
WITH place AS (SELECT ST_SetSRID(ST_MakePoint(CAST(:longitude AS float8), CAST(:latitude AS float8)), 4490) AS geom),
allowed AS NOT MATERIALIZED (
    SELECT p.id, p.source_key, p.kind, p.state, p.geom FROM cim.pipe p
    WHERE p.network = :network AND p.geom IS NOT NULL
        AND (CAST(:area AS text) IS NULL OR p.area_code IS NULL OR starts_with(p.area_code, CAST(:area AS text)))),
-- nearest in degrees is not nearest in metres: it only says how far to look
rough AS (
    SELECT ST_Distance(geography(ST_Force2D(near.geom)), geography(place.geom)) AS distance_m
    FROM place CROSS JOIN LATERAL (SELECT a.geom FROM allowed a ORDER BY a.geom <-> place.geom LIMIT 1) near),
exact AS (
    SELECT a.*, place.geom AS place, ST_Distance(geography(ST_Force2D(a.geom)), geography(place.geom)) AS distance_m,
        ST_LineMerge(ST_Force2D(a.geom)) AS line
    FROM place, rough, allowed a
    WHERE a.geom && ST_Expand(place.geom,
        1.01 * rough.distance_m / 110000 / greatest(0.02, cos(radians(CAST(:latitude AS float8)))) + 1e-9,
        1.01 * rough.distance_m / 110000 + 1e-9)
    ORDER BY distance_m, a.id LIMIT 1)
SELECT id, source_key, kind, state, distance_m, ST_X(at) AS longitude, ST_Y(at) AS latitude,
    CASE WHEN GeometryType(line) = 'LINESTRING' THEN ST_LineLocatePoint(line, place) END AS fraction
FROM (SELECT exact.*, ST_ClosestPoint(line, place) AS at FROM exact) found
