-- a source that matches nothing keeps its building if nobody else holds it, also when the importer wrote it anew
WITH free AS (
    SELECT b.id, b.dataset_id, b.source_key FROM cim.building b
    JOIN merge_affected a ON a.id = b.id
    WHERE NOT EXISTS (SELECT FROM merge_pending o WHERE o.building_id = b.id)
), claim AS (
    SELECT p.id, f.id AS building_id, p.previous_id = f.id AS is_previous, p.is_founder
    FROM merge_pending p
    JOIN free f ON f.id = p.previous_id
    WHERE p.kind = :kind AND p.building_id IS NULL
    UNION ALL
    SELECT p.id, f.id, false, false
    FROM merge_pending p
    JOIN free f ON f.dataset_id = p.dataset_id AND f.source_key IN (p.code, p.source_key)
    WHERE p.kind = :kind AND p.building_id IS NULL AND p.previous_id IS DISTINCT FROM f.id
), of_source AS (
    SELECT DISTINCT ON (id) * FROM claim ORDER BY id, is_previous DESC, building_id
), of_building AS (
    SELECT DISTINCT ON (building_id) * FROM of_source ORDER BY building_id, is_previous DESC, is_founder DESC, id
)
UPDATE merge_pending p SET building_id = b.building_id, score = 1, reason = '{"created": true}'
FROM of_building b WHERE b.id = p.id
