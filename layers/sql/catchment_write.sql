-- catchments that are new or have another shape; they belong to no dataset
INSERT INTO cim.catchment AS t (layer_id, source_key, cim_level, name, river_id, attributes, content_hash, geom)
SELECT 'catchments', n.source_key, 2, n.name, n.river_id, n.attributes, decode(md5(n::text), 'hex'), n.geom
FROM catchment_new n
ON CONFLICT (dataset_id, layer_id, source_key) DO UPDATE
SET name = excluded.name, river_id = excluded.river_id, attributes = excluded.attributes,
    content_hash = excluded.content_hash, geom = excluded.geom, recorded_at = now()
WHERE t.content_hash IS DISTINCT FROM excluded.content_hash
