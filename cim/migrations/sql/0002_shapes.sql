-- shapes by their content, so that a new version of a model computes only what is new in it
CREATE TABLE cim.shape (
    key bytea NOT NULL,
    status text NOT NULL,
    kernel text NOT NULL,
    mesh_hash bytea,
    record bytea,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT shape_pkey PRIMARY KEY (key),
    CONSTRAINT shape_mesh_hash_fkey FOREIGN KEY (mesh_hash) REFERENCES cim.mesh (hash) ON DELETE CASCADE
);
CREATE INDEX shape_mesh_hash_idx ON cim.shape (mesh_hash);

-- what is drawn of an element is part of its state: a wall whose opening moved has changed
ALTER TABLE cim.element ADD COLUMN drawing_hash text;
ALTER TABLE cim.space ADD COLUMN drawing_hash text;
