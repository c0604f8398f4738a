-- new terrain concerns the buildings whose base or height no source gives, within the terrain's frames
INSERT INTO merge_affected
SELECT b.id FROM cim.building b
WHERE (b.base_height_m IS NULL OR b.height_m IS NULL
        OR b.provenance -> 'base_height_m' ->> 'kind' = 'terrain' OR b.provenance -> 'height_m' ->> 'kind' = 'terrain')
    AND EXISTS (SELECT FROM cim.terrain t WHERE t.dataset_id = :dataset AND t.geom && b.geom)
ON CONFLICT DO NOTHING
