-- the buildings that a dataset feeds now or fed before: its sources may have changed or gone; those that were founded
-- as they were written are as they should be
INSERT INTO merge_affected
SELECT building_id FROM (
    SELECT building_id FROM cim.building_source WHERE dataset_id = :dataset AND building_id IS NOT NULL
    UNION
    SELECT id FROM cim.building WHERE dataset_id = :dataset OR provenance -> 'datasets' @> to_jsonb(CAST(:name AS text))
) known
WHERE NOT EXISTS (SELECT FROM merge_founder f WHERE f.building_id = known.building_id)
