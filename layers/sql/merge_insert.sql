-- new buildings
INSERT INTO cim.building (id, layer_id, dataset_id, source_key, cim_level, name, area_code, attributes, code, use,
    structure, address, storeys_above, storeys_below, height_m, base_height_m, year_built, households,
    residents, legal_entities, unit_count, floor_area_m2, provenance, geom)
SELECT r.id, 'buildings', r.dataset_id, r.source_key, r.cim_level, v.name, v.area_code, r.attributes, v.code, v.use,
    v.structure, v.address, v.storeys_above, v.storeys_below, v.height_m, v.base_height_m, v.year_built, v.households,
    v.residents, v.legal_entities, v.unit_count, v.floor_area_m2, r.provenance, r.geom
FROM merge_record r
CROSS JOIN LATERAL jsonb_to_record(r.fields) AS v(name text, area_code text, code text, use text, structure text,
    address text, storeys_above smallint, storeys_below smallint, height_m double precision,
    base_height_m double precision, year_built smallint, households int, residents int, legal_entities int,
    unit_count int, floor_area_m2 double precision)
WHERE r.is_new
-- along the Hilbert curve, as PostGIS sorts geometries: what a tile shows lies on few pages
ORDER BY r.geom
