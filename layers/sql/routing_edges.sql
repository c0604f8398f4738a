-- the edges of the road graph with what is known of their roads; the shape of a road comes with the first of its edges
SELECT e.id, e.road_id, e.source, e.target, e.start_fraction, e.end_fraction, e.length_m, e.cost, e.reverse_cost,
    r.layer_id, coalesce(r.area_code, '') AS area_code, coalesce(r.layer_number, 0) AS level,
    coalesce(r.class, '') AS class, coalesce(r.name, '') AS name, coalesce(r.dataset_id, -1) AS dataset_id,
    CASE WHEN row_number() OVER road = 1 THEN ST_AsBinary(ST_Force2D(r.geom)) END AS shape
FROM cim.road_edge e
JOIN cim.road r ON r.id = e.road_id
WHERE r.geom IS NOT NULL
WINDOW road AS (PARTITION BY e.road_id ORDER BY e.part, e.id)
ORDER BY e.road_id, e.part, e.id
