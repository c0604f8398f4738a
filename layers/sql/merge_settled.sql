-- what a person settled wins over every source, as long as the same values are claimed
UPDATE merge_record r SET fields = r.fields || k.fields, provenance = r.provenance || k.provenance
FROM (
    SELECT k.building_id, jsonb_object_agg(k.field, k.settled_value) AS fields,
        jsonb_object_agg(k.field, (m.provenance -> k.field) || '{"rule": "settled"}') AS provenance
    FROM cim.conflict k JOIN merge_record m ON m.id = k.building_id
    WHERE k.status = 'settled' AND k.settled_value IS NOT NULL AND m.fields ? k.field
    GROUP BY k.building_id
) k
WHERE k.building_id = r.id
