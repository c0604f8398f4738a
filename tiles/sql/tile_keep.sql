-- keeps tiles, but not those under which something has changed of which their snapshots could not know
INSERT INTO cim.tile AS t (layer_id, z, x, y, area_code, form, tag, body, reach)
SELECT n.layer_id, n.z, n.x, n.y, n.area_code, n.form, n.tag, n.body, CAST(n.reach AS box)
FROM unnest(CAST(:layer AS text[]), CAST(:z AS int[]), CAST(:x AS int[]), CAST(:y AS int[]), CAST(:area AS text[]),
        CAST(:form AS bytea[]), CAST(:tag AS bytea[]), CAST(:body AS bytea[]), CAST(:reach AS text[]),
        CAST(:snapshot AS text[]))
    AS n (layer_id, z, x, y, area_code, form, tag, body, reach, snapshot)
WHERE NOT EXISTS (
    SELECT FROM cim.tile_change c
    WHERE c.layer_id = n.layer_id AND c.reach && CAST(n.reach AS box) AND NOT (
        pg_visible_in_snapshot(CAST(c.transaction AS xid8), CAST(n.snapshot AS pg_snapshot))
        AND (c.done_by IS NULL
            OR pg_visible_in_snapshot(CAST(c.done_by AS xid8), CAST(n.snapshot AS pg_snapshot)))))
ON CONFLICT (layer_id, z, x, y, area_code) DO UPDATE
SET form = excluded.form, tag = excluded.tag, body = excluded.body, built_at = now(), dirty_at = NULL
