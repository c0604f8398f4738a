-- every sensor of a register is a thing at a location (also the feature of interest) with one datastream, all of them with
-- the sensor's id; the procedure
-- and the observed property are one for each kind. What has changed in a register is renewed. Sensors whose datastream a
-- client made are left alone
WITH registered AS (
    SELECT s.*, coalesce(s.kind, 'reading') AS kind_name,
        coalesce(s.name, s.code, s.source_key) AS shown,
        jsonb_strip_nulls(jsonb_build_object('code', s.code, 'kind', s.kind, 'building_code', s.building_code,
            'expected_interval_s', s.expected_interval_s)) AS facts
    FROM cim.sensor s
    WHERE NOT EXISTS (SELECT FROM cim.datastream d WHERE d.id = s.id AND d.thing_id <> s.id)
), kinds AS (
    SELECT DISTINCT kind_name FROM registered
), procedures AS (
    INSERT INTO cim.procedure (name, description, encoding_type, metadata, kind)
    SELECT kind_name, kind_name, 'text/plain', to_jsonb(kind_name), kind_name FROM kinds
    ON CONFLICT (kind) DO UPDATE SET kind = excluded.kind RETURNING id, kind
), properties AS (
    INSERT INTO cim.observed_property (name, description, definition, kind)
    SELECT kind_name, kind_name, 'urn:cim:kind:' || kind_name, kind_name FROM kinds
    ON CONFLICT (kind) DO UPDATE SET kind = excluded.kind RETURNING id, kind
), things AS (
    INSERT INTO cim.thing AS t (id, name, description, properties, area_code, is_registered, building_id)
    SELECT id, shown, kind_name, facts, area_code, true, building_id FROM registered
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description,
        properties = excluded.properties, area_code = excluded.area_code, building_id = excluded.building_id,
        recorded_at = now()
        WHERE t.is_registered AND (t.name, t.properties, t.area_code, t.building_id)
            IS DISTINCT FROM (excluded.name, excluded.properties, excluded.area_code, excluded.building_id)
), locations AS (
    INSERT INTO cim.location AS t (id, name, description, encoding_type, location, area_code, is_registered, geom)
    SELECT id, shown, '', 'application/geo+json', ST_AsGeoJSON(geom, 8, 0)::jsonb, area_code, true, geom
    FROM registered WHERE geom IS NOT NULL
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, location = excluded.location, geom = excluded.geom,
        area_code = excluded.area_code, recorded_at = now()
        WHERE t.is_registered AND (t.name, t.location, t.area_code)
            IS DISTINCT FROM (excluded.name, excluded.location, excluded.area_code)
), placed AS (
    INSERT INTO cim.thing_location (thing_id, location_id)
    SELECT r.id, r.id FROM registered r
    WHERE r.geom IS NOT NULL AND NOT EXISTS (SELECT FROM cim.thing_location l WHERE l.thing_id = r.id)
    ON CONFLICT DO NOTHING
), features AS (
    INSERT INTO cim.feature_of_interest AS t (id, name, encoding_type, feature, area_code, geom)
    SELECT id, shown, 'application/geo+json', ST_AsGeoJSON(geom, 8, 0)::jsonb, area_code, geom
    FROM registered WHERE geom IS NOT NULL
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, feature = excluded.feature, geom = excluded.geom,
        area_code = excluded.area_code, recorded_at = now()
        WHERE (t.name, t.feature, t.area_code) IS DISTINCT FROM (excluded.name, excluded.feature, excluded.area_code)
)
INSERT INTO cim.datastream AS t (id, name, description, observation_type, unit_of_measurement, thing_id, procedure_id,
    observed_property_id, feature_of_interest_id)
SELECT r.id, r.shown, r.kind_name, 'http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement',
    jsonb_build_object('name', r.unit, 'symbol', r.unit, 'definition', NULL), r.id, p.id, o.id,
    CASE WHEN r.geom IS NOT NULL THEN r.id END
FROM registered r JOIN procedures p ON p.kind = r.kind_name JOIN properties o ON o.kind = r.kind_name
ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description,
    unit_of_measurement = excluded.unit_of_measurement, procedure_id = excluded.procedure_id,
    observed_property_id = excluded.observed_property_id, recorded_at = now()
    WHERE (t.name, t.unit_of_measurement, t.procedure_id, t.observed_property_id) IS DISTINCT FROM
        (excluded.name, excluded.unit_of_measurement, excluded.procedure_id, excluded.observed_property_id)
