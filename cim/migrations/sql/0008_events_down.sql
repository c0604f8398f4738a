ALTER TABLE event
    DROP COLUMN type_code, DROP COLUMN height_m, DROP COLUMN storey_number, DROP COLUMN room, DROP COLUMN device_code,
    DROP COLUMN sensor_id, DROP COLUMN camera_id, DROP COLUMN location, DROP COLUMN responsible,
    DROP COLUMN responsibility_id, DROP COLUMN received_at, DROP COLUMN state_since, DROP COLUMN due_at,
    DROP COLUMN reminded_at, DROP COLUMN merged_into_id, DROP COLUMN area;
DROP TABLE responsibility;
DROP TABLE event_clock;
DROP TABLE event_type;
