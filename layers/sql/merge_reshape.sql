-- known buildings whose shape is different now
UPDATE cim.building b SET recorded_at = now(), cim_level = r.cim_level, name = v.name, area_code = v.area_code,
    attributes = r.attributes, code = v.code, use = v.use, structure = v.structure, address = v.address,
    storeys_above = v.storeys_above, storeys_below = v.storeys_below, height_m = v.height_m,
    base_height_m = v.base_height_m, year_built = v.year_built, households = v.households,
    residents = v.residents, legal_entities = v.legal_entities, unit_count = v.unit_count,
    floor_area_m2 = v.floor_area_m2,
    provenance = r.provenance, geom = r.geom
FROM merge_record r
CROSS JOIN LATERAL jsonb_to_record(r.fields) AS v(name text, area_code text, code text, use text, structure text,
    address text, storeys_above smallint, storeys_below smallint, height_m double precision,
    base_height_m double precision, year_built smallint, households int, residents int, legal_entities int,
    unit_count int, floor_area_m2 double precision)
WHERE b.id = r.id AND NOT r.is_new
    AND b.geom::bytea IS DISTINCT FROM r.geom::bytea
