-- catchments made before of rivers that are no more
DELETE FROM cim.catchment t WHERE t.dataset_id IS NULL AND t.source_key LIKE 'dem/%'
    AND NOT EXISTS (SELECT FROM catchment_new n WHERE n.source_key = t.source_key)
