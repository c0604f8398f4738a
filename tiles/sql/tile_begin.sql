-- what a tile that is built now knows of; a tile is made again where a crash takes it, so that nobody waits for the disk
SELECT CAST(pg_current_snapshot() AS text), set_config('synchronous_commit', 'off', true)
