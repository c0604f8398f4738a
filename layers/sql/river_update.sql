-- direction, order and heights of rivers
UPDATE cim.river r
SET direction = o.direction, direction_source = o.direction_source, strahler = o.strahler,
    upper_height_m = o.upper_height_m, lower_height_m = o.lower_height_m, recorded_at = now()
FROM river_order o WHERE r.id = o.river_id
