-- buildings at a number of a road, or that are a block of an estate; '' stands for any, and then few are enough
SELECT q.n, c.building_id, c.district, c.street, c.community, c.road, c.number, c.estate, c.block
FROM unnest(CAST(:n AS int[]), CAST(:road AS text[]), CAST(:number AS text[]), CAST(:estate AS text[]),
            CAST(:block AS text[])) q (n, road, number, estate, block),
LATERAL (
    (SELECT * FROM cim.address a
     WHERE q.estate <> '' AND q.block <> '' AND a.estate = q.estate AND a.block = q.block LIMIT 60)
    UNION ALL
    (SELECT * FROM cim.address a
     WHERE q.road <> '' AND q.number <> '' AND a.road = q.road AND a.number = q.number LIMIT 300)
    UNION ALL
    (SELECT * FROM cim.address a WHERE q.estate <> '' AND q.block = '' AND a.estate = q.estate LIMIT 60)
    UNION ALL
    (SELECT * FROM cim.address a WHERE q.road <> '' AND q.number = '' AND a.road = q.road LIMIT 60)
) c
