-- the buildings that such footprints make, as the rules would: each field has one source
INSERT INTO cim.building (id, layer_id, dataset_id, source_key, cim_level, name, area_code, attributes, code, use,
    structure, address, storeys_above, storeys_below, height_m, base_height_m, year_built, households,
    residents, legal_entities, unit_count, floor_area_m2, provenance, geom)
SELECT f.building_id, 'buildings', CAST(:dataset AS bigint), f.name, 3, CASE WHEN btrim(v.name) <> '' THEN v.name END,
    coalesce(CASE WHEN btrim(v.area_code) <> '' THEN v.area_code END, CASE WHEN s.code ~ '^[0-9]{12,}$' THEN left(s.code, 12) END),
    s.attributes, CASE WHEN btrim(s.code) <> '' THEN s.code END, CASE WHEN btrim(v.use) <> '' THEN v.use END, CASE WHEN btrim(v.structure) <> '' THEN v.structure END,
    CASE WHEN btrim(v.address) <> '' THEN v.address END, n.storeys_above, n.storeys_below, n.height_m, n.base_height_m, n.year_built,
    n.households, n.residents, n.legal_entities, n.unit_count, n.floor_area_m2,
    jsonb_build_object('*', jsonb_build_object('source_id', f.id, 'dataset', o.name, 'kind', 'footprint',
        'rule', 'only'), 'datasets', o.datasets),
    CASE WHEN ST_Dimension(s.geom) = 2
        THEN ST_SetSRID(ST_Multi(ST_CollectionExtract(ST_Force2D(s.geom), 3)), 4490) END
FROM merge_founder f
JOIN pg_temp.stage_building_source s ON s.source_key = f.source_key
CROSS JOIN (SELECT name, jsonb_build_array(name) AS datasets FROM cim.dataset WHERE id = :dataset) o
CROSS JOIN LATERAL jsonb_to_record(s.fields - CAST(:disbelieved AS text[])) AS v(name text, area_code text, use text,
    structure text, address text, storeys_above jsonb, storeys_below jsonb, height_m jsonb, base_height_m jsonb,
    year_built jsonb, households jsonb, residents jsonb, legal_entities jsonb, unit_count jsonb, floor_area_m2 jsonb)
CROSS JOIN LATERAL (SELECT
    CASE WHEN abs(CASE jsonb_typeof(v.storeys_above) WHEN 'number' THEN v.storeys_above::numeric END) < 32000
        THEN round(v.storeys_above::numeric)::smallint END AS storeys_above,
    CASE WHEN abs(CASE jsonb_typeof(v.storeys_below) WHEN 'number' THEN v.storeys_below::numeric END) < 32000
        THEN round(v.storeys_below::numeric)::smallint END AS storeys_below,
    CASE WHEN abs(CASE jsonb_typeof(v.height_m) WHEN 'number' THEN v.height_m::numeric END) < 32000
        THEN v.height_m::double precision END AS height_m,
    CASE WHEN abs(CASE jsonb_typeof(v.base_height_m) WHEN 'number' THEN v.base_height_m::numeric END) < 32000
        THEN v.base_height_m::double precision END AS base_height_m,
    CASE WHEN abs(CASE jsonb_typeof(v.year_built) WHEN 'number' THEN v.year_built::numeric END) < 32000
        THEN round(v.year_built::numeric)::smallint END AS year_built,
    CASE WHEN abs(CASE jsonb_typeof(v.households) WHEN 'number' THEN v.households::numeric END) < 32000
        THEN round(v.households::numeric)::int END AS households,
    CASE WHEN abs(CASE jsonb_typeof(v.residents) WHEN 'number' THEN v.residents::numeric END) < 1e9
        THEN round(v.residents::numeric)::int END AS residents,
    CASE WHEN abs(CASE jsonb_typeof(v.legal_entities) WHEN 'number' THEN v.legal_entities::numeric END) < 1e9
        THEN round(v.legal_entities::numeric)::int END AS legal_entities,
    CASE WHEN abs(CASE jsonb_typeof(v.unit_count) WHEN 'number' THEN v.unit_count::numeric END) < 1e9
        THEN round(v.unit_count::numeric)::int END AS unit_count,
    CASE jsonb_typeof(v.floor_area_m2) WHEN 'number' THEN v.floor_area_m2::double precision END AS floor_area_m2) n
