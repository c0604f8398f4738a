-- What a new report may be another report of: in a storm most events at a place are parts of others, and over the years most
-- are closed; neither is looked at again by who looks for the same event.
CREATE INDEX event_open_geom_idx ON cim.event USING gist (geom)
    WHERE merged_into_id IS NULL AND state IN ('collect', 'file', 'dispatch', 'handle', 'feedback');
