-- the next buildings by id
SELECT building_id, ST_AsBinary(geom) AS wkb FROM service_scope WHERE building_id > :last ORDER BY building_id LIMIT :size
