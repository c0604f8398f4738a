-- catchments on their way into the model
DROP TABLE IF EXISTS pg_temp.catchment_new;
CREATE TEMPORARY TABLE catchment_new (source_key text, name text, river_id bigint, attributes jsonb, geom geometry)
    ON COMMIT DROP;
