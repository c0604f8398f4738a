-- loads what the first tile of a connection would wait for
SELECT ST_AsMVT(made, 'none', 4096, 'geom')
FROM (SELECT ST_AsMVTGeom(ST_Simplify(ST_MakeEnvelope(0, 0, 1, 1, 3857), 0.1, true),
    Box2D(ST_MakeEnvelope(0, 0, 2, 2, 3857)), 4096, 64, true) AS geom) made
