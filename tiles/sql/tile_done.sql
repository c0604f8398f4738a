-- tiles are marked for these changes; kept a while for those who build a tile meanwhile
UPDATE cim.tile_change SET done_at = clock_timestamp(), done_by = CAST(pg_current_xact_id() AS text)
WHERE id = ANY (CAST(:ids AS bigint[]))
