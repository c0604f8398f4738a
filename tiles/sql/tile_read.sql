-- a stored tile under which nothing has changed since it was built
SELECT t.tag, t.body
FROM cim.tile t
WHERE t.layer_id = :layer AND t.z = :z AND t.x = :x AND t.y = :y AND t.area_code = :area AND t.form = :form
    AND t.dirty_at IS NULL
    AND NOT EXISTS (
        SELECT FROM cim.tile_change c WHERE c.layer_id = t.layer_id AND c.done_at IS NULL AND c.reach && t.reach)
