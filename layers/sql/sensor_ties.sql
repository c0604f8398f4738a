-- what a thing is tied to by the words of its properties, and in which area it lies: that of the management cell at its
-- place, else of what it is tied to
WITH tied AS (
    SELECT b.id AS building_id, s.id AS space_id, p.id AS pipe_node_id, r.id AS river_id,
        coalesce(b.area_code, s.area_code, p.area_code, r.area_code) AS area_code
    FROM (VALUES (1)) AS one (one)
    LEFT JOIN LATERAL (SELECT f.* FROM cim.building f
        WHERE f.code = CAST(:building AS text) AND f.layer_id = 'buildings' ORDER BY f.id LIMIT 1) b ON true
    LEFT JOIN LATERAL (SELECT f.* FROM cim.space f
        WHERE f.global_id = CAST(:space AS text) ORDER BY f.id LIMIT 1) s ON true
    LEFT JOIN LATERAL (SELECT f.* FROM cim.pipe_node f
        WHERE f.source_key = CAST(:pipe_node AS text) ORDER BY f.id LIMIT 1) p ON true
    LEFT JOIN LATERAL (SELECT f.* FROM cim.river f
        WHERE f.name = CAST(:river AS text) OR f.source_key = CAST(:river AS text) ORDER BY f.id LIMIT 1) r ON true)
SELECT t.building_id, t.space_id, t.pipe_node_id, t.river_id, coalesce(c.code, t.area_code) AS area_code
FROM tied t LEFT JOIN LATERAL (
    SELECT coalesce(g.code, g.source_key) AS code FROM cim.grid_cell g
    WHERE ST_Intersects(g.geom, ST_GeomFromEWKB(CAST(:geom AS bytea))) AND (g.valid_to IS NULL OR g.valid_to > now())
    ORDER BY length(g.code) = 15 DESC NULLS LAST, g.area_m2, g.id LIMIT 1) c ON true
