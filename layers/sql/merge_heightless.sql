-- buildings whose height no source gives, where the surface with all that stands on it was measured
SELECT r.id, ST_AsBinary(r.geom) AS outline
FROM merge_record r
WHERE NOT r.fields ? 'height_m' AND r.geom IS NOT NULL AND NOT ST_IsEmpty(r.geom)
    AND EXISTS (SELECT FROM cim.terrain t WHERE t.kind = 'dsm' AND t.geom && r.geom)
ORDER BY r.id
