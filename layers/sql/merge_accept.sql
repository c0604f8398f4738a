-- take every pair that is the best both for its source and (of footprints of one dataset) for its building
WITH open AS MATERIALIZED (
    SELECT e.*, p.previous_id = e.building_id AS is_previous
    FROM merge_edge e JOIN merge_pending p ON p.id = e.source_id
    WHERE p.building_id IS NULL AND NOT (CAST(:is_single AS boolean) AND EXISTS (
        SELECT FROM merge_pending o
        WHERE o.building_id = e.building_id AND o.dataset_id = e.dataset_id AND o.kind = 'footprint'))
), best AS (
    SELECT *,
        row_number() OVER (PARTITION BY source_id ORDER BY score DESC, is_previous DESC NULLS LAST, building_id) AS of_source,
        row_number() OVER (
            PARTITION BY building_id, dataset_id ORDER BY score DESC, is_previous DESC NULLS LAST, source_id) AS of_building
    FROM open
)
UPDATE merge_pending p SET building_id = b.building_id, score = b.score, reason = b.reason
FROM best b
WHERE b.source_id = p.id AND b.of_source = 1 AND (b.of_building = 1 OR NOT CAST(:is_single AS boolean))
