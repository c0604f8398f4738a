-- units of buildings by the number of their room
SELECT q.n, u.id, u.building_id, u.code, u.address, u.room
FROM unnest(CAST(:n AS int[]), CAST(:building AS bigint[]), CAST(:room AS text[])) q (n, building, room)
JOIN cim.unit u ON u.building_id = q.building AND lower(u.room) = q.room
