-- positions of a unit in a time, every n-th so that there are no more than :most, and the last one in any case
WITH mine AS (
    SELECT p.time, p.geom, p.height_m, p.ellipsoid_height_m, p.speed_m_s,
        row_number() OVER (ORDER BY p.time) AS number, count(*) OVER () AS positions
    FROM cim.unit_position p JOIN cim.mobile_unit u ON u.id = p.unit_id
    WHERE p.unit_id = :unit_id AND p.time BETWEEN :since AND :until
        AND (coalesce(u.area_code, p.area_code) IS NULL OR starts_with(coalesce(u.area_code, p.area_code), :area)))
SELECT time, ST_X(geom) AS longitude, ST_Y(geom) AS latitude, height_m, ellipsoid_height_m, speed_m_s, positions
FROM mine
WHERE positions <= :most OR number = positions
    -- one place is kept for the last
    OR (number - 1) % CAST(ceil(positions / (:most - 1.0)) AS bigint) = 0
ORDER BY time
