-- keeps a tile, unless something under it has changed of which its snapshot could not know
INSERT INTO cim.tile AS t (layer_id, z, x, y, area_code, form, tag, body, reach)
SELECT :layer, :z, :x, :y, :area, :form, :tag, :body, CAST(:reach AS box)
WHERE NOT EXISTS (
    SELECT FROM cim.tile_change c
    WHERE c.layer_id = :layer AND c.reach && CAST(:reach AS box) AND NOT (
        pg_visible_in_snapshot(CAST(c.transaction AS xid8), CAST(:snapshot AS pg_snapshot))
        AND (c.done_by IS NULL OR pg_visible_in_snapshot(CAST(c.done_by AS xid8), CAST(:snapshot AS pg_snapshot)))))
ON CONFLICT (layer_id, z, x, y, area_code) DO UPDATE
SET form = excluded.form, tag = excluded.tag, body = excluded.body, built_at = now(), dirty_at = NULL
