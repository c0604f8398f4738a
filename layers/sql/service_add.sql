-- what stands nearest, where no connection names the building; a connection before a pipe
INSERT INTO service_found SELECT DISTINCT ON (building_id, network) * FROM service_near
ORDER BY building_id, network, rule
ON CONFLICT DO NOTHING
