CREATE TABLE cim.incident (
    id BIGINT DEFAULT nextval('cim.object_id_seq') NOT NULL,
    uuid UUID DEFAULT gen_random_uuid() NOT NULL,
    name TEXT NOT NULL,
    kind TEXT,
    state TEXT DEFAULT 'open' NOT NULL CONSTRAINT incident_state_check CHECK (state IN ('open', 'closed')),
    geom geometry(POINT,4490),
    area_code TEXT,
    note TEXT,
    opened_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    opened_by TEXT NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    closed_by TEXT,
    version INTEGER DEFAULT '1' NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT incident_pkey PRIMARY KEY (id),
    CONSTRAINT incident_uuid_key UNIQUE (uuid)
);

CREATE TABLE cim.incident_entry (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    incident_id BIGINT NOT NULL,
    uuid UUID DEFAULT gen_random_uuid() NOT NULL,
    kind TEXT NOT NULL CONSTRAINT incident_entry_kind_check
        CHECK (kind IN ('event', 'zone', 'analysis', 'note', 'unit', 'state')),
    ref TEXT,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    author TEXT,
    text TEXT,
    snapshot JSONB,
    corrects UUID,
    origin TEXT DEFAULT 'said' NOT NULL CONSTRAINT incident_entry_origin_check
        CHECK (origin IN ('said', 'log', 'additions', 'pack')),
    origin_key TEXT,
    area_code TEXT,
    visibility TEXT DEFAULT 'viewer' NOT NULL,
    CONSTRAINT incident_entry_pkey PRIMARY KEY (id),
    CONSTRAINT incident_entry_incident_id_uuid_key UNIQUE (incident_id, uuid),
    CONSTRAINT incident_entry_incident_id_fkey FOREIGN KEY(incident_id) REFERENCES cim.incident (id) ON DELETE CASCADE
);
CREATE INDEX incident_entry_at_idx ON cim.incident_entry (incident_id, at, id);
CREATE INDEX incident_entry_ref_idx ON cim.incident_entry (kind, ref) WHERE origin <> 'log';
CREATE UNIQUE INDEX incident_entry_origin_key_idx ON cim.incident_entry (incident_id, origin_key) WHERE origin = 'log';
CREATE INDEX incident_entry_corrects_idx ON cim.incident_entry (incident_id, corrects) WHERE corrects IS NOT NULL;

CREATE TABLE cim.incident_additions (
    hash BYTEA NOT NULL,
    incident_id BIGINT NOT NULL,
    author TEXT,
    report JSONB DEFAULT '{}'::jsonb NOT NULL,
    taken_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT incident_additions_pkey PRIMARY KEY (hash),
    CONSTRAINT incident_additions_incident_id_fkey FOREIGN KEY(incident_id) REFERENCES cim.incident (id)
        ON DELETE CASCADE
);
CREATE INDEX incident_additions_incident_id_idx ON cim.incident_additions (incident_id);

CREATE TABLE cim.incident_conflict (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    incident_id BIGINT NOT NULL,
    change UUID NOT NULL,
    subject TEXT NOT NULL,
    ref TEXT,
    author TEXT,
    base JSONB DEFAULT '{}'::jsonb NOT NULL,
    ours JSONB DEFAULT '{}'::jsonb NOT NULL,
    theirs JSONB DEFAULT '{}'::jsonb NOT NULL,
    state TEXT DEFAULT 'open' NOT NULL CONSTRAINT incident_conflict_state_check CHECK (state IN ('open', 'settled')),
    choice TEXT CONSTRAINT incident_conflict_choice_check CHECK (choice IN ('ours', 'theirs')),
    settled_by TEXT,
    settled_at TIMESTAMP WITH TIME ZONE,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT incident_conflict_pkey PRIMARY KEY (id),
    CONSTRAINT incident_conflict_incident_id_change_key UNIQUE (incident_id, change),
    CONSTRAINT incident_conflict_incident_id_fkey FOREIGN KEY(incident_id) REFERENCES cim.incident (id)
        ON DELETE CASCADE
);

-- Whoever writes entries announces it before reading the clock: a reader that then gets the lock for itself alone knows
-- that nothing recorded before is still on its way.
CREATE FUNCTION cim.incident_writing(incident_id bigint) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock_shared(hashtextextended('cim.incident:' || incident_id, 0))
$$;

CREATE FUNCTION cim.incident_told(told bigint) RETURNS void LANGUAGE sql AS $$
    SELECT pg_notify('cim_live', json_build_object('type', 'incident', 'incidents', json_build_array(
        json_strip_nulls(json_build_object('id', id, 'name', left(name, 120), 'kind', left(kind, 60), 'state', state,
            'version', version, 'area_code', area_code, 'lon', ST_X(geom), 'lat', ST_Y(geom)))))::text)
    FROM cim.incident WHERE id = told
$$;

-- What an event, a zone or a unit is like now, and who may know.
CREATE FUNCTION cim.incident_frozen(kind text, ref text)
RETURNS TABLE (snapshot jsonb, area_code text, visibility text) LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF kind = 'event' THEN
        RETURN QUERY SELECT jsonb_strip_nulls(jsonb_build_object('id', e.id, 'title', e.title, 'type', e.type,
            'type_code', e.type_code, 'severity', e.severity, 'state', e.state, 'source', e.source,
            'occurred_at', e.occurred_at, 'address', e.address, 'building_id', e.building_id,
            'storey_number', e.storey_number, 'responsible', e.responsible, 'merged_into_id', e.merged_into_id,
            'position', CASE WHEN e.geom IS NOT NULL THEN
                jsonb_build_array(round(ST_X(e.geom)::numeric, 9), round(ST_Y(e.geom)::numeric, 9)) END)),
            e.area_code, l.visibility
        FROM cim.event e JOIN cim.layer l ON l.id = e.layer_id WHERE e.id = ref::bigint;
    ELSIF kind = 'zone' THEN
        RETURN QUERY SELECT jsonb_strip_nulls(jsonb_build_object('id', z.id, 'name', z.name, 'kind', z.kind,
            'version', z.version, 'author', z.author, 'area_m2', round(z.area_m2::numeric, 1),
            'note', z.attributes ->> 'note', 'simplified', CASE WHEN ST_NPoints(z.geom) > 5000 THEN true END,
            'geometry', ST_AsGeoJSON(CASE WHEN ST_NPoints(z.geom) > 5000
                THEN ST_SimplifyPreserveTopology(z.geom, 1e-5) ELSE z.geom END, 9)::jsonb)),
            z.area_code, l.visibility
        FROM cim.zone z JOIN cim.layer l ON l.id = z.layer_id WHERE z.id = ref::bigint;
    ELSIF kind = 'unit' THEN
        RETURN QUERY SELECT jsonb_strip_nulls(jsonb_build_object('id', u.id, 'code', u.code, 'name', u.name,
            'kind', u.kind, 'owner', u.owner, 'state', u.state, 'time', p.time, 'height_m', p.height_m,
            'speed_m_s', p.speed_m_s, 'heading_deg', p.heading_deg,
            'position', CASE WHEN p.geom IS NOT NULL THEN
                jsonb_build_array(round(ST_X(p.geom)::numeric, 9), round(ST_Y(p.geom)::numeric, 9)) END)),
            coalesce(u.area_code, p.area_code), 'planner'::text
        FROM cim.mobile_unit u LEFT JOIN cim.last_position p ON p.unit_id = u.id WHERE u.code = ref;
    END IF;
END $$;

-- Open incidents that somebody gathered something into, and did not take back; ids of another house mean nothing here.
CREATE FUNCTION cim.incident_gathered(what text, wanted text) RETURNS SETOF bigint LANGUAGE sql STABLE AS $$
    SELECT DISTINCT e.incident_id
    FROM cim.incident_entry e JOIN cim.incident i ON i.id = e.incident_id AND i.state = 'open'
    WHERE e.kind = what AND e.ref = wanted AND e.origin NOT IN ('log', 'pack') AND NOT EXISTS (
        SELECT FROM cim.incident_entry c
        WHERE c.incident_id = e.incident_id AND c.corrects = e.uuid AND (c.kind <> e.kind OR c.ref IS DISTINCT FROM e.ref))
    ORDER BY 1
$$;

CREATE FUNCTION cim.incident_followed(into_id bigint, what text, wanted text, key text, at timestamptz, author text,
    action text, detail jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cim.incident_writing(into_id);
    INSERT INTO cim.incident_entry (incident_id, kind, ref, at, recorded_at, author, text, snapshot, origin, origin_key,
        area_code, visibility)
    SELECT into_id, what, wanted, followed.at, clock_timestamp(), followed.author, followed.action,
        coalesce(f.snapshot, '{}'::jsonb) || jsonb_build_object('step', followed.detail), 'log', key,
        coalesce(f.area_code, before.area_code), coalesce(f.visibility, before.visibility, 'admin')
    FROM (SELECT incident_followed.at, incident_followed.author, incident_followed.action, incident_followed.detail)
        AS followed
    LEFT JOIN cim.incident_frozen(what, wanted) f ON true
    -- what is gone stays as visible as it was
    LEFT JOIN LATERAL (SELECT e.area_code, e.visibility FROM cim.incident_entry e
        WHERE e.incident_id = into_id AND e.kind = what AND e.ref = wanted AND e.origin <> 'log'
        ORDER BY e.id DESC LIMIT 1) before ON true
    ON CONFLICT DO NOTHING;
    PERFORM cim.incident_told(into_id);
END $$;

CREATE FUNCTION cim.incident_follow_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM new_steps s JOIN cim.incident_entry e
            ON e.kind = 'event' AND e.ref = s.event_id::text AND e.origin <> 'log') THEN
        PERFORM cim.incident_followed(i, 'event', s.event_id::text, 'event_log:' || s.id, s.recorded_at, s.actor,
            s.action, s.detail)
        FROM (SELECT * FROM new_steps ORDER BY id) s, cim.incident_gathered('event', s.event_id::text) i;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER incident_follow AFTER INSERT ON cim.event_log REFERENCING NEW TABLE AS new_steps
    FOR EACH STATEMENT EXECUTE FUNCTION cim.incident_follow_events();

CREATE FUNCTION cim.incident_follow_zones() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM new_steps s JOIN cim.incident_entry e
            ON e.kind = 'zone' AND e.ref = s.zone_id::text AND e.origin <> 'log') THEN
        PERFORM cim.incident_followed(i, 'zone', s.zone_id::text, 'zone_log:' || s.id, s.recorded_at, s.author,
            s.action, jsonb_build_object('hash', encode(s.hash, 'hex'), 'version', s.entry -> 'version'))
        FROM (SELECT * FROM new_steps ORDER BY id) s, cim.incident_gathered('zone', s.zone_id::text) i;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER incident_follow AFTER INSERT ON cim.zone_log REFERENCING NEW TABLE AS new_steps
    FOR EACH STATEMENT EXECUTE FUNCTION cim.incident_follow_zones();

CREATE FUNCTION cim.incident_entry_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries of an incident are only ever added' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER incident_entry_stays BEFORE UPDATE ON cim.incident_entry
    FOR EACH STATEMENT EXECUTE FUNCTION cim.incident_entry_stays();
