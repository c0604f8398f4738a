-- places that help (hospitals, shelters ...) and stand in, or within a few metres of, one of some buildings
WITH candidate AS MATERIALIZED (
    SELECT DISTINCT r.id FROM cim.building b JOIN cim.resource r
        ON r.geom && ST_Expand(b.geom,
            CAST(:reach_m AS float8) / 110000 / greatest(0.02, cos(radians(ST_YMax(b.geom)))),
            CAST(:reach_m AS float8) / 110000)
    WHERE b.id = ANY(CAST(:buildings AS bigint[])))
SELECT r.id, r.source_key, r.name, r.kind, r.capacity, r.dataset_id, r.layer_id, near.id AS building_id,
    ST_X(r.geom) AS longitude, ST_Y(r.geom) AS latitude
FROM candidate JOIN cim.resource r USING (id) CROSS JOIN LATERAL (
    -- of several buildings the nearest is the one that it stands in
    SELECT b.id, ST_Distance(geography(b.geom), geography(r.geom)) AS distance_m FROM cim.building b
    WHERE b.layer_id = 'buildings' AND b.geom && ST_Expand(r.geom,
            CAST(:reach_m AS float8) / 110000 / greatest(0.02, cos(radians(ST_Y(r.geom)))),
            CAST(:reach_m AS float8) / 110000)
    ORDER BY distance_m, b.id LIMIT 1) near
WHERE near.distance_m <= CAST(:reach_m AS float8) AND near.id = ANY(CAST(:buildings AS bigint[]))
    AND r.layer_id = ANY(CAST(:layers AS text[]))
    AND (CAST(:area AS text) IS NULL OR r.area_code IS NULL OR starts_with(r.area_code, CAST(:area AS text)))
ORDER BY r.kind, r.id
