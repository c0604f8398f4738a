-- links that are new or have changed
INSERT INTO cim.building_service AS t (building_id, network, pipe_id, node_id, rule, distance_m)
SELECT building_id, network, pipe_id, node_id, rule, distance_m FROM service_found
ON CONFLICT (building_id, network) DO UPDATE
SET pipe_id = excluded.pipe_id, node_id = excluded.node_id, rule = excluded.rule, distance_m = excluded.distance_m
WHERE (t.pipe_id, t.node_id, t.rule, t.distance_m)
    IS DISTINCT FROM (excluded.pipe_id, excluded.node_id, excluded.rule, excluded.distance_m)
