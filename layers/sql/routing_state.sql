-- what the road graph was made from: the versions of the layers of roads, and the newest edge, for edges are written anew
-- whenever roads are connected
SELECT current_database() AS database,
    (SELECT max(id) FROM cim.road_edge) AS newest,
    (SELECT array_agg(l.id || ' ' || l.version ORDER BY l.id) FROM cim.layer l WHERE l.table_name = 'road') AS versions
