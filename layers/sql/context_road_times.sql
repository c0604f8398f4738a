-- seconds by road from a place to others, given as objects with a place: from the nearest node of the road graph to the
-- nearest ones of theirs, with the walk to and from these nodes left out (answered apart, as metres)
WITH place AS (SELECT ST_SetSRID(ST_MakePoint(:lon, :lat), 4490) AS geom),
aims AS (
    SELECT a.id, ST_SetSRID(ST_MakePoint(a.lon, a.lat), 4490) AS geom
    FROM unnest(CAST(:ids AS bigint[]), CAST(:lons AS float8[]), CAST(:lats AS float8[])) AS a (id, lon, lat)),
nodes AS (
    SELECT a.id, n.id AS node_id, ST_Distance(n.geom::geography, a.geom::geography) AS walk_m
    FROM (SELECT 0::bigint AS id, geom FROM place UNION ALL SELECT id, geom FROM aims) a
    CROSS JOIN LATERAL (
        SELECT r.id, r.geom FROM cim.road_node r
        WHERE EXISTS (SELECT FROM cim.road_edge e WHERE e.source = r.id)
        ORDER BY r.geom <-> a.geom LIMIT 1) n),
-- a rectangle around all of them, with room for ways around
frame AS (SELECT ST_Expand(ST_Extent(geom)::geometry, 0.02) AS box FROM (SELECT geom FROM place UNION ALL SELECT geom FROM aims) t)
SELECT n.id, c.agg_cost AS seconds, n.walk_m, (SELECT walk_m FROM nodes WHERE id = 0) AS own_walk_m
FROM frame, nodes n
JOIN LATERAL (
    SELECT * FROM pgr_dijkstraCost(
        format('SELECT e.id, e.source, e.target, e.cost, e.reverse_cost FROM cim.road_edge e'
            ' JOIN cim.road r ON r.id = e.road_id WHERE r.geom && ST_SetSRID(%L::geometry, 4490)', frame.box),
        (SELECT array_agg(node_id) FROM nodes WHERE id > 0), (SELECT node_id FROM nodes WHERE id = 0))) c
    ON c.start_vid = n.node_id
WHERE n.id > 0
