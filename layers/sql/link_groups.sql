-- systems and groups belong to the building of their model
UPDATE cim.element_group t SET building_id = m.building_id, recorded_at = now()
FROM cim.model m
WHERE t.model_id = m.id AND t.building_id IS DISTINCT FROM m.building_id
    AND m.dataset_id IN (SELECT dataset_id FROM merge_pending WHERE kind = 'ifc')
