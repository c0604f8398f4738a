-- buildings for whose base no source speaks; where the ground was measured before and the shape is the same it stays
SELECT r.id, ST_X(c.point) AS longitude, ST_Y(c.point) AS latitude
FROM merge_record r
LEFT JOIN cim.building b ON b.id = r.id
CROSS JOIN LATERAL (SELECT ST_Centroid(r.geom) AS point) c
WHERE NOT r.fields ? 'base_height_m' AND r.geom IS NOT NULL AND NOT ST_IsEmpty(r.geom)
ORDER BY r.id
