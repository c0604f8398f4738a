-- every table of the model; frozen from cim.tables

CREATE SEQUENCE cim.object_id_seq AS BIGINT;

CREATE TABLE cim.api_key (
    id BIGINT GENERATED ALWAYS AS IDENTITY, 
    prefix TEXT NOT NULL, 
    hash BYTEA NOT NULL, 
    role TEXT NOT NULL CONSTRAINT api_key_role_check CHECK (role in ('viewer','service','planner','commander','admin')), 
    area_code TEXT, 
    note TEXT, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    revoked_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT api_key_pkey PRIMARY KEY (id), 
    CONSTRAINT api_key_prefix_key UNIQUE (prefix), 
    CONSTRAINT api_key_hash_key UNIQUE (hash)
);

CREATE TABLE cim.dataset (
    id BIGINT GENERATED ALWAYS AS IDENTITY, 
    name TEXT NOT NULL, 
    file_name TEXT NOT NULL, 
    origin TEXT, 
    format TEXT NOT NULL, 
    checksum BYTEA NOT NULL, 
    size_bytes BIGINT NOT NULL, 
    crs TEXT, 
    vertical_crs TEXT, 
    transform TEXT, 
    accuracy_m DOUBLE PRECISION, 
    is_ballpark BOOLEAN DEFAULT 'false' NOT NULL, 
    owner TEXT, 
    licence TEXT, 
    source TEXT, 
    data_date DATE, 
    report JSONB DEFAULT '{}'::jsonb NOT NULL, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    CONSTRAINT dataset_pkey PRIMARY KEY (id), 
    CONSTRAINT dataset_name_key UNIQUE (name)
);

CREATE TABLE cim.mesh (
    hash BYTEA NOT NULL, 
    positions BYTEA NOT NULL, 
    triangles BYTEA NOT NULL, 
    parts JSONB DEFAULT '[]'::jsonb NOT NULL, 
    vertex_count INTEGER NOT NULL, 
    triangle_count INTEGER NOT NULL, 
    bounds DOUBLE PRECISION[] NOT NULL, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    CONSTRAINT mesh_pkey PRIMARY KEY (hash)
);

CREATE TABLE cim.object_history (
    id BIGINT NOT NULL, 
    table_name TEXT NOT NULL, 
    recorded_from TIMESTAMP WITH TIME ZONE NOT NULL, 
    recorded_to TIMESTAMP WITH TIME ZONE NOT NULL, 
    record JSONB NOT NULL
);

CREATE INDEX object_history_id_idx ON cim.object_history (id, recorded_from);

CREATE TABLE cim.quarantine (
    id BIGINT GENERATED ALWAYS AS IDENTITY, 
    dataset_name TEXT NOT NULL, 
    file_name TEXT NOT NULL, 
    layer_name TEXT, 
    place TEXT NOT NULL, 
    reason TEXT NOT NULL, 
    detail TEXT NOT NULL, 
    geom_wkt TEXT, 
    record JSONB, 
    is_resolved BOOLEAN DEFAULT 'false' NOT NULL, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    CONSTRAINT quarantine_pkey PRIMARY KEY (id)
);

CREATE INDEX quarantine_dataset_name_idx ON cim.quarantine (dataset_name);

CREATE TABLE cim.theme (
    id TEXT NOT NULL CONSTRAINT theme_id_check CHECK (id ~ '^[a-z][a-z0-9_]*$'), 
    title_zh TEXT NOT NULL, 
    title_en TEXT NOT NULL, 
    position SMALLINT DEFAULT '100' NOT NULL, 
    CONSTRAINT theme_pkey PRIMARY KEY (id)
);

CREATE TABLE cim.zone_log (
    id BIGINT GENERATED ALWAYS AS IDENTITY, 
    zone_id BIGINT NOT NULL, 
    action TEXT NOT NULL, 
    author TEXT, 
    entry JSONB DEFAULT '{}'::jsonb NOT NULL, 
    previous_hash BYTEA, 
    hash BYTEA NOT NULL, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    CONSTRAINT zone_log_pkey PRIMARY KEY (id)
);

CREATE INDEX zone_log_zone_id_idx ON cim.zone_log (zone_id);

CREATE TABLE cim.layer (
    id TEXT NOT NULL CONSTRAINT layer_id_check CHECK (id ~ '^[a-z][a-z0-9_]*$'), 
    theme_id TEXT NOT NULL, 
    title_zh TEXT NOT NULL, 
    title_en TEXT NOT NULL, 
    table_name TEXT NOT NULL, 
    geometry_type TEXT NOT NULL, 
    owner TEXT, 
    licence TEXT, 
    source TEXT, 
    min_zoom SMALLINT DEFAULT '0' NOT NULL, 
    max_zoom SMALLINT DEFAULT '22' NOT NULL, 
    fields JSONB DEFAULT '{}'::jsonb NOT NULL, 
    style JSONB DEFAULT '{}'::jsonb NOT NULL, 
    visibility TEXT DEFAULT 'viewer' NOT NULL, 
    position SMALLINT DEFAULT '100' NOT NULL, 
    is_default_on BOOLEAN DEFAULT 'true' NOT NULL, 
    version BIGINT DEFAULT '1' NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT layer_pkey PRIMARY KEY (id), 
    CONSTRAINT layer_theme_id_fkey FOREIGN KEY(theme_id) REFERENCES cim.theme (id)
);

CREATE TABLE cim.building (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL, 
    layer_id TEXT NOT NULL, 
    dataset_id BIGINT, 
    source_key TEXT NOT NULL, 
    cim_level SMALLINT CONSTRAINT building_cim_level_check CHECK (cim_level between 1 and 7), 
    name TEXT, 
    area_code TEXT, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash BYTEA, 
    valid_from TIMESTAMP WITH TIME ZONE, 
    valid_to TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    code TEXT, 
    use TEXT, 
    structure TEXT, 
    address TEXT, 
    storeys_above SMALLINT, 
    storeys_below SMALLINT, 
    height_m DOUBLE PRECISION, 
    base_height_m DOUBLE PRECISION, 
    year_built SMALLINT, 
    households INTEGER, 
    provenance JSONB DEFAULT '{}'::jsonb NOT NULL, 
    geom geometry(MULTIPOLYGON,4490), 
    area_m2 DOUBLE PRECISION GENERATED ALWAYS AS (ST_Area(geom::geography)) STORED, 
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED, 
    CONSTRAINT building_pkey PRIMARY KEY (id), 
    CONSTRAINT building_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key), 
    CONSTRAINT building_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id), 
    CONSTRAINT building_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id)
);

CREATE INDEX building_address_idx ON cim.building USING gin (address gin_trgm_ops);

CREATE INDEX building_code_idx ON cim.building (code);

CREATE INDEX building_geom_3857_idx ON cim.building USING gist (geom_3857);

CREATE INDEX building_geom_idx ON cim.building USING gist (geom);

CREATE INDEX building_layer_id_idx ON cim.building (layer_id, id);

CREATE INDEX building_name_idx ON cim.building USING gin (name gin_trgm_ops);

CREATE TABLE cim.camera (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL, 
    layer_id TEXT NOT NULL, 
    dataset_id BIGINT, 
    source_key TEXT NOT NULL, 
    cim_level SMALLINT CONSTRAINT camera_cim_level_check CHECK (cim_level between 1 and 7), 
    name TEXT, 
    area_code TEXT, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash BYTEA, 
    valid_from TIMESTAMP WITH TIME ZONE, 
    valid_to TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    code TEXT, 
    mount_height_m DOUBLE PRECISION, 
    azimuth_deg DOUBLE PRECISION, 
    tilt_deg DOUBLE PRECISION, 
    hfov_deg DOUBLE PRECISION, 
    range_m DOUBLE PRECISION, 
    class TEXT, 
    owner TEXT, 
    state TEXT, 
    geom geometry(POINT,4490), 
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED, 
    CONSTRAINT camera_pkey PRIMARY KEY (id), 
    CONSTRAINT camera_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key), 
    CONSTRAINT camera_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id), 
    CONSTRAINT camera_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id)
);

CREATE INDEX camera_code_idx ON cim.camera (code);

CREATE INDEX camera_geom_3857_idx ON cim.camera USING gist (geom_3857);

CREATE INDEX camera_geom_idx ON cim.camera USING gist (geom);

CREATE INDEX camera_layer_id_idx ON cim.camera (layer_id, id);

CREATE INDEX camera_name_idx ON cim.camera USING gin (name gin_trgm_ops);

CREATE TABLE cim.feature (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL, 
    layer_id TEXT NOT NULL, 
    dataset_id BIGINT, 
    source_key TEXT NOT NULL, 
    cim_level SMALLINT CONSTRAINT feature_cim_level_check CHECK (cim_level between 1 and 7), 
    name TEXT, 
    area_code TEXT, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash BYTEA, 
    valid_from TIMESTAMP WITH TIME ZONE, 
    valid_to TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    geom geometry(GEOMETRY,4490), 
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED, 
    CONSTRAINT feature_pkey PRIMARY KEY (id), 
    CONSTRAINT feature_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key), 
    CONSTRAINT feature_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id), 
    CONSTRAINT feature_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id)
);

CREATE INDEX feature_geom_3857_idx ON cim.feature USING gist (geom_3857);

CREATE INDEX feature_geom_idx ON cim.feature USING gist (geom);

CREATE INDEX feature_layer_id_idx ON cim.feature (layer_id, id);

CREATE INDEX feature_name_idx ON cim.feature USING gin (name gin_trgm_ops);

CREATE TABLE cim.grid_cell (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL, 
    layer_id TEXT NOT NULL, 
    dataset_id BIGINT, 
    source_key TEXT NOT NULL, 
    cim_level SMALLINT CONSTRAINT grid_cell_cim_level_check CHECK (cim_level between 1 and 7), 
    name TEXT, 
    area_code TEXT, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash BYTEA, 
    valid_from TIMESTAMP WITH TIME ZONE, 
    valid_to TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    code TEXT, 
    grid TEXT NOT NULL, 
    version INTEGER DEFAULT '1' NOT NULL, 
    manager TEXT, 
    lineage JSONB DEFAULT '[]'::jsonb NOT NULL, 
    geom geometry(MULTIPOLYGON,4490), 
    area_m2 DOUBLE PRECISION GENERATED ALWAYS AS (ST_Area(geom::geography)) STORED, 
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED, 
    CONSTRAINT grid_cell_pkey PRIMARY KEY (id), 
    CONSTRAINT grid_cell_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key), 
    CONSTRAINT grid_cell_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id), 
    CONSTRAINT grid_cell_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id)
);

CREATE INDEX grid_cell_code_idx ON cim.grid_cell (code);

CREATE INDEX grid_cell_geom_3857_idx ON cim.grid_cell USING gist (geom_3857);

CREATE INDEX grid_cell_geom_idx ON cim.grid_cell USING gist (geom);

CREATE INDEX grid_cell_layer_id_idx ON cim.grid_cell (layer_id, id);

CREATE INDEX grid_cell_name_idx ON cim.grid_cell USING gin (name gin_trgm_ops);

CREATE TABLE cim.parking (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL, 
    layer_id TEXT NOT NULL, 
    dataset_id BIGINT, 
    source_key TEXT NOT NULL, 
    cim_level SMALLINT CONSTRAINT parking_cim_level_check CHECK (cim_level between 1 and 7), 
    name TEXT, 
    area_code TEXT, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash BYTEA, 
    valid_from TIMESTAMP WITH TIME ZONE, 
    valid_to TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    capacity INTEGER, 
    free INTEGER, 
    observed_at TIMESTAMP WITH TIME ZONE, 
    geom geometry(POINT,4490), 
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED, 
    CONSTRAINT parking_pkey PRIMARY KEY (id), 
    CONSTRAINT parking_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key), 
    CONSTRAINT parking_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id), 
    CONSTRAINT parking_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id)
);

CREATE INDEX parking_geom_3857_idx ON cim.parking USING gist (geom_3857);

CREATE INDEX parking_geom_idx ON cim.parking USING gist (geom);

CREATE INDEX parking_layer_id_idx ON cim.parking (layer_id, id);

CREATE INDEX parking_name_idx ON cim.parking USING gin (name gin_trgm_ops);

CREATE TABLE cim.pipe_node (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL, 
    layer_id TEXT NOT NULL, 
    dataset_id BIGINT, 
    source_key TEXT NOT NULL, 
    cim_level SMALLINT CONSTRAINT pipe_node_cim_level_check CHECK (cim_level between 1 and 7), 
    name TEXT, 
    area_code TEXT, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash BYTEA, 
    valid_from TIMESTAMP WITH TIME ZONE, 
    valid_to TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    network TEXT NOT NULL, 
    kind TEXT, 
    state TEXT, 
    ground_height_m DOUBLE PRECISION, 
    depth_m DOUBLE PRECISION, 
    invert_level_m DOUBLE PRECISION, 
    geom geometry(POINTZ,4490), 
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED, 
    CONSTRAINT pipe_node_pkey PRIMARY KEY (id), 
    CONSTRAINT pipe_node_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key), 
    CONSTRAINT pipe_node_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id), 
    CONSTRAINT pipe_node_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id)
);

CREATE INDEX pipe_node_geom_3857_idx ON cim.pipe_node USING gist (geom_3857);

CREATE INDEX pipe_node_geom_idx ON cim.pipe_node USING gist (geom);

CREATE INDEX pipe_node_layer_id_idx ON cim.pipe_node (layer_id, id);

CREATE INDEX pipe_node_name_idx ON cim.pipe_node USING gin (name gin_trgm_ops);

CREATE INDEX pipe_node_source_key_idx ON cim.pipe_node (source_key);

CREATE TABLE cim.resource (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL, 
    layer_id TEXT NOT NULL, 
    dataset_id BIGINT, 
    source_key TEXT NOT NULL, 
    cim_level SMALLINT CONSTRAINT resource_cim_level_check CHECK (cim_level between 1 and 7), 
    name TEXT, 
    area_code TEXT, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash BYTEA, 
    valid_from TIMESTAMP WITH TIME ZONE, 
    valid_to TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    kind TEXT, 
    capacity INTEGER, 
    contact TEXT, 
    address TEXT, 
    geom geometry(POINT,4490), 
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED, 
    CONSTRAINT resource_pkey PRIMARY KEY (id), 
    CONSTRAINT resource_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key), 
    CONSTRAINT resource_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id), 
    CONSTRAINT resource_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id)
);

CREATE INDEX resource_address_idx ON cim.resource USING gin (address gin_trgm_ops);

CREATE INDEX resource_geom_3857_idx ON cim.resource USING gist (geom_3857);

CREATE INDEX resource_geom_idx ON cim.resource USING gist (geom);

CREATE INDEX resource_layer_id_idx ON cim.resource (layer_id, id);

CREATE INDEX resource_name_idx ON cim.resource USING gin (name gin_trgm_ops);

CREATE TABLE cim.river (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL, 
    layer_id TEXT NOT NULL, 
    dataset_id BIGINT, 
    source_key TEXT NOT NULL, 
    cim_level SMALLINT CONSTRAINT river_cim_level_check CHECK (cim_level between 1 and 7), 
    name TEXT, 
    area_code TEXT, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash BYTEA, 
    valid_from TIMESTAMP WITH TIME ZONE, 
    valid_to TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    class TEXT, 
    width_m DOUBLE PRECISION, 
    geom geometry(MULTILINESTRING,4490), 
    length_m DOUBLE PRECISION GENERATED ALWAYS AS (ST_Length(geom::geography)) STORED, 
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED, 
    CONSTRAINT river_pkey PRIMARY KEY (id), 
    CONSTRAINT river_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key), 
    CONSTRAINT river_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id), 
    CONSTRAINT river_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id)
);

CREATE INDEX river_geom_3857_idx ON cim.river USING gist (geom_3857);

CREATE INDEX river_geom_idx ON cim.river USING gist (geom);

CREATE INDEX river_layer_id_idx ON cim.river (layer_id, id);

CREATE INDEX river_name_idx ON cim.river USING gin (name gin_trgm_ops);

CREATE TABLE cim.river_area (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL, 
    layer_id TEXT NOT NULL, 
    dataset_id BIGINT, 
    source_key TEXT NOT NULL, 
    cim_level SMALLINT CONSTRAINT river_area_cim_level_check CHECK (cim_level between 1 and 7), 
    name TEXT, 
    area_code TEXT, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash BYTEA, 
    valid_from TIMESTAMP WITH TIME ZONE, 
    valid_to TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    class TEXT, 
    geom geometry(MULTIPOLYGON,4490), 
    area_m2 DOUBLE PRECISION GENERATED ALWAYS AS (ST_Area(geom::geography)) STORED, 
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED, 
    CONSTRAINT river_area_pkey PRIMARY KEY (id), 
    CONSTRAINT river_area_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key), 
    CONSTRAINT river_area_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id), 
    CONSTRAINT river_area_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id)
);

CREATE INDEX river_area_geom_3857_idx ON cim.river_area USING gist (geom_3857);

CREATE INDEX river_area_geom_idx ON cim.river_area USING gist (geom);

CREATE INDEX river_area_layer_id_idx ON cim.river_area (layer_id, id);

CREATE INDEX river_area_name_idx ON cim.river_area USING gin (name gin_trgm_ops);

CREATE TABLE cim.road_node (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL, 
    layer_id TEXT NOT NULL, 
    dataset_id BIGINT, 
    source_key TEXT NOT NULL, 
    cim_level SMALLINT CONSTRAINT road_node_cim_level_check CHECK (cim_level between 1 and 7), 
    name TEXT, 
    area_code TEXT, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash BYTEA, 
    valid_from TIMESTAMP WITH TIME ZONE, 
    valid_to TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    kind TEXT, 
    geom geometry(POINT,4490), 
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED, 
    CONSTRAINT road_node_pkey PRIMARY KEY (id), 
    CONSTRAINT road_node_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key), 
    CONSTRAINT road_node_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id), 
    CONSTRAINT road_node_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id)
);

CREATE INDEX road_node_geom_3857_idx ON cim.road_node USING gist (geom_3857);

CREATE INDEX road_node_geom_idx ON cim.road_node USING gist (geom);

CREATE INDEX road_node_layer_id_idx ON cim.road_node (layer_id, id);

CREATE INDEX road_node_name_idx ON cim.road_node USING gin (name gin_trgm_ops);

CREATE TABLE cim.terrain (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL, 
    layer_id TEXT NOT NULL, 
    dataset_id BIGINT, 
    source_key TEXT NOT NULL, 
    cim_level SMALLINT CONSTRAINT terrain_cim_level_check CHECK (cim_level between 1 and 7), 
    name TEXT, 
    area_code TEXT, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash BYTEA, 
    valid_from TIMESTAMP WITH TIME ZONE, 
    valid_to TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    file_key TEXT NOT NULL, 
    kind TEXT NOT NULL, 
    crs TEXT NOT NULL, 
    vertical_crs TEXT, 
    resolution_m DOUBLE PRECISION, 
    min_height_m DOUBLE PRECISION, 
    max_height_m DOUBLE PRECISION, 
    void_share DOUBLE PRECISION, 
    geom geometry(MULTIPOLYGON,4490), 
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED, 
    CONSTRAINT terrain_pkey PRIMARY KEY (id), 
    CONSTRAINT terrain_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key), 
    CONSTRAINT terrain_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id), 
    CONSTRAINT terrain_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id)
);

CREATE INDEX terrain_geom_3857_idx ON cim.terrain USING gist (geom_3857);

CREATE INDEX terrain_geom_idx ON cim.terrain USING gist (geom);

CREATE INDEX terrain_layer_id_idx ON cim.terrain (layer_id, id);

CREATE INDEX terrain_name_idx ON cim.terrain USING gin (name gin_trgm_ops);

CREATE TABLE cim.zone (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL, 
    layer_id TEXT NOT NULL, 
    dataset_id BIGINT, 
    source_key TEXT NOT NULL, 
    cim_level SMALLINT CONSTRAINT zone_cim_level_check CHECK (cim_level between 1 and 7), 
    name TEXT, 
    area_code TEXT, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash BYTEA, 
    valid_from TIMESTAMP WITH TIME ZONE, 
    valid_to TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    kind TEXT, 
    author TEXT, 
    version INTEGER DEFAULT '1' NOT NULL, 
    geom geometry(MULTIPOLYGON,4490), 
    area_m2 DOUBLE PRECISION GENERATED ALWAYS AS (ST_Area(geom::geography)) STORED, 
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED, 
    CONSTRAINT zone_pkey PRIMARY KEY (id), 
    CONSTRAINT zone_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key), 
    CONSTRAINT zone_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id), 
    CONSTRAINT zone_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id)
);

CREATE INDEX zone_geom_3857_idx ON cim.zone USING gist (geom_3857);

CREATE INDEX zone_geom_idx ON cim.zone USING gist (geom);

CREATE INDEX zone_layer_id_idx ON cim.zone (layer_id, id);

CREATE INDEX zone_name_idx ON cim.zone USING gin (name gin_trgm_ops);

CREATE TABLE cim.building_source (
    id BIGINT GENERATED ALWAYS AS IDENTITY, 
    building_id BIGINT, 
    dataset_id BIGINT NOT NULL, 
    source_key TEXT NOT NULL, 
    kind TEXT NOT NULL, 
    code TEXT, 
    fields JSONB DEFAULT '{}'::jsonb NOT NULL, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    score DOUBLE PRECISION, 
    reason JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash TEXT, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    geom geometry(GEOMETRY,4490), 
    CONSTRAINT building_source_pkey PRIMARY KEY (id), 
    CONSTRAINT building_source_dataset_id_source_key_key UNIQUE (dataset_id, source_key), 
    CONSTRAINT building_source_building_id_fkey FOREIGN KEY(building_id) REFERENCES cim.building (id) ON DELETE CASCADE, 
    CONSTRAINT building_source_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id) ON DELETE SET NULL
);

CREATE INDEX building_source_building_id_idx ON cim.building_source (building_id);

CREATE INDEX building_source_code_idx ON cim.building_source (code);

CREATE INDEX building_source_geom_idx ON cim.building_source USING gist (geom);

CREATE TABLE cim.catchment (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL, 
    layer_id TEXT NOT NULL, 
    dataset_id BIGINT, 
    source_key TEXT NOT NULL, 
    cim_level SMALLINT CONSTRAINT catchment_cim_level_check CHECK (cim_level between 1 and 7), 
    name TEXT, 
    area_code TEXT, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash BYTEA, 
    valid_from TIMESTAMP WITH TIME ZONE, 
    valid_to TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    river_id BIGINT, 
    geom geometry(MULTIPOLYGON,4490), 
    area_m2 DOUBLE PRECISION GENERATED ALWAYS AS (ST_Area(geom::geography)) STORED, 
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED, 
    CONSTRAINT catchment_pkey PRIMARY KEY (id), 
    CONSTRAINT catchment_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key), 
    CONSTRAINT catchment_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id), 
    CONSTRAINT catchment_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id), 
    CONSTRAINT catchment_river_id_fkey FOREIGN KEY(river_id) REFERENCES cim.river (id) ON DELETE SET NULL
);

CREATE INDEX catchment_geom_3857_idx ON cim.catchment USING gist (geom_3857);

CREATE INDEX catchment_geom_idx ON cim.catchment USING gist (geom);

CREATE INDEX catchment_layer_id_idx ON cim.catchment (layer_id, id);

CREATE INDEX catchment_name_idx ON cim.catchment USING gin (name gin_trgm_ops);

CREATE TABLE cim.conflict (
    id BIGINT GENERATED ALWAYS AS IDENTITY, 
    building_id BIGINT NOT NULL, 
    field TEXT NOT NULL, 
    claims JSONB DEFAULT '[]'::jsonb NOT NULL, 
    severity DOUBLE PRECISION NOT NULL, 
    status TEXT DEFAULT 'open' NOT NULL, 
    settled_value JSONB, 
    settled_by TEXT, 
    settled_at TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    CONSTRAINT conflict_pkey PRIMARY KEY (id), 
    CONSTRAINT conflict_building_id_field_key UNIQUE (building_id, field), 
    CONSTRAINT conflict_building_id_fkey FOREIGN KEY(building_id) REFERENCES cim.building (id) ON DELETE CASCADE
);

CREATE INDEX conflict_severity_idx ON cim.conflict (severity);

CREATE TABLE cim.model (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL, 
    layer_id TEXT NOT NULL, 
    dataset_id BIGINT, 
    source_key TEXT NOT NULL, 
    cim_level SMALLINT CONSTRAINT model_cim_level_check CHECK (cim_level between 1 and 7), 
    name TEXT, 
    area_code TEXT, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash BYTEA, 
    valid_from TIMESTAMP WITH TIME ZONE, 
    valid_to TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    building_id BIGINT, 
    ifc_schema TEXT NOT NULL, 
    original_schema TEXT, 
    global_id TEXT, 
    status TEXT NOT NULL, 
    metric_crs TEXT, 
    placement JSONB, 
    georeference JSONB DEFAULT '{}'::jsonb NOT NULL, 
    longitude DOUBLE PRECISION, 
    latitude DOUBLE PRECISION, 
    height_m DOUBLE PRECISION, 
    element_count INTEGER DEFAULT '0' NOT NULL, 
    geom geometry(MULTIPOLYGON,4490), 
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED, 
    CONSTRAINT model_pkey PRIMARY KEY (id), 
    CONSTRAINT model_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key), 
    CONSTRAINT model_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id), 
    CONSTRAINT model_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id), 
    CONSTRAINT model_building_id_fkey FOREIGN KEY(building_id) REFERENCES cim.building (id) ON DELETE SET NULL
);

CREATE INDEX model_building_id_idx ON cim.model (building_id);

CREATE INDEX model_geom_3857_idx ON cim.model USING gist (geom_3857);

CREATE INDEX model_geom_idx ON cim.model USING gist (geom);

CREATE INDEX model_layer_id_idx ON cim.model (layer_id, id);

CREATE INDEX model_name_idx ON cim.model USING gin (name gin_trgm_ops);

CREATE TABLE cim.pipe (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL, 
    layer_id TEXT NOT NULL, 
    dataset_id BIGINT, 
    source_key TEXT NOT NULL, 
    cim_level SMALLINT CONSTRAINT pipe_cim_level_check CHECK (cim_level between 1 and 7), 
    name TEXT, 
    area_code TEXT, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash BYTEA, 
    valid_from TIMESTAMP WITH TIME ZONE, 
    valid_to TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    network TEXT NOT NULL, 
    from_key TEXT, 
    to_key TEXT, 
    from_node_id BIGINT, 
    to_node_id BIGINT, 
    diameter_mm DOUBLE PRECISION, 
    material TEXT, 
    depth_m DOUBLE PRECISION, 
    start_depth_m DOUBLE PRECISION, 
    end_depth_m DOUBLE PRECISION, 
    start_invert_level_m DOUBLE PRECISION, 
    end_invert_level_m DOUBLE PRECISION, 
    year_laid SMALLINT, 
    owner TEXT, 
    geom geometry(MULTILINESTRINGZ,4490), 
    length_m DOUBLE PRECISION GENERATED ALWAYS AS (ST_Length(geom::geography)) STORED, 
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED, 
    CONSTRAINT pipe_pkey PRIMARY KEY (id), 
    CONSTRAINT pipe_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key), 
    CONSTRAINT pipe_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id), 
    CONSTRAINT pipe_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id), 
    CONSTRAINT pipe_from_node_id_fkey FOREIGN KEY(from_node_id) REFERENCES cim.pipe_node (id) ON DELETE SET NULL, 
    CONSTRAINT pipe_to_node_id_fkey FOREIGN KEY(to_node_id) REFERENCES cim.pipe_node (id) ON DELETE SET NULL
);

CREATE INDEX pipe_from_node_id_idx ON cim.pipe (from_node_id);

CREATE INDEX pipe_geom_3857_idx ON cim.pipe USING gist (geom_3857);

CREATE INDEX pipe_geom_idx ON cim.pipe USING gist (geom);

CREATE INDEX pipe_layer_id_idx ON cim.pipe (layer_id, id);

CREATE INDEX pipe_name_idx ON cim.pipe USING gin (name gin_trgm_ops);

CREATE INDEX pipe_to_node_id_idx ON cim.pipe (to_node_id);

CREATE TABLE cim.road (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL, 
    layer_id TEXT NOT NULL, 
    dataset_id BIGINT, 
    source_key TEXT NOT NULL, 
    cim_level SMALLINT CONSTRAINT road_cim_level_check CHECK (cim_level between 1 and 7), 
    name TEXT, 
    area_code TEXT, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash BYTEA, 
    valid_from TIMESTAMP WITH TIME ZONE, 
    valid_to TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    class TEXT, 
    lanes SMALLINT, 
    speed_kmh DOUBLE PRECISION, 
    oneway BOOLEAN, 
    from_key TEXT, 
    to_key TEXT, 
    from_node_id BIGINT, 
    to_node_id BIGINT, 
    width_m DOUBLE PRECISION, 
    layer_number INTEGER, 
    geom geometry(MULTILINESTRING,4490), 
    length_m DOUBLE PRECISION GENERATED ALWAYS AS (ST_Length(geom::geography)) STORED, 
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED, 
    CONSTRAINT road_pkey PRIMARY KEY (id), 
    CONSTRAINT road_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key), 
    CONSTRAINT road_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id), 
    CONSTRAINT road_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id), 
    CONSTRAINT road_from_node_id_fkey FOREIGN KEY(from_node_id) REFERENCES cim.road_node (id) ON DELETE SET NULL, 
    CONSTRAINT road_to_node_id_fkey FOREIGN KEY(to_node_id) REFERENCES cim.road_node (id) ON DELETE SET NULL
);

CREATE INDEX road_geom_3857_idx ON cim.road USING gist (geom_3857);

CREATE INDEX road_geom_idx ON cim.road USING gist (geom);

CREATE INDEX road_layer_id_idx ON cim.road (layer_id, id);

CREATE INDEX road_name_idx ON cim.road USING gin (name gin_trgm_ops);

CREATE TABLE cim.sensor (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL, 
    layer_id TEXT NOT NULL, 
    dataset_id BIGINT, 
    source_key TEXT NOT NULL, 
    cim_level SMALLINT CONSTRAINT sensor_cim_level_check CHECK (cim_level between 1 and 7), 
    name TEXT, 
    area_code TEXT, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash BYTEA, 
    valid_from TIMESTAMP WITH TIME ZONE, 
    valid_to TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    code TEXT, 
    kind TEXT, 
    unit TEXT, 
    expected_interval_s INTEGER, 
    state TEXT, 
    height_m DOUBLE PRECISION, 
    building_code TEXT, 
    building_id BIGINT, 
    geom geometry(POINT,4490), 
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED, 
    CONSTRAINT sensor_pkey PRIMARY KEY (id), 
    CONSTRAINT sensor_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key), 
    CONSTRAINT sensor_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id), 
    CONSTRAINT sensor_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id), 
    CONSTRAINT sensor_building_id_fkey FOREIGN KEY(building_id) REFERENCES cim.building (id) ON DELETE SET NULL
);

CREATE INDEX sensor_building_id_idx ON cim.sensor (building_id);

CREATE INDEX sensor_code_idx ON cim.sensor (code);

CREATE INDEX sensor_geom_3857_idx ON cim.sensor USING gist (geom_3857);

CREATE INDEX sensor_geom_idx ON cim.sensor USING gist (geom);

CREATE INDEX sensor_layer_id_idx ON cim.sensor (layer_id, id);

CREATE INDEX sensor_name_idx ON cim.sensor USING gin (name gin_trgm_ops);

CREATE TABLE cim.unit (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL, 
    layer_id TEXT NOT NULL, 
    dataset_id BIGINT, 
    source_key TEXT NOT NULL, 
    cim_level SMALLINT CONSTRAINT unit_cim_level_check CHECK (cim_level between 1 and 7), 
    name TEXT, 
    area_code TEXT, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash BYTEA, 
    valid_from TIMESTAMP WITH TIME ZONE, 
    valid_to TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    building_id BIGINT, 
    building_code TEXT, 
    code TEXT, 
    address TEXT, 
    storey_number SMALLINT, 
    room TEXT, 
    use TEXT, 
    area_m2 DOUBLE PRECISION, 
    CONSTRAINT unit_pkey PRIMARY KEY (id), 
    CONSTRAINT unit_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key), 
    CONSTRAINT unit_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id), 
    CONSTRAINT unit_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id), 
    CONSTRAINT unit_building_id_fkey FOREIGN KEY(building_id) REFERENCES cim.building (id) ON DELETE SET NULL
);

CREATE INDEX unit_building_code_idx ON cim.unit (building_code);

CREATE INDEX unit_building_id_idx ON cim.unit (building_id) INCLUDE (layer_id, use, area_m2, dataset_id, area_code);

CREATE INDEX unit_code_idx ON cim.unit (code);

CREATE INDEX unit_layer_id_idx ON cim.unit (layer_id, id);

CREATE INDEX unit_name_idx ON cim.unit USING gin (name gin_trgm_ops);

CREATE TABLE cim.water_work (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL, 
    layer_id TEXT NOT NULL, 
    dataset_id BIGINT, 
    source_key TEXT NOT NULL, 
    cim_level SMALLINT CONSTRAINT water_work_cim_level_check CHECK (cim_level between 1 and 7), 
    name TEXT, 
    area_code TEXT, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash BYTEA, 
    valid_from TIMESTAMP WITH TIME ZONE, 
    valid_to TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    kind TEXT, 
    river_id BIGINT, 
    geom geometry(GEOMETRY,4490), 
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED, 
    CONSTRAINT water_work_pkey PRIMARY KEY (id), 
    CONSTRAINT water_work_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key), 
    CONSTRAINT water_work_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id), 
    CONSTRAINT water_work_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id), 
    CONSTRAINT water_work_river_id_fkey FOREIGN KEY(river_id) REFERENCES cim.river (id) ON DELETE SET NULL
);

CREATE INDEX water_work_geom_3857_idx ON cim.water_work USING gist (geom_3857);

CREATE INDEX water_work_geom_idx ON cim.water_work USING gist (geom);

CREATE INDEX water_work_layer_id_idx ON cim.water_work (layer_id, id);

CREATE INDEX water_work_name_idx ON cim.water_work USING gin (name gin_trgm_ops);

CREATE TABLE cim.last_observation (
    sensor_id BIGINT NOT NULL, 
    phenomenon_time TIMESTAMP WITH TIME ZONE NOT NULL, 
    value DOUBLE PRECISION, 
    result JSONB, 
    CONSTRAINT last_observation_pkey PRIMARY KEY (sensor_id), 
    CONSTRAINT last_observation_sensor_id_fkey FOREIGN KEY(sensor_id) REFERENCES cim.sensor (id) ON DELETE CASCADE
);

CREATE TABLE cim.mesh_instance (
    id BIGINT GENERATED ALWAYS AS IDENTITY, 
    model_id BIGINT NOT NULL, 
    element_id BIGINT NOT NULL, 
    element_table TEXT DEFAULT 'element' NOT NULL, 
    mesh_hash BYTEA NOT NULL, 
    placement DOUBLE PRECISION[] NOT NULL, 
    materials JSONB DEFAULT '[]'::jsonb NOT NULL, 
    CONSTRAINT mesh_instance_pkey PRIMARY KEY (id), 
    CONSTRAINT mesh_instance_model_id_fkey FOREIGN KEY(model_id) REFERENCES cim.model (id) ON DELETE CASCADE, 
    CONSTRAINT mesh_instance_mesh_hash_fkey FOREIGN KEY(mesh_hash) REFERENCES cim.mesh (hash)
);

CREATE INDEX mesh_instance_element_id_idx ON cim.mesh_instance (element_id);

CREATE INDEX mesh_instance_mesh_hash_idx ON cim.mesh_instance (mesh_hash);

CREATE INDEX mesh_instance_model_id_idx ON cim.mesh_instance (model_id);

CREATE TABLE cim.observation (
    sensor_id BIGINT NOT NULL, 
    phenomenon_time TIMESTAMP WITH TIME ZONE NOT NULL, 
    value DOUBLE PRECISION, 
    result JSONB, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    CONSTRAINT observation_pkey PRIMARY KEY (sensor_id, phenomenon_time), 
    CONSTRAINT observation_sensor_id_fkey FOREIGN KEY(sensor_id) REFERENCES cim.sensor (id) ON DELETE CASCADE
)
 PARTITION BY RANGE (phenomenon_time);

CREATE TABLE cim.storey (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL, 
    layer_id TEXT NOT NULL, 
    dataset_id BIGINT, 
    source_key TEXT NOT NULL, 
    cim_level SMALLINT CONSTRAINT storey_cim_level_check CHECK (cim_level between 1 and 7), 
    name TEXT, 
    area_code TEXT, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash BYTEA, 
    valid_from TIMESTAMP WITH TIME ZONE, 
    valid_to TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    building_id BIGINT, 
    model_id BIGINT, 
    global_id TEXT, 
    number SMALLINT, 
    elevation_m DOUBLE PRECISION, 
    base_height_m DOUBLE PRECISION, 
    height_m DOUBLE PRECISION, 
    geom geometry(MULTIPOLYGON,4490), 
    area_m2 DOUBLE PRECISION GENERATED ALWAYS AS (ST_Area(geom::geography)) STORED, 
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED, 
    CONSTRAINT storey_pkey PRIMARY KEY (id), 
    CONSTRAINT storey_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key), 
    CONSTRAINT storey_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id), 
    CONSTRAINT storey_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id), 
    CONSTRAINT storey_building_id_fkey FOREIGN KEY(building_id) REFERENCES cim.building (id) ON DELETE SET NULL, 
    CONSTRAINT storey_model_id_fkey FOREIGN KEY(model_id) REFERENCES cim.model (id) ON DELETE CASCADE
);

CREATE INDEX storey_building_id_idx ON cim.storey (building_id);

CREATE INDEX storey_geom_3857_idx ON cim.storey USING gist (geom_3857);

CREATE INDEX storey_geom_idx ON cim.storey USING gist (geom);

CREATE INDEX storey_layer_id_idx ON cim.storey (layer_id, id);

CREATE INDEX storey_model_id_idx ON cim.storey (model_id);

CREATE INDEX storey_name_idx ON cim.storey USING gin (name gin_trgm_ops);

CREATE TABLE cim.space (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL, 
    layer_id TEXT NOT NULL, 
    dataset_id BIGINT, 
    source_key TEXT NOT NULL, 
    cim_level SMALLINT CONSTRAINT space_cim_level_check CHECK (cim_level between 1 and 7), 
    name TEXT, 
    area_code TEXT, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash BYTEA, 
    valid_from TIMESTAMP WITH TIME ZONE, 
    valid_to TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    building_id BIGINT, 
    model_id BIGINT, 
    storey_id BIGINT, 
    global_id TEXT, 
    long_name TEXT, 
    base_height_m DOUBLE PRECISION, 
    height_m DOUBLE PRECISION, 
    floor_area_m2 DOUBLE PRECISION, 
    volume_m3 DOUBLE PRECISION, 
    geom geometry(MULTIPOLYGON,4490), 
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED, 
    CONSTRAINT space_pkey PRIMARY KEY (id), 
    CONSTRAINT space_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key), 
    CONSTRAINT space_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id), 
    CONSTRAINT space_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id), 
    CONSTRAINT space_building_id_fkey FOREIGN KEY(building_id) REFERENCES cim.building (id) ON DELETE SET NULL, 
    CONSTRAINT space_model_id_fkey FOREIGN KEY(model_id) REFERENCES cim.model (id) ON DELETE CASCADE, 
    CONSTRAINT space_storey_id_fkey FOREIGN KEY(storey_id) REFERENCES cim.storey (id) ON DELETE SET NULL
);

CREATE INDEX space_building_id_idx ON cim.space (building_id);

CREATE INDEX space_geom_3857_idx ON cim.space USING gist (geom_3857);

CREATE INDEX space_geom_idx ON cim.space USING gist (geom);

CREATE INDEX space_layer_id_idx ON cim.space (layer_id, id);

CREATE INDEX space_model_id_idx ON cim.space (model_id);

CREATE INDEX space_name_idx ON cim.space USING gin (name gin_trgm_ops);

CREATE INDEX space_storey_id_idx ON cim.space (storey_id);

CREATE TABLE cim.element (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL, 
    layer_id TEXT NOT NULL, 
    dataset_id BIGINT, 
    source_key TEXT NOT NULL, 
    cim_level SMALLINT CONSTRAINT element_cim_level_check CHECK (cim_level between 1 and 7), 
    name TEXT, 
    area_code TEXT, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash BYTEA, 
    valid_from TIMESTAMP WITH TIME ZONE, 
    valid_to TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    building_id BIGINT, 
    model_id BIGINT, 
    storey_id BIGINT, 
    space_id BIGINT, 
    global_id TEXT, 
    parent_global_id TEXT, 
    ifc_class TEXT NOT NULL, 
    predefined_type TEXT, 
    type_name TEXT, 
    tag TEXT, 
    system TEXT, 
    psets JSONB DEFAULT '{}'::jsonb NOT NULL, 
    quantities JSONB DEFAULT '{}'::jsonb NOT NULL, 
    materials JSONB DEFAULT '[]'::jsonb NOT NULL, 
    geometry_status TEXT DEFAULT 'none' NOT NULL, 
    kernel TEXT, 
    min_height_m DOUBLE PRECISION, 
    max_height_m DOUBLE PRECISION, 
    geom geometry(POLYGON,4490), 
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED, 
    CONSTRAINT element_pkey PRIMARY KEY (id), 
    CONSTRAINT element_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key), 
    CONSTRAINT element_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id), 
    CONSTRAINT element_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id), 
    CONSTRAINT element_building_id_fkey FOREIGN KEY(building_id) REFERENCES cim.building (id) ON DELETE SET NULL, 
    CONSTRAINT element_model_id_fkey FOREIGN KEY(model_id) REFERENCES cim.model (id) ON DELETE CASCADE, 
    CONSTRAINT element_storey_id_fkey FOREIGN KEY(storey_id) REFERENCES cim.storey (id) ON DELETE SET NULL, 
    CONSTRAINT element_space_id_fkey FOREIGN KEY(space_id) REFERENCES cim.space (id) ON DELETE SET NULL
);

CREATE INDEX element_building_id_idx ON cim.element (building_id);

CREATE INDEX element_geom_3857_idx ON cim.element USING gist (geom_3857);

CREATE INDEX element_geom_idx ON cim.element USING gist (geom);

CREATE INDEX element_global_id_idx ON cim.element (global_id);

CREATE INDEX element_ifc_class_idx ON cim.element (ifc_class);

CREATE INDEX element_layer_id_idx ON cim.element (layer_id, id);

CREATE INDEX element_model_id_idx ON cim.element (model_id);

CREATE INDEX element_name_idx ON cim.element USING gin (name gin_trgm_ops);

CREATE INDEX element_space_id_idx ON cim.element (space_id);

CREATE INDEX element_storey_id_idx ON cim.element (storey_id);

CREATE TABLE cim.event (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL, 
    layer_id TEXT NOT NULL, 
    dataset_id BIGINT, 
    source_key TEXT NOT NULL, 
    cim_level SMALLINT CONSTRAINT event_cim_level_check CHECK (cim_level between 1 and 7), 
    name TEXT, 
    area_code TEXT, 
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL, 
    content_hash BYTEA, 
    valid_from TIMESTAMP WITH TIME ZONE, 
    valid_to TIMESTAMP WITH TIME ZONE, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    source TEXT NOT NULL, 
    type TEXT, 
    title TEXT, 
    description TEXT, 
    severity SMALLINT, 
    occurred_at TIMESTAMP WITH TIME ZONE, 
    state TEXT DEFAULT 'collect' NOT NULL, 
    address TEXT, 
    grid_cell_code TEXT, 
    building_id BIGINT, 
    storey_id BIGINT, 
    space_id BIGINT, 
    geom geometry(POINT,4490), 
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED, 
    CONSTRAINT event_pkey PRIMARY KEY (id), 
    CONSTRAINT event_source_source_key_key UNIQUE (source, source_key), 
    CONSTRAINT event_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key), 
    CONSTRAINT event_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id), 
    CONSTRAINT event_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id), 
    CONSTRAINT event_building_id_fkey FOREIGN KEY(building_id) REFERENCES cim.building (id) ON DELETE SET NULL, 
    CONSTRAINT event_storey_id_fkey FOREIGN KEY(storey_id) REFERENCES cim.storey (id) ON DELETE SET NULL, 
    CONSTRAINT event_space_id_fkey FOREIGN KEY(space_id) REFERENCES cim.space (id) ON DELETE SET NULL
);

CREATE INDEX event_building_id_idx ON cim.event (building_id);

CREATE INDEX event_geom_3857_idx ON cim.event USING gist (geom_3857);

CREATE INDEX event_geom_idx ON cim.event USING gist (geom);

CREATE INDEX event_layer_id_idx ON cim.event (layer_id, id);

CREATE INDEX event_name_idx ON cim.event USING gin (name gin_trgm_ops);

CREATE INDEX event_occurred_at_idx ON cim.event (occurred_at);

CREATE INDEX event_space_id_idx ON cim.event (space_id);

CREATE INDEX event_storey_id_idx ON cim.event (storey_id);

CREATE TABLE cim.event_log (
    id BIGINT GENERATED ALWAYS AS IDENTITY, 
    event_id BIGINT NOT NULL, 
    action TEXT NOT NULL, 
    actor TEXT, 
    detail JSONB DEFAULT '{}'::jsonb NOT NULL, 
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    CONSTRAINT event_log_pkey PRIMARY KEY (id), 
    CONSTRAINT event_log_event_id_fkey FOREIGN KEY(event_id) REFERENCES cim.event (id) ON DELETE CASCADE
);

CREATE INDEX event_log_event_id_idx ON cim.event_log (event_id);

-- observations outside of any month that has a partition of its own
CREATE TABLE cim.observation_default PARTITION OF cim.observation DEFAULT;

-- bodies are compressed or raw numbers already
ALTER TABLE cim.mesh ALTER COLUMN positions SET STORAGE EXTERNAL, ALTER COLUMN triangles SET STORAGE EXTERNAL;
