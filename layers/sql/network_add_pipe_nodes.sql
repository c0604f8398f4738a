-- nodes where pipes end or meet and no owner has one
INSERT INTO cim.pipe_node (layer_id, source_key, cim_level, network, kind, origin, geom)
SELECT layer_id, source_key, 3, network, kind, 'topology', geom FROM network_new_node
RETURNING id, source_key
