-- buildings that stand now and whose box meets one of some boxes (degrees), with what is in them
WITH box AS (
    SELECT ST_MakeEnvelope(west, south, east, north, 4490) AS geom
    FROM unnest(CAST(:wests AS float8[]), CAST(:souths AS float8[]), CAST(:easts AS float8[]),
        CAST(:norths AS float8[])) AS t (west, south, east, north)),
near AS MATERIALIZED (SELECT DISTINCT b.id FROM box JOIN cim.building b ON b.geom && box.geom)
SELECT b.id, b.layer_id, b.code, b.name, b.use, b.storeys_above, b.storeys_below, b.height_m, b.dataset_id,
    ST_AsBinary(b.geom) AS shape, own.floors,
    coalesce((SELECT sum(t.units) FROM cim.unit_tally t WHERE t.building_id = b.id), b.unit_count) AS units,
    CASE WHEN CAST(:sees_all AS boolean) OR b.residents NOT BETWEEN 1 AND CAST(:small AS int) - 1
        THEN b.residents END AS residents,
    CASE WHEN CAST(:sees_all AS boolean) OR b.households NOT BETWEEN 1 AND CAST(:small AS int) - 1
        THEN b.households END AS households
FROM near JOIN cim.building b USING (id) LEFT JOIN LATERAL (
    SELECT array_agg(s.base_height_m ORDER BY s.base_height_m) AS floors FROM cim.storey s
    WHERE s.building_id = b.id AND s.base_height_m IS NOT NULL) own ON CAST(:sees_storeys AS boolean)
WHERE b.layer_id = ANY(CAST(:layers AS text[]))
    AND (b.valid_to IS NULL OR b.valid_to > now()) AND (b.valid_from IS NULL OR b.valid_from <= now())
    AND (CAST(:area AS text) IS NULL OR b.area_code IS NULL OR starts_with(b.area_code, CAST(:area AS text)))
ORDER BY b.id
