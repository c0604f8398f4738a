-- tiles that somebody looks at: they are rebuilt first
UPDATE cim.tile t SET asked_at = now()
FROM unnest(CAST(:layer AS text[]), CAST(:z AS int[]), CAST(:x AS int[]), CAST(:y AS int[]), CAST(:area AS text[]))
    AS a (layer_id, z, x, y, area_code)
WHERE (t.layer_id, t.z, t.x, t.y, t.area_code) = (a.layer_id, a.z, a.x, a.y, a.area_code)
