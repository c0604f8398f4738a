-- known buildings of the same shape, only where something is different now; what depends on the shape is not computed anew
UPDATE cim.building b SET recorded_at = now(), cim_level = r.cim_level, name = v.name, area_code = v.area_code,
    attributes = r.attributes, code = v.code, use = v.use, structure = v.structure, address = v.address,
    storeys_above = v.storeys_above, storeys_below = v.storeys_below, height_m = v.height_m,
    base_height_m = v.base_height_m, year_built = v.year_built, households = v.households,
    residents = v.residents, legal_entities = v.legal_entities, unit_count = v.unit_count,
    floor_area_m2 = v.floor_area_m2,
    provenance = r.provenance
FROM merge_record r
CROSS JOIN LATERAL jsonb_to_record(r.fields) AS v(name text, area_code text, code text, use text, structure text,
    address text, storeys_above smallint, storeys_below smallint, height_m double precision,
    base_height_m double precision, year_built smallint, households int, residents int, legal_entities int,
    unit_count int, floor_area_m2 double precision)
WHERE b.id = r.id AND NOT r.is_new
    AND b.geom::bytea IS NOT DISTINCT FROM r.geom::bytea
    AND (b.cim_level, b.name, b.area_code, b.attributes, b.code, b.use, b.structure, b.address, b.storeys_above,
        b.storeys_below, b.height_m, b.base_height_m, b.year_built, b.households, b.residents, b.legal_entities,
        b.unit_count, b.floor_area_m2, b.provenance)
    IS DISTINCT FROM
        (r.cim_level, v.name, v.area_code, r.attributes, v.code, v.use, v.structure, v.address, v.storeys_above,
        v.storeys_below, v.height_m, v.base_height_m, v.year_built, v.households, v.residents, v.legal_entities,
        v.unit_count, v.floor_area_m2, r.provenance)
