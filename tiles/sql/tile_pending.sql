-- changes that no tile has been marked for yet
SELECT id, layer_id, (reach[1])[0] AS west, (reach[1])[1] AS south, (reach[0])[0] AS east, (reach[0])[1] AS north
FROM cim.tile_change WHERE done_at IS NULL ORDER BY id
