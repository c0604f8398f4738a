-- the height between ground and surface where no source gives one, and its base with it
UPDATE merge_record r
SET fields = jsonb_build_object('base_height_m', s.base_m) || r.fields || jsonb_build_object('height_m', s.height_m),
    provenance = CASE WHEN r.fields ? 'base_height_m' THEN '{}' ELSE jsonb_build_object('base_height_m', o.origin) END
        || r.provenance || jsonb_build_object('height_m', o.origin)
FROM merge_surface s
CROSS JOIN (SELECT '{"source_id": null, "dataset": null, "kind": "terrain", "rule": "surface"}'::jsonb AS origin) o
WHERE s.id = r.id
