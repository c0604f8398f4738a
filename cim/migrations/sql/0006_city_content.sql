CREATE TABLE city_content (
    layer_id text NOT NULL REFERENCES layer (id) ON DELETE CASCADE,
    drawing text NOT NULL,
    level smallint NOT NULL,
    x integer NOT NULL,
    y integer NOT NULL,
    state bytea NOT NULL,
    body bytea,
    built_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (layer_id, drawing, level, x, y)
);
-- gzip does not shrink any further
ALTER TABLE city_content ALTER COLUMN body SET STORAGE EXTERNAL;
