-- service connections that name their building; of several the nearest
INSERT INTO service_found
SELECT DISTINCT ON (n.network, s.building_id) s.building_id, n.network, e.pipe_id, n.id, 'code',
    ST_Distance(ST_Force2D(n.geom)::geography, s.geom::geography)
FROM cim.pipe_node n
JOIN service_scope s ON s.code = n.building_code
LEFT JOIN LATERAL (
    SELECT e.pipe_id FROM cim.pipe_edge e WHERE n.id IN (e.source_id, e.target_id) ORDER BY e.id LIMIT 1) e ON true
WHERE n.building_code IS NOT NULL AND n.geom IS NOT NULL AND n.network = ANY (CAST(:networks AS text[]))
ORDER BY n.network, s.building_id, ST_Distance(ST_Force2D(n.geom)::geography, s.geom::geography), n.id
