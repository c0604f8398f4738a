-- where events are: the device that saw it, the place, its cell and administrative area, the building, the storey and the
-- room; one row for each that was said
WITH said AS (
    SELECT * FROM unnest(CAST(:number AS int[]), CAST(:lon AS float8[]), CAST(:lat AS float8[]), CAST(:building AS bigint[]),
        CAST(:height AS float8[]), CAST(:storey AS smallint[]), CAST(:room AS text[]), CAST(:device AS text[]))
    AS s (number, lon, lat, building_id, height_m, storey_number, room, device)),
placed AS (
    SELECT s.number, s.lon, s.lat, s.height_m, s.storey_number, s.room,
        -- coordinates are believed more than an address that lies far off
        CASE WHEN f.apart_m IS NULL THEN s.building_id END AS building_id, f.apart_m, d.sensor_id, d.camera_id, d.level_m,
        CASE WHEN s.lon IS NOT NULL THEN 'coordinates' WHEN d.geom IS NOT NULL THEN 'device'
            WHEN s.building_id IS NOT NULL THEN 'address' END AS placed_by,
        coalesce(ST_SetSRID(ST_MakePoint(s.lon, s.lat), 4490), d.geom,
            (SELECT ST_PointOnSurface(b.geom) FROM cim.building b WHERE b.id = s.building_id)) AS geom,
        coalesce(d.building_id, e.building_id) AS device_building_id, d.space_id AS device_space_id,
        e.storey_id AS device_storey_id
    FROM said s LEFT JOIN LATERAL (
        SELECT f.id AS sensor_id, NULL::bigint AS camera_id, f.geom, coalesce(f.building_id, t.building_id) AS building_id,
            t.space_id, f.height_m AS level_m
        FROM cim.sensor f LEFT JOIN cim.datastream m ON m.id = f.id LEFT JOIN cim.thing t ON t.id = m.thing_id
        WHERE f.code = s.device
        UNION ALL
        SELECT NULL, f.id, f.geom, NULL, NULL, NULL FROM cim.camera f WHERE f.code = s.device
        ORDER BY sensor_id, camera_id LIMIT 1) d ON true
    -- a device that is mounted in a room of a model
    LEFT JOIN cim.space e ON e.id = d.space_id
    LEFT JOIN LATERAL (
        SELECT ST_Distance(b.geom::geography, ST_SetSRID(ST_MakePoint(s.lon, s.lat), 4490)::geography) AS apart_m
        FROM cim.building b WHERE b.id = s.building_id) f ON f.apart_m > :apart_m),
inside AS (
    SELECT p.*, c.code AS cell_code, c.manager, a.code AS admin_code, b.id AS found_building_id, b.distance_m
    FROM placed p
    LEFT JOIN LATERAL (
        SELECT coalesce(g.code, g.source_key) AS code, g.manager FROM cim.grid_cell g
        WHERE ST_Intersects(g.geom, p.geom) AND (g.valid_to IS NULL OR g.valid_to > now())
        ORDER BY length(g.code) = 15 DESC NULLS LAST, g.area_m2, g.id LIMIT 1) c ON true
    LEFT JOIN LATERAL (
        SELECT f.area_code AS code FROM cim.feature f
        WHERE f.layer_id = 'admin_areas' AND ST_Intersects(f.geom, p.geom) AND f.area_code IS NOT NULL
        ORDER BY length(f.area_code) DESC, f.id LIMIT 1) a ON true
    LEFT JOIN LATERAL (
        SELECT n.id, ST_Distance(n.geom::geography, p.geom::geography) AS distance_m
        FROM (SELECT f.id, f.geom FROM cim.building f WHERE f.geom && ST_Expand(p.geom, 0.0003)
            ORDER BY f.geom <-> p.geom, f.id LIMIT 8) n
        WHERE p.building_id IS NULL AND p.device_building_id IS NULL
        ORDER BY distance_m, n.id LIMIT 1) b ON b.distance_m <= :nearest_m),
housed AS (
    SELECT i.*, h.id AS home_id, h.area_code AS home_area, h.base_height_m, h.height_m AS home_height_m, h.storeys_above,
        CASE WHEN i.building_id IS NOT NULL THEN 'address' WHEN i.device_building_id IS NOT NULL THEN 'device'
            WHEN h.id IS NULL THEN NULL WHEN i.distance_m = 0 THEN 'inside' ELSE 'near' END AS building_by,
        -- metres in the vertical datum
        coalesce(i.level_m, h.base_height_m + i.height_m) AS z_m
    FROM inside i LEFT JOIN cim.building h
        ON h.id = coalesce(i.building_id, i.device_building_id, i.found_building_id)),
storeyed AS (
    SELECT h.*, t.id AS storey_id, t.number AS found_number, t.by AS storey_by
    FROM housed h LEFT JOIN LATERAL (
        SELECT y.id, y.number, CASE WHEN y.id = h.device_storey_id THEN 'device'
            WHEN y.number = h.storey_number THEN 'number' ELSE 'height' END AS by
        FROM cim.storey y
        WHERE y.id = h.device_storey_id OR (h.device_storey_id IS NULL AND y.building_id = h.home_id
            AND (y.number = h.storey_number OR (h.storey_number IS NULL
                AND h.z_m >= y.base_height_m - 0.3 AND h.z_m < y.base_height_m + coalesce(y.height_m, 3.0) - 0.3)))
        ORDER BY y.base_height_m DESC, y.id LIMIT 1) t ON true)
SELECT s.number, ST_X(s.geom) AS lon, ST_Y(s.geom) AS lat, s.placed_by, s.sensor_id, s.camera_id, s.cell_code, s.manager,
    coalesce(s.cell_code, s.admin_code, s.home_area) AS area_code, s.home_id AS building_id, s.building_by, s.distance_m, s.apart_m,
    s.storey_id, s.storey_by, coalesce(s.storey_number, s.found_number, CASE
        WHEN s.z_m >= s.base_height_m AND s.home_height_m > 0 AND s.storeys_above > 0
        THEN least(1 + floor((s.z_m - s.base_height_m) * s.storeys_above / s.home_height_m), s.storeys_above) END)
        AS storey_number,
    CASE WHEN s.storey_by IS NULL AND s.storey_number IS NULL AND s.z_m IS NOT NULL THEN true ELSE false END
        AS is_reckoned,
    r.id AS space_id, r.by AS space_by, coalesce(s.room, r.name) AS room,
    coalesce(s.height_m, s.level_m - s.base_height_m) AS height_m
FROM storeyed s LEFT JOIN LATERAL (
    SELECT p.id, coalesce(p.long_name, p.name) AS name,
        CASE WHEN p.id = s.device_space_id THEN 'device'
            WHEN s.room IS NOT NULL AND s.room IN (p.name, p.long_name) THEN 'name' ELSE 'place' END AS by
    FROM cim.space p
    WHERE p.id = s.device_space_id OR s.device_space_id IS NULL AND p.storey_id = s.storey_id AND (
        (s.room IS NOT NULL AND s.room IN (p.name, p.long_name))
        OR (s.room IS NULL AND s.placed_by IN ('coordinates', 'device') AND ST_Intersects(p.geom, s.geom)))
    ORDER BY ST_Area(p.geom), p.id LIMIT 1) r ON true
ORDER BY s.number
