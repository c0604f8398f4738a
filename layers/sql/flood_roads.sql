-- roads whose box meets one of some boxes (degrees)
WITH box AS (
    SELECT ST_MakeEnvelope(west, south, east, north, 4490) AS geom
    FROM unnest(CAST(:wests AS float8[]), CAST(:souths AS float8[]), CAST(:easts AS float8[]),
        CAST(:norths AS float8[])) AS t (west, south, east, north)),
near AS MATERIALIZED (SELECT DISTINCT r.id FROM box JOIN cim.road r ON r.geom && box.geom)
SELECT r.id, r.layer_id, r.source_key, r.name, r.class, r.layer_number, r.length_m, r.dataset_id,
    ST_AsBinary(r.geom) AS shape
FROM near JOIN cim.road r USING (id)
WHERE r.layer_id = ANY(CAST(:layers AS text[]))
    AND (CAST(:area AS text) IS NULL OR r.area_code IS NULL OR starts_with(r.area_code, CAST(:area AS text)))
ORDER BY r.id
