CREATE TABLE cim.thing (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL,
    name TEXT NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    properties JSONB DEFAULT '{}'::jsonb NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    area_code TEXT,
    is_registered BOOLEAN DEFAULT 'false' NOT NULL,
    building_id BIGINT,
    space_id BIGINT,
    pipe_node_id BIGINT,
    river_id BIGINT,
    CONSTRAINT thing_pkey PRIMARY KEY (id),
    CONSTRAINT thing_building_id_fkey FOREIGN KEY(building_id) REFERENCES cim.building (id) ON DELETE SET NULL,
    CONSTRAINT thing_space_id_fkey FOREIGN KEY(space_id) REFERENCES cim.space (id) ON DELETE SET NULL,
    CONSTRAINT thing_pipe_node_id_fkey FOREIGN KEY(pipe_node_id) REFERENCES cim.pipe_node (id) ON DELETE SET NULL,
    CONSTRAINT thing_river_id_fkey FOREIGN KEY(river_id) REFERENCES cim.river (id) ON DELETE SET NULL
);
CREATE INDEX thing_building_id_idx ON cim.thing (building_id);
CREATE INDEX thing_pipe_node_id_idx ON cim.thing (pipe_node_id);
CREATE INDEX thing_river_id_idx ON cim.thing (river_id);
CREATE INDEX thing_space_id_idx ON cim.thing (space_id);

CREATE TABLE cim.location (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL,
    name TEXT NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    properties JSONB DEFAULT '{}'::jsonb NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    encoding_type TEXT NOT NULL,
    location JSONB NOT NULL,
    area_code TEXT,
    is_registered BOOLEAN DEFAULT 'false' NOT NULL,
    geom geometry(GEOMETRY,4490),
    CONSTRAINT location_pkey PRIMARY KEY (id)
);
CREATE INDEX location_geom_idx ON cim.location USING gist (geom);

CREATE TABLE cim.thing_location (
    thing_id BIGINT NOT NULL,
    location_id BIGINT NOT NULL,
    CONSTRAINT thing_location_pkey PRIMARY KEY (thing_id, location_id),
    CONSTRAINT thing_location_thing_id_fkey FOREIGN KEY(thing_id) REFERENCES cim.thing (id) ON DELETE CASCADE,
    CONSTRAINT thing_location_location_id_fkey FOREIGN KEY(location_id) REFERENCES cim.location (id) ON DELETE CASCADE
);
CREATE INDEX thing_location_location_id_idx ON cim.thing_location (location_id);

CREATE TABLE cim.historical_location (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL,
    thing_id BIGINT NOT NULL,
    time TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT historical_location_pkey PRIMARY KEY (id),
    CONSTRAINT historical_location_thing_id_fkey FOREIGN KEY(thing_id) REFERENCES cim.thing (id) ON DELETE CASCADE
);
CREATE INDEX historical_location_thing_id_idx ON cim.historical_location (thing_id);

CREATE TABLE cim.historical_place (
    historical_location_id BIGINT NOT NULL,
    location_id BIGINT NOT NULL,
    CONSTRAINT historical_place_pkey PRIMARY KEY (historical_location_id, location_id),
    CONSTRAINT historical_place_historical_location_id_fkey FOREIGN KEY(historical_location_id) REFERENCES cim.historical_location (id) ON DELETE CASCADE,
    CONSTRAINT historical_place_location_id_fkey FOREIGN KEY(location_id) REFERENCES cim.location (id) ON DELETE CASCADE
);
CREATE INDEX historical_place_location_id_idx ON cim.historical_place (location_id);

CREATE TABLE cim.procedure (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL,
    name TEXT NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    properties JSONB DEFAULT '{}'::jsonb NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    encoding_type TEXT NOT NULL,
    metadata JSONB NOT NULL,
    kind TEXT,
    CONSTRAINT procedure_pkey PRIMARY KEY (id),
    CONSTRAINT procedure_kind_key UNIQUE (kind)
);

CREATE TABLE cim.observed_property (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL,
    name TEXT NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    properties JSONB DEFAULT '{}'::jsonb NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    definition TEXT NOT NULL,
    kind TEXT,
    CONSTRAINT observed_property_pkey PRIMARY KEY (id),
    CONSTRAINT observed_property_kind_key UNIQUE (kind)
);

CREATE TABLE cim.feature_of_interest (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL,
    name TEXT NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    properties JSONB DEFAULT '{}'::jsonb NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    encoding_type TEXT NOT NULL,
    feature JSONB NOT NULL,
    area_code TEXT,
    geom geometry(GEOMETRY,4490),
    CONSTRAINT feature_of_interest_pkey PRIMARY KEY (id)
);
CREATE INDEX feature_of_interest_geom_idx ON cim.feature_of_interest USING gist (geom);

CREATE TABLE cim.datastream (
    id BIGINT NOT NULL,
    name TEXT NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    properties JSONB DEFAULT '{}'::jsonb NOT NULL,
    observation_type TEXT NOT NULL,
    unit_of_measurement JSONB DEFAULT '{}'::jsonb NOT NULL,
    thing_id BIGINT NOT NULL,
    procedure_id BIGINT NOT NULL,
    observed_property_id BIGINT NOT NULL,
    feature_of_interest_id BIGINT,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT datastream_pkey PRIMARY KEY (id),
    CONSTRAINT datastream_id_fkey FOREIGN KEY(id) REFERENCES cim.sensor (id) ON DELETE CASCADE,
    CONSTRAINT datastream_thing_id_fkey FOREIGN KEY(thing_id) REFERENCES cim.thing (id) ON DELETE CASCADE,
    CONSTRAINT datastream_procedure_id_fkey FOREIGN KEY(procedure_id) REFERENCES cim.procedure (id) ON DELETE CASCADE,
    CONSTRAINT datastream_observed_property_id_fkey FOREIGN KEY(observed_property_id) REFERENCES cim.observed_property (id) ON DELETE CASCADE,
    CONSTRAINT datastream_feature_of_interest_id_fkey FOREIGN KEY(feature_of_interest_id) REFERENCES cim.feature_of_interest (id) ON DELETE SET NULL
);
CREATE INDEX datastream_feature_of_interest_id_idx ON cim.datastream (feature_of_interest_id);
CREATE INDEX datastream_observed_property_id_idx ON cim.datastream (observed_property_id);
CREATE INDEX datastream_procedure_id_idx ON cim.datastream (procedure_id);
CREATE INDEX datastream_thing_id_idx ON cim.datastream (thing_id);

CREATE TABLE cim.observation_detail (
    sensor_id BIGINT NOT NULL,
    phenomenon_time TIMESTAMP WITH TIME ZONE NOT NULL,
    phenomenon_end TIMESTAMP WITH TIME ZONE,
    result_time TIMESTAMP WITH TIME ZONE,
    valid_from TIMESTAMP WITH TIME ZONE,
    valid_to TIMESTAMP WITH TIME ZONE,
    result_quality JSONB,
    parameters JSONB,
    feature_of_interest_id BIGINT,
    CONSTRAINT observation_detail_pkey PRIMARY KEY (sensor_id, phenomenon_time),
    CONSTRAINT observation_detail_sensor_id_fkey FOREIGN KEY(sensor_id) REFERENCES cim.sensor (id) ON DELETE CASCADE,
    CONSTRAINT observation_detail_feature_of_interest_id_fkey FOREIGN KEY(feature_of_interest_id) REFERENCES cim.feature_of_interest (id) ON DELETE SET NULL
);
CREATE INDEX observation_detail_feature_of_interest_id_idx ON cim.observation_detail (feature_of_interest_id);

CREATE TABLE cim.threshold (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    sensor_id BIGINT,
    kind TEXT,
    direction TEXT NOT NULL,
    limit_value DOUBLE PRECISION,
    attribute TEXT,
    hysteresis DOUBLE PRECISION DEFAULT '0' NOT NULL,
    duration_s INTEGER DEFAULT '0' NOT NULL,
    type_code TEXT NOT NULL,
    severity SMALLINT NOT NULL,
    CONSTRAINT threshold_pkey PRIMARY KEY (id),
    CONSTRAINT threshold_whose_check CHECK (num_nonnulls(sensor_id, kind) = 1),
    CONSTRAINT threshold_direction_check CHECK (direction IN ('above', 'below')),
    CONSTRAINT threshold_sensor_id_kind_direction_type_code_key UNIQUE NULLS NOT DISTINCT (sensor_id, kind, direction, type_code),
    CONSTRAINT threshold_sensor_id_fkey FOREIGN KEY(sensor_id) REFERENCES cim.sensor (id) ON DELETE CASCADE
);
CREATE INDEX threshold_kind_idx ON cim.threshold (kind);

CREATE TABLE cim.crossing (
    threshold_id BIGINT NOT NULL,
    sensor_id BIGINT NOT NULL,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    event_id BIGINT,
    CONSTRAINT crossing_pkey PRIMARY KEY (threshold_id, sensor_id),
    CONSTRAINT crossing_threshold_id_fkey FOREIGN KEY(threshold_id) REFERENCES cim.threshold (id) ON DELETE CASCADE,
    CONSTRAINT crossing_sensor_id_fkey FOREIGN KEY(sensor_id) REFERENCES cim.sensor (id) ON DELETE CASCADE,
    CONSTRAINT crossing_event_id_fkey FOREIGN KEY(event_id) REFERENCES cim.event (id) ON DELETE SET NULL
);
CREATE INDEX crossing_event_id_idx ON cim.crossing (event_id);
CREATE INDEX crossing_sensor_id_idx ON cim.crossing (sensor_id);

-- every row is written again and again: room for it on its own page
ALTER TABLE cim.last_observation SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.5);
