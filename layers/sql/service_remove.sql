-- buildings that nothing serves any more
DELETE FROM cim.building_service t USING service_scope s
WHERE t.building_id = s.building_id AND t.network = ANY (CAST(:networks AS text[]))
    AND NOT EXISTS (SELECT FROM service_found f WHERE f.network = t.network AND f.building_id = t.building_id)
