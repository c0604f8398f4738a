-- the state of a grid's cell that was in force at a place and time; the earliest known state stands for the time before
WITH place AS (SELECT ST_SetSRID(ST_MakePoint(:lon, :lat), 4490) AS geom),
states AS (
    SELECT c.id, c.code, c.name, c.manager, c.area_code, c.valid_from, c.valid_to, c.geom,
        c.recorded_at AS recorded_from, 'infinity'::timestamptz AS recorded_to
    FROM cim.grid_cell c WHERE c.grid = :grid
    UNION ALL
    SELECT h.id, h.record ->> 'code', h.record ->> 'name', h.record ->> 'manager', h.record ->> 'area_code',
        (h.record ->> 'valid_from')::timestamptz, (h.record ->> 'valid_to')::timestamptz,
        ST_GeomFromEWKB(decode(h.record ->> 'geom', 'hex')), h.recorded_from, h.recorded_to
    FROM cim.object_history h
    WHERE h.table_name = 'grid_cell' AND h.record ->> 'grid' = :grid AND h.record ->> 'geom' IS NOT NULL),
here AS (
    SELECT s.*,
        -- a state ends with the one that it gave way to, and with the cell, as the newest state has it
        coalesce(s.valid_from, s.recorded_from) AS begins,
        least(s.valid_to, s.recorded_to, s.last_end) AS ends
    FROM (
        SELECT *, first_value(valid_to) OVER (PARTITION BY id ORDER BY recorded_from DESC) AS last_end FROM states) s,
        place p
    WHERE ST_Intersects(s.geom, p.geom)
        AND (s.area_code IS NULL OR starts_with(s.area_code, :area)))
SELECT id, code, name, manager, valid_from, valid_to, begins > :at AS is_assumed
FROM here
WHERE ends > :at AND (begins <= :at OR valid_from IS NULL)
ORDER BY begins > :at, CASE WHEN begins <= :at THEN begins END DESC, begins, recorded_from DESC, id DESC
LIMIT 1
