-- buildings of a district, counted by the zone in which their middle lies
WITH zones AS MATERIALIZED (
    SELECT ST_GeomFromWKB(:sealed, 4490) AS sealed, ST_GeomFromWKB(:controlled, 4490) AS controlled,
        ST_GeomFromWKB(:district, 4490) AS district),
homes AS (
    SELECT b.id, b.unit_count, ST_PointOnSurface(b.geom) AS middle,
        CASE WHEN CAST(:sees_all AS boolean) OR b.residents NOT BETWEEN 1 AND CAST(:small AS int) - 1
            THEN b.residents END AS residents,
        CASE WHEN CAST(:sees_all AS boolean) OR b.households NOT BETWEEN 1 AND CAST(:small AS int) - 1
            THEN b.households END AS households
    FROM zones z JOIN cim.building b ON b.geom && z.district
    WHERE b.layer_id = ANY (CAST(:layers AS text[]))
        AND (CAST(:area AS text) IS NULL OR b.area_code IS NULL OR starts_with(b.area_code, CAST(:area AS text)))),
placed AS (
    SELECT CASE WHEN ST_Intersects(z.sealed, h.middle) THEN 'sealed'
            WHEN ST_Intersects(z.controlled, h.middle) THEN 'controlled' ELSE 'prevention' END AS kind, h.*
    FROM zones z JOIN homes h ON ST_Intersects(z.district, h.middle)),
units AS (SELECT t.building_id, sum(t.units) AS units FROM cim.unit_tally t GROUP BY t.building_id)
SELECT p.kind, count(*) AS buildings, sum(coalesce(u.units, p.unit_count, 0)) AS units, sum(p.residents) AS residents,
    count(p.residents) AS residents_known, max(p.residents) AS residents_most, sum(p.households) AS households,
    count(p.households) AS households_known, max(p.households) AS households_most
FROM placed p LEFT JOIN units u ON u.building_id = p.id
GROUP BY p.kind
