CREATE TABLE cim.mobile_unit (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL,
    code TEXT NOT NULL,
    name TEXT,
    kind TEXT DEFAULT 'terminal' NOT NULL CONSTRAINT mobile_unit_kind_check CHECK (kind IN ('person', 'vehicle', 'drone', 'vessel', 'terminal')),
    owner TEXT,
    state TEXT,
    area_code TEXT,
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT mobile_unit_pkey PRIMARY KEY (id),
    CONSTRAINT mobile_unit_code_key UNIQUE (code)
);

CREATE TABLE cim.unit_position (
    unit_id BIGINT NOT NULL,
    time TIMESTAMP WITH TIME ZONE NOT NULL,
    geom geometry(POINT,4490) NOT NULL,
    height_m DOUBLE PRECISION,
    ellipsoid_height_m DOUBLE PRECISION,
    speed_m_s DOUBLE PRECISION,
    heading_deg DOUBLE PRECISION,
    accuracy_m DOUBLE PRECISION,
    area_code TEXT,
    CONSTRAINT unit_position_pkey PRIMARY KEY (unit_id, time),
    CONSTRAINT unit_position_unit_id_fkey FOREIGN KEY(unit_id) REFERENCES cim.mobile_unit (id) ON DELETE CASCADE
) PARTITION BY RANGE (time);

CREATE TABLE cim.last_position (
    unit_id BIGINT NOT NULL,
    time TIMESTAMP WITH TIME ZONE NOT NULL,
    stale_at TIMESTAMP WITH TIME ZONE NOT NULL,
    geom geometry(POINT,4490) NOT NULL,
    height_m DOUBLE PRECISION,
    ellipsoid_height_m DOUBLE PRECISION,
    speed_m_s DOUBLE PRECISION,
    heading_deg DOUBLE PRECISION,
    accuracy_m DOUBLE PRECISION,
    area_code TEXT,
    CONSTRAINT last_position_pkey PRIMARY KEY (unit_id),
    CONSTRAINT last_position_unit_id_fkey FOREIGN KEY(unit_id) REFERENCES cim.mobile_unit (id) ON DELETE CASCADE
);
CREATE INDEX last_position_geom_idx ON cim.last_position USING gist (geom);

-- ATTACH, as CREATE TABLE ... PARTITION OF would keep readers out
CREATE FUNCTION cim.add_position_day(day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text := 'unit_position_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF to_regclass('cim.' || name) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('cim.unit_position'));
    -- the table itself, as to_regclass may remember what was so before the wait
    IF EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'cim'::regnamespace AND c.relname = name) THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE cim.%I (LIKE cim.unit_position INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
    EXECUTE format('ALTER TABLE cim.unit_position ATTACH PARTITION cim.%I FOR VALUES FROM (%L) TO (%L)',
        name, day || ' 00:00:00+00', day + 1 || ' 00:00:00+00');
END $$;

CREATE FUNCTION cim.drop_position_days(before date) RETURNS integer LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE
    name text;
    dropped integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('cim.unit_position'));
    FOR name IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'cim.unit_position'::regclass AND to_date(right(c.relname, 8), 'YYYYMMDD') < before
    LOOP
        EXECUTE format('DROP TABLE cim.%I', name);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;
