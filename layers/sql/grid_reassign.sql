-- events from the beginning of a grid on, and those that are not closed, get the code of its cell
UPDATE cim.event e SET grid_cell_code = c.code, recorded_at = now()
FROM cim.grid_cell c
WHERE c.grid = :grid AND ST_Intersects(c.geom, e.geom)
    AND (e.occurred_at >= :begins OR e.state NOT IN ('close', 'evaluate'))
    AND e.grid_cell_code IS DISTINCT FROM c.code
