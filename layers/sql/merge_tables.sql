-- what one run of the merge works on: rules, affected buildings, sources to match, pairs, members, claims, records
DROP TABLE IF EXISTS pg_temp.merge_rule, pg_temp.merge_affected, pg_temp.merge_pending, pg_temp.merge_edge,
    pg_temp.merge_member, pg_temp.merge_claim, pg_temp.merge_won, pg_temp.merge_record, pg_temp.merge_ground,
    pg_temp.merge_surface;
-- sources that have become buildings as they were written (found_choose)
CREATE TEMPORARY TABLE IF NOT EXISTS merge_founder (
    source_key text, name text, building_id bigint, id bigint
) ON COMMIT DROP;
CREATE TEMPORARY TABLE merge_rule (
    field text, kind text, rank int, compare text, absolute double precision, relative double precision,
    weight double precision, PRIMARY KEY (field, kind)
) ON COMMIT DROP;
CREATE TEMPORARY TABLE merge_affected (id bigint PRIMARY KEY) ON COMMIT DROP;
CREATE TEMPORARY TABLE merge_pending (
    id bigint PRIMARY KEY, dataset_id bigint, kind text, source_key text, code text, scheme text, name text,
    height_m double precision, geom geometry, area double precision, is_founder boolean, previous_id bigint,
    building_id bigint, score double precision, reason jsonb, is_new boolean NOT NULL DEFAULT false
) ON COMMIT DROP;
CREATE TEMPORARY TABLE merge_edge (
    source_id bigint, dataset_id bigint, building_id bigint, score double precision, reason jsonb
) ON COMMIT DROP;
CREATE TEMPORARY TABLE merge_member (
    source_id bigint PRIMARY KEY, building_id bigint, kind text, dataset text, is_new boolean, members int, kin int,
    recency int
) ON COMMIT DROP;
CREATE TEMPORARY TABLE merge_claim (
    building_id bigint, field text, source_id bigint, value jsonb, place int
) ON COMMIT DROP;
CREATE TEMPORARY TABLE merge_won (
    building_id bigint, field text, place int, claims int, is_disputed boolean
) ON COMMIT DROP;
CREATE TEMPORARY TABLE merge_record (
    id bigint PRIMARY KEY, fields jsonb, provenance jsonb, attributes jsonb, geom geometry, dataset_id bigint,
    source_key text, cim_level smallint, is_new boolean
) ON COMMIT DROP;
CREATE TEMPORARY TABLE merge_ground (id bigint PRIMARY KEY, height_m double precision) ON COMMIT DROP;
CREATE TEMPORARY TABLE merge_surface (
    id bigint PRIMARY KEY, base_m double precision, height_m double precision
) ON COMMIT DROP;
