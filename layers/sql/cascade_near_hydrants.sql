-- buildings whose box is within reach of one of some hydrants
SELECT b.id, b.code, b.name, b.storeys_above, b.dataset_id, ST_AsBinary(b.geom) AS wkb FROM cim.building b
WHERE b.layer_id = 'buildings' AND b.geom IS NOT NULL
    AND (CAST(:area AS text) IS NULL OR b.area_code IS NULL OR starts_with(b.area_code, CAST(:area AS text)))
    AND b.id IN (
        SELECT near.id FROM cim.pipe_node n JOIN cim.building near
            ON near.geom && ST_Expand(n.geom,
                CAST(:reach_m AS float8) / 110000 / greatest(0.02, cos(radians(ST_Y(n.geom)))),
                CAST(:reach_m AS float8) / 110000)
        WHERE n.id = ANY(CAST(:hydrants AS bigint[])))
ORDER BY b.id
