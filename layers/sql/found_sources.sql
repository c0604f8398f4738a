-- what those footprints say, already with their building
INSERT INTO cim.building_source (id, dataset_id, source_key, kind, code, fields, attributes, geom, lod2,
    lod2_surfaces, content_hash, building_id, score, reason)
OVERRIDING SYSTEM VALUE
SELECT f.id, :dataset, s.source_key, s.kind, s.code, s.fields, s.attributes, ST_SetSRID(ST_Force2D(s.geom), 4490),
    ST_SetSRID(s.lod2, 4490), s.lod2_surfaces, s.content_hash, f.building_id, 1, '{"created": true}'
FROM merge_founder f
JOIN pg_temp.stage_building_source s ON s.source_key = f.source_key
