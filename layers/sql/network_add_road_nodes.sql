-- nodes where roads end or meet and no owner has one
INSERT INTO cim.road_node (layer_id, source_key, cim_level, kind, origin, geom)
SELECT layer_id, source_key, 2, kind, 'topology', ST_Force2D(geom) FROM network_new_node
RETURNING id, source_key
