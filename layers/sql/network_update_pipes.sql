-- the nodes at the ends of pipes, and the way they flow
UPDATE cim.pipe p
SET from_node_id = e.from_node_id, to_node_id = e.to_node_id, direction = e.direction,
    direction_source = e.direction_source, recorded_at = now()
FROM network_end e WHERE p.id = e.line_id
