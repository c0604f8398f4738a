-- what BIM models say: facilities, alignments, groups, links between objects, closed bodies of spaces

CREATE TABLE cim.facility (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL,
    layer_id TEXT NOT NULL,
    dataset_id BIGINT,
    source_key TEXT NOT NULL,
    cim_level SMALLINT CONSTRAINT facility_cim_level_check CHECK (cim_level between 1 and 7),
    name TEXT,
    area_code TEXT,
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL,
    content_hash BYTEA,
    valid_from TIMESTAMP WITH TIME ZONE,
    valid_to TIMESTAMP WITH TIME ZONE,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    model_id BIGINT,
    parent_id BIGINT,
    global_id TEXT,
    parent_global_id TEXT,
    long_name TEXT,
    ifc_class TEXT NOT NULL,
    predefined_type TEXT,
    element_count INTEGER DEFAULT '0' NOT NULL,
    min_height_m DOUBLE PRECISION,
    max_height_m DOUBLE PRECISION,
    psets JSONB DEFAULT '{}'::jsonb NOT NULL,
    quantities JSONB DEFAULT '{}'::jsonb NOT NULL,
    geom geometry(MULTIPOLYGON,4490),
    area_m2 DOUBLE PRECISION GENERATED ALWAYS AS (ST_Area(geom::geography)) STORED,
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED,
    CONSTRAINT facility_pkey PRIMARY KEY (id),
    CONSTRAINT facility_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key),
    CONSTRAINT facility_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id),
    CONSTRAINT facility_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id),
    CONSTRAINT facility_model_id_fkey FOREIGN KEY(model_id) REFERENCES cim.model (id) ON DELETE CASCADE,
    CONSTRAINT facility_parent_id_fkey FOREIGN KEY(parent_id) REFERENCES cim.facility (id) ON DELETE SET NULL
);

CREATE INDEX facility_geom_3857_idx ON cim.facility USING gist (geom_3857);

CREATE INDEX facility_geom_idx ON cim.facility USING gist (geom);

CREATE INDEX facility_layer_id_idx ON cim.facility (layer_id, id);

CREATE INDEX facility_model_id_idx ON cim.facility (model_id);

CREATE INDEX facility_name_idx ON cim.facility USING gin (name gin_trgm_ops);

CREATE INDEX facility_parent_id_idx ON cim.facility (parent_id);

CREATE TABLE cim.alignment (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL,
    layer_id TEXT NOT NULL,
    dataset_id BIGINT,
    source_key TEXT NOT NULL,
    cim_level SMALLINT CONSTRAINT alignment_cim_level_check CHECK (cim_level between 1 and 7),
    name TEXT,
    area_code TEXT,
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL,
    content_hash BYTEA,
    valid_from TIMESTAMP WITH TIME ZONE,
    valid_to TIMESTAMP WITH TIME ZONE,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    model_id BIGINT,
    facility_id BIGINT,
    global_id TEXT,
    predefined_type TEXT,
    start_station_m DOUBLE PRECISION,
    stated_length_m DOUBLE PRECISION,
    curve_length_m DOUBLE PRECISION,
    min_radius_m DOUBLE PRECISION,
    max_gradient DOUBLE PRECISION,
    psets JSONB DEFAULT '{}'::jsonb NOT NULL,
    quantities JSONB DEFAULT '{}'::jsonb NOT NULL,
    geom geometry(LINESTRINGZ,4490),
    length_m DOUBLE PRECISION GENERATED ALWAYS AS (ST_Length(geom::geography)) STORED,
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Force2D(ST_Transform(geom, 3857))) STORED,
    CONSTRAINT alignment_pkey PRIMARY KEY (id),
    CONSTRAINT alignment_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key),
    CONSTRAINT alignment_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id),
    CONSTRAINT alignment_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id),
    CONSTRAINT alignment_model_id_fkey FOREIGN KEY(model_id) REFERENCES cim.model (id) ON DELETE CASCADE,
    CONSTRAINT alignment_facility_id_fkey FOREIGN KEY(facility_id) REFERENCES cim.facility (id) ON DELETE SET NULL
);

CREATE INDEX alignment_facility_id_idx ON cim.alignment (facility_id);

CREATE INDEX alignment_geom_3857_idx ON cim.alignment USING gist (geom_3857);

CREATE INDEX alignment_geom_idx ON cim.alignment USING gist (geom);

CREATE INDEX alignment_layer_id_idx ON cim.alignment (layer_id, id);

CREATE INDEX alignment_model_id_idx ON cim.alignment (model_id);

CREATE INDEX alignment_name_idx ON cim.alignment USING gin (name gin_trgm_ops);

CREATE TABLE cim.element_group (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL,
    layer_id TEXT NOT NULL,
    dataset_id BIGINT,
    source_key TEXT NOT NULL,
    cim_level SMALLINT CONSTRAINT element_group_cim_level_check CHECK (cim_level between 1 and 7),
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
    long_name TEXT,
    ifc_class TEXT NOT NULL,
    predefined_type TEXT,
    member_count INTEGER DEFAULT '0' NOT NULL,
    psets JSONB DEFAULT '{}'::jsonb NOT NULL,
    quantities JSONB DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT element_group_pkey PRIMARY KEY (id),
    CONSTRAINT element_group_dataset_id_layer_id_source_key_key UNIQUE NULLS NOT DISTINCT (dataset_id, layer_id, source_key),
    CONSTRAINT element_group_layer_id_fkey FOREIGN KEY(layer_id) REFERENCES cim.layer (id),
    CONSTRAINT element_group_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES cim.dataset (id),
    CONSTRAINT element_group_building_id_fkey FOREIGN KEY(building_id) REFERENCES cim.building (id) ON DELETE SET NULL,
    CONSTRAINT element_group_model_id_fkey FOREIGN KEY(model_id) REFERENCES cim.model (id) ON DELETE CASCADE
);

CREATE INDEX element_group_building_id_idx ON cim.element_group (building_id);

CREATE INDEX element_group_layer_id_idx ON cim.element_group (layer_id, id);

CREATE INDEX element_group_model_id_idx ON cim.element_group (model_id);

CREATE INDEX element_group_name_idx ON cim.element_group USING gin (name gin_trgm_ops);

CREATE TABLE cim.object_link (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    model_id BIGINT NOT NULL,
    source_key TEXT NOT NULL,
    kind TEXT NOT NULL,
    from_id BIGINT NOT NULL,
    to_id BIGINT NOT NULL,
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT object_link_pkey PRIMARY KEY (id),
    CONSTRAINT object_link_model_id_source_key_key UNIQUE (model_id, source_key),
    CONSTRAINT object_link_model_id_fkey FOREIGN KEY(model_id) REFERENCES cim.model (id) ON DELETE CASCADE
);

CREATE INDEX object_link_from_id_idx ON cim.object_link (from_id, kind);

CREATE INDEX object_link_to_id_idx ON cim.object_link (to_id, kind);

ALTER TABLE cim.model ADD COLUMN value_types JSONB DEFAULT '{}'::jsonb NOT NULL;

ALTER TABLE cim.space ADD COLUMN solid geometry(POLYHEDRALSURFACEZ,4490);

ALTER TABLE cim.element ADD COLUMN facility_id BIGINT
    CONSTRAINT element_facility_id_fkey REFERENCES cim.facility (id) ON DELETE SET NULL;

CREATE INDEX element_facility_id_idx ON cim.element (facility_id);

CREATE TRIGGER record_update AFTER UPDATE ON cim.facility REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_delete AFTER DELETE ON cim.facility REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.alignment REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_delete AFTER DELETE ON cim.alignment REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_update AFTER UPDATE ON cim.element_group REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

CREATE TRIGGER record_delete AFTER DELETE ON cim.element_group REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cim.record_history();

-- every object of the city under its one id: what it was, and the new tables
DO $view$
BEGIN
    EXECUTE 'CREATE OR REPLACE VIEW cim.object AS ' || rtrim(pg_get_viewdef('cim.object'::regclass), ';') || $new$
UNION ALL
SELECT o.id, 'facility'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level,
    o.valid_from, o.valid_to, o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.facility o
UNION ALL
SELECT o.id, 'alignment'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level,
    o.valid_from, o.valid_to, o.recorded_at, o.attributes, o.geom::geometry AS geom FROM cim.alignment o
UNION ALL
SELECT o.id, 'element_group'::text AS table_name, o.layer_id, o.dataset_id, o.source_key, o.name, o.cim_level,
    o.valid_from, o.valid_to, o.recorded_at, o.attributes, NULL::geometry AS geom FROM cim.element_group o
$new$;
END
$view$;
