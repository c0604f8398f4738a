-- pumps, stations and plants with the building in which each stands
SELECT n.id, n.source_key, n.name, n.kind, ST_X(n.geom) AS longitude, ST_Y(n.geom) AS latitude, n.area_code,
    b.id AS building_id, b.dataset_id AS building_dataset_id
FROM cim.pipe_node n LEFT JOIN LATERAL (
    SELECT b.id, b.dataset_id FROM cim.building b
    WHERE b.layer_id = 'buildings' AND ST_Intersects(b.geom, n.geom) ORDER BY b.id LIMIT 1) b ON true
WHERE n.id = ANY(CAST(:node_ids AS bigint[]))
UNION ALL
SELECT p.id, p.source_key, p.name, p.kind,
    ST_X(ST_ClosestPoint(ST_Force2D(p.geom), ST_Centroid(p.geom))),
    ST_Y(ST_ClosestPoint(ST_Force2D(p.geom), ST_Centroid(p.geom))),
    p.area_code, b.id, b.dataset_id
FROM cim.pipe p LEFT JOIN LATERAL (
    SELECT b.id, b.dataset_id FROM cim.building b
    WHERE b.layer_id = 'buildings' AND ST_Intersects(b.geom, p.geom) ORDER BY b.id LIMIT 1) b ON true
WHERE p.id = ANY(CAST(:pipe_ids AS bigint[]))
ORDER BY 1
