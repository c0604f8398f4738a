-- what importers keep of rows that were rejected or repaired, and what the catalogue says of a layer as a whole
ALTER TABLE quarantine ADD COLUMN crs text;
ALTER TABLE quarantine ADD COLUMN fingerprint text;
ALTER TABLE quarantine ADD COLUMN mended jsonb;
ALTER TABLE dataset ADD COLUMN recipes jsonb DEFAULT '{}'::jsonb NOT NULL;
ALTER TABLE layer ADD COLUMN data_date date;
ALTER TABLE layer ADD COLUMN crs text;
ALTER TABLE layer ADD COLUMN accuracy_m double precision;
CREATE TABLE repair (
    id bigint GENERATED ALWAYS AS IDENTITY,
    dataset_id bigint NOT NULL,
    layer_id text NOT NULL,
    layer_name text,
    place text NOT NULL,
    source_key text NOT NULL,
    kind text NOT NULL,
    CONSTRAINT repair_pkey PRIMARY KEY (id),
    CONSTRAINT repair_dataset_id_fkey FOREIGN KEY (dataset_id) REFERENCES dataset (id) ON DELETE CASCADE
);
CREATE INDEX repair_dataset_id_idx ON repair (dataset_id);
