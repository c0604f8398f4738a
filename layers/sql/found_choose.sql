-- footprints of a new dataset that no other source can mean: no equal code, no shape in common, a name of their own
CREATE TEMPORARY TABLE merge_founder ON COMMIT DROP AS
WITH named AS (
    SELECT s.source_key, s.code, s.geom, s.fields, coalesce(s.code, s.source_key) AS name,
        count(*) OVER (PARTITION BY coalesce(s.code, s.source_key) COLLATE "C") AS namesakes
    FROM pg_temp.stage_building_source s
    WHERE s.kind = 'footprint'
)
SELECT n.source_key, n.name, nextval('cim.object_id_seq') AS building_id,
    nextval('cim.building_source_id_seq') AS id
FROM named n
WHERE n.namesakes = 1
    -- terrain gives bases and heights to the others, and the long way asks it
    AND (NOT CAST(:has_terrain AS boolean) OR jsonb_typeof(n.fields -> 'base_height_m') = 'number')
    AND (NOT CAST(:has_surface AS boolean) OR jsonb_typeof(n.fields -> 'height_m') = 'number')
    AND NOT EXISTS (SELECT FROM cim.building_source t WHERE t.code = n.code)
    AND NOT EXISTS (SELECT FROM cim.building_source t WHERE t.geom && ST_SetSRID(n.geom, 4490) AND t.kind <> 'register')
