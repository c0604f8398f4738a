-- rows on their way into a network
DROP TABLE IF EXISTS pg_temp.network_new_node, pg_temp.network_end;
CREATE TEMPORARY TABLE network_new_node (layer_id text, source_key text, network text, kind text, geom geometry)
    ON COMMIT DROP;
CREATE TEMPORARY TABLE network_end (
    line_id bigint, from_node_id bigint, to_node_id bigint, direction text, direction_source text) ON COMMIT DROP;
