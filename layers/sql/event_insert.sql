-- events that are not there yet, in the order in which they came; all in one parameter, as a statement with a placeholder for
-- each value takes the driver longer to read than the database to do
INSERT INTO cim.event (layer_id, dataset_id, source, source_key, name, type, type_code, title, description, severity,
    occurred_at, address, attributes, device_code, geom, area, area_code, grid_cell_code, building_id, storey_id,
    storey_number, space_id, room, height_m, sensor_id, camera_id, location, responsible, responsibility_id, due_at)
SELECT s.layer_id, s.dataset_id, s.source, s.source_key, s.name, s.type, s.type_code, s.title, s.description, s.severity,
    s.occurred_at, s.address, s.attributes, s.device_code, CAST(s.geom AS geometry), CAST(s.area AS geometry), s.area_code,
    s.grid_cell_code, s.building_id, s.storey_id, s.storey_number, s.space_id, s.room, s.height_m, s.sensor_id, s.camera_id,
    s.location, s.responsible, s.responsibility_id, s.due_at
FROM jsonb_to_recordset(CAST(:said AS jsonb)) AS s (number int, layer_id text, dataset_id bigint, source text,
    source_key text, name text, type text, type_code text, title text, description text, severity smallint,
    occurred_at timestamptz, address text, attributes jsonb, device_code text, geom text, area text, area_code text,
    grid_cell_code text, building_id bigint, storey_id bigint, storey_number smallint, space_id bigint, room text,
    height_m float8, sensor_id bigint, camera_id bigint, location jsonb, responsible text, responsibility_id bigint,
    due_at timestamptz)
ORDER BY s.number
ON CONFLICT ON CONSTRAINT event_source_source_key_key DO NOTHING
RETURNING source, source_key, id
