-- units belong to the building whose code they name: those of this dataset and those of changed buildings
WITH scope AS (
    SELECT id, building_code, building_id FROM cim.unit WHERE dataset_id = :dataset
    UNION
    SELECT t.id, t.building_code, t.building_id
    FROM (SELECT id FROM merge_record UNION ALL SELECT building_id FROM merge_founder) r
    JOIN cim.building b ON b.id = r.id JOIN cim.unit t ON t.building_code = b.code
    UNION
    SELECT t.id, t.building_code, t.building_id FROM merge_record r JOIN cim.unit t ON t.building_id = r.id
), named AS (
    SELECT code, min(id) AS id FROM cim.building
    WHERE code IN (SELECT building_code FROM scope) GROUP BY code
)
UPDATE cim.unit t SET building_id = n.id, recorded_at = now()
FROM scope s LEFT JOIN named n ON n.code = s.building_code
WHERE t.id = s.id AND s.building_id IS DISTINCT FROM n.id
