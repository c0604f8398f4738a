-- a new building is named by its founder: the code, or the source's own key where the code is taken
WITH founder AS (
    SELECT p.building_id, p.dataset_id, p.source_key, p.id,
        coalesce(p.code, p.source_key) AS wanted,
        row_number() OVER (PARTITION BY p.dataset_id, coalesce(p.code, p.source_key) ORDER BY p.id) AS ordinal
    FROM merge_pending p WHERE p.is_new
), named AS (
    SELECT f.*, f.ordinal > 1 OR EXISTS (
        SELECT FROM cim.building b
        WHERE b.dataset_id = f.dataset_id AND b.layer_id = 'buildings' AND b.source_key = f.wanted) AS is_taken
    FROM founder f
)
UPDATE merge_record r SET dataset_id = n.dataset_id,
    source_key = CASE WHEN n.is_taken THEN n.source_key || '#' || n.id ELSE n.wanted END
FROM named n WHERE n.building_id = r.id
