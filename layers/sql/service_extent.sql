-- where the buildings lie
SELECT ST_AsBinary(ST_Envelope(ST_Extent(geom)::geometry)) AS wkb FROM service_scope
