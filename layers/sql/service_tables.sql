-- buildings that are looked at, and what serves them
DROP TABLE IF EXISTS pg_temp.service_scope, pg_temp.service_found, pg_temp.service_near;
CREATE TEMPORARY TABLE service_scope (building_id bigint PRIMARY KEY, code text, geom geometry) ON COMMIT DROP;
CREATE TEMPORARY TABLE service_found (
    building_id bigint, network text, pipe_id bigint, node_id bigint, rule text, distance_m double precision,
    PRIMARY KEY (network, building_id)) ON COMMIT DROP;
CREATE TEMPORARY TABLE service_near (LIKE service_found) ON COMMIT DROP;
