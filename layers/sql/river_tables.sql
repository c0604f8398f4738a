-- rows on their way to rivers and works
DROP TABLE IF EXISTS pg_temp.river_order, pg_temp.river_work;
CREATE TEMPORARY TABLE river_order (
    river_id bigint, direction text, direction_source text, strahler smallint, upper_height_m double precision,
    lower_height_m double precision) ON COMMIT DROP;
CREATE TEMPORARY TABLE river_work (
    work_id bigint, river_id bigint, river_fraction double precision, river_distance_m double precision) ON COMMIT DROP;
