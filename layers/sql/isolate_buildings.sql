-- buildings that lose a network, each once, the part that comes first before all others, and what is in them
WITH pipes AS (
    SELECT * FROM unnest(CAST(:pipe_ids AS bigint[]), CAST(:starts AS float8[]), CAST(:ends AS float8[]),
        CAST(:parts AS int[])) AS t (pipe_id, start_fraction, end_fraction, part)),
nodes AS (
    SELECT * FROM unnest(CAST(:node_ids AS bigint[]), CAST(:node_parts AS int[])) AS t (node_id, part)),
-- where a building hangs on a node of the network, the node decides; else its pipe, or the part of it beside it
served AS (
    SELECT s.building_id, n.part, s.rule FROM nodes n JOIN cim.building_service s ON s.node_id = n.node_id
    WHERE s.network = :network
    UNION ALL
    SELECT s.building_id, p.part, s.rule FROM pipes p JOIN cim.building_service s ON s.pipe_id = p.pipe_id
    WHERE s.network = :network
        AND (s.node_id IS NULL OR NOT EXISTS (
            SELECT FROM cim.pipe_edge e WHERE s.node_id IN (e.source_id, e.target_id)))
        AND (p.start_fraction <= 0 AND p.end_fraction >= 1 OR coalesce((
            SELECT ST_LineLocatePoint(l.line, ST_ClosestPoint(l.line, b.geom)) BETWEEN p.start_fraction
                AND p.end_fraction
            FROM cim.building b,
                (SELECT ST_LineMerge(ST_Force2D(q.geom)) AS line FROM cim.pipe q WHERE q.id = p.pipe_id) l
            WHERE b.id = s.building_id AND b.geom IS NOT NULL AND GeometryType(l.line) = 'LINESTRING'), true)))
SELECT DISTINCT ON (b.id) b.id, served.part, served.rule, b.code, b.name, b.use, b.storeys_above, b.storeys_below,
    b.dataset_id,
    coalesce((SELECT sum(t.units) FROM cim.unit_tally t WHERE t.building_id = b.id), b.unit_count) AS units,
    CASE WHEN CAST(:sees_all AS boolean) OR b.residents NOT BETWEEN 1 AND CAST(:small AS int) - 1
        THEN b.residents END AS residents,
    CASE WHEN CAST(:sees_all AS boolean) OR b.households NOT BETWEEN 1 AND CAST(:small AS int) - 1
        THEN b.households END AS households
FROM served JOIN cim.building b ON b.id = served.building_id
WHERE b.layer_id = 'buildings'
    AND (CAST(:area AS text) IS NULL OR b.area_code IS NULL OR starts_with(b.area_code, CAST(:area AS text)))
ORDER BY b.id, served.part
