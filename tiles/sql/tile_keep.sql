-- keeps tiles, but not those under which something has changed of which their snapshots could not know; bodies come end to
-- end, for a list of them takes the client longer to write than all else together
INSERT INTO cim.tile AS t (layer_id, z, x, y, area_code, form, tag, body, reach)
SELECT n.layer_id, n.z, n.x, n.y, n.area_code, decode(n.form, 'hex'), decode(n.tag, 'hex'),
    CASE WHEN n.size > 0 THEN substring(CAST(:bodies AS bytea) FROM n.start FOR n.size) END, CAST(n.reach AS box)
FROM unnest(CAST(:layer AS text[]), CAST(:z AS int[]), CAST(:x AS int[]), CAST(:y AS int[]), CAST(:area AS text[]),
        CAST(:form AS text[]), CAST(:tag AS text[]), CAST(:start AS int[]), CAST(:size AS int[]), CAST(:reach AS text[]),
        CAST(:snapshot AS text[]))
    AS n (layer_id, z, x, y, area_code, form, tag, start, size, reach, snapshot)
WHERE NOT EXISTS (
    SELECT FROM cim.tile_change c
    WHERE c.layer_id = n.layer_id AND c.reach && CAST(n.reach AS box) AND NOT (
        pg_visible_in_snapshot(CAST(c.transaction AS xid8), CAST(n.snapshot AS pg_snapshot))
        AND (c.done_by IS NULL
            OR pg_visible_in_snapshot(CAST(c.done_by AS xid8), CAST(n.snapshot AS pg_snapshot)))))
ON CONFLICT (layer_id, z, x, y, area_code) DO UPDATE
SET form = excluded.form, tag = excluded.tag, body = excluded.body, built_at = now(), dirty_at = NULL
