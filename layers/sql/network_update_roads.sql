-- the nodes at the ends of roads
UPDATE cim.road r SET from_node_id = e.from_node_id, to_node_id = e.to_node_id, recorded_at = now()
FROM network_end e WHERE r.id = e.line_id
