-- a model belongs to the building of its dataset's IFC source, to that of the largest where there are several
UPDATE cim.model m SET building_id = s.building_id, recorded_at = now()
FROM (
    SELECT DISTINCT ON (s.dataset_id) s.dataset_id, s.building_id
    FROM cim.building_source s
    WHERE s.kind = 'ifc' AND s.dataset_id IN (SELECT dataset_id FROM merge_pending WHERE kind = 'ifc')
    ORDER BY s.dataset_id, ST_Area(s.geom) DESC NULLS LAST, s.id
) s
WHERE m.dataset_id = s.dataset_id AND m.building_id IS DISTINCT FROM s.building_id
