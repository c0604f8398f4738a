-- sensors whose register says no area are in that of the management cell in which they stand
UPDATE cim.sensor t SET area_code = c.code, recorded_at = now()
FROM cim.sensor s CROSS JOIN LATERAL (
    SELECT coalesce(g.code, g.source_key) AS code FROM cim.grid_cell g
    WHERE ST_Intersects(g.geom, s.geom) AND (g.valid_to IS NULL OR g.valid_to > now())
    ORDER BY length(g.code) = 15 DESC NULLS LAST, g.area_m2, g.id LIMIT 1) c
WHERE t.id = s.id AND s.area_code IS NULL AND s.geom IS NOT NULL
