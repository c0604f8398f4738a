-- all buildings, or those that this transaction has written
INSERT INTO service_scope SELECT b.id, b.code, b.geom FROM cim.building b
WHERE b.geom IS NOT NULL AND (CAST(:is_whole AS boolean) OR b.recorded_at = now())
