-- the river of each work, and where along it
UPDATE cim.water_work w
SET river_id = x.river_id, river_fraction = x.river_fraction, river_distance_m = x.river_distance_m, recorded_at = now()
FROM river_work x WHERE w.id = x.work_id
