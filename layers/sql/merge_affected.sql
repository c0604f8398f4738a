-- the buildings that a dataset feeds now or fed before: its sources may have changed or gone
INSERT INTO merge_affected
SELECT building_id FROM cim.building_source WHERE dataset_id = :dataset AND building_id IS NOT NULL
UNION
SELECT id FROM cim.building WHERE dataset_id = :dataset OR provenance -> 'datasets' @> to_jsonb(CAST(:name AS text))
