CREATE TABLE event_type (
    code text PRIMARY KEY,
    title_zh text NOT NULL,
    title_en text NOT NULL,
    aliases text[] NOT NULL DEFAULT '{}',
    severity smallint NOT NULL,
    merge_group text NOT NULL,
    merge_distance_m double precision NOT NULL,
    merge_minutes integer NOT NULL
);

CREATE TABLE event_clock (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type_code text NOT NULL DEFAULT '',
    severity smallint,
    state text NOT NULL,
    limit_minutes integer NOT NULL,
    CONSTRAINT event_clock_type_code_severity_state_key UNIQUE NULLS NOT DISTINCT (type_code, severity, state)
);

CREATE TABLE responsibility (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version integer NOT NULL,
    area_code text NOT NULL DEFAULT '',
    type_code text NOT NULL DEFAULT '',
    party text NOT NULL,
    contact text,
    valid_from timestamptz NOT NULL DEFAULT now(),
    valid_to timestamptz
);
CREATE INDEX responsibility_area_code_idx ON responsibility (area_code) WHERE valid_to IS NULL;

ALTER TABLE event
    ADD COLUMN type_code text REFERENCES event_type (code),
    ADD COLUMN height_m double precision,
    ADD COLUMN storey_number smallint,
    ADD COLUMN room text,
    ADD COLUMN device_code text,
    ADD COLUMN sensor_id bigint REFERENCES sensor (id) ON DELETE SET NULL,
    ADD COLUMN camera_id bigint REFERENCES camera (id) ON DELETE SET NULL,
    ADD COLUMN location jsonb NOT NULL DEFAULT '{}'::jsonb,
    ADD COLUMN responsible text,
    ADD COLUMN responsibility_id bigint REFERENCES responsibility (id),
    ADD COLUMN received_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN state_since timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN due_at timestamptz,
    ADD COLUMN reminded_at timestamptz,
    ADD COLUMN merged_into_id bigint REFERENCES event (id) ON DELETE SET NULL,
    ADD COLUMN area geometry(Geometry, 4490);
CREATE INDEX event_merged_into_id_idx ON event (merged_into_id) WHERE merged_into_id IS NOT NULL;
CREATE INDEX event_due_at_idx ON event (due_at) WHERE due_at IS NOT NULL;
