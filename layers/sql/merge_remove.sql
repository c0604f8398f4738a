-- buildings that no source speaks of any more
DELETE FROM cim.building b USING merge_affected a
WHERE b.id = a.id AND NOT EXISTS (SELECT FROM cim.building_source s WHERE s.building_id = b.id)
