-- the height of the ground where no source gives a base
UPDATE merge_record r
SET fields = r.fields || jsonb_build_object('base_height_m', g.height_m),
    provenance = r.provenance || '{"base_height_m": {"source_id": null, "dataset": null, "kind": "terrain", "rule": "terrain"}}'
FROM merge_ground g WHERE g.id = r.id
