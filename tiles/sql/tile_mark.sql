-- the stored tiles that show what has changed are dirty
UPDATE cim.tile t SET dirty_at = now()
FROM cim.tile_change c
WHERE c.id = ANY (CAST(:ids AS bigint[])) AND t.layer_id = c.layer_id AND t.reach && c.reach AND t.dirty_at IS NULL
