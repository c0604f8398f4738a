-- topology of networks: edges between nodes, findings, who serves which building; rivers in their order
ALTER TABLE pipe_node ADD COLUMN building_code TEXT;
ALTER TABLE pipe_node ADD COLUMN origin TEXT DEFAULT 'source' NOT NULL;
ALTER TABLE pipe ADD COLUMN kind TEXT;
ALTER TABLE pipe ADD COLUMN state TEXT;
ALTER TABLE pipe ADD COLUMN flow TEXT;
ALTER TABLE pipe ADD COLUMN direction TEXT;
ALTER TABLE pipe ADD COLUMN direction_source TEXT;
ALTER TABLE road_node ADD COLUMN origin TEXT DEFAULT 'source' NOT NULL;
ALTER TABLE river ADD COLUMN direction TEXT;
ALTER TABLE river ADD COLUMN direction_source TEXT;
ALTER TABLE river ADD COLUMN strahler SMALLINT;
ALTER TABLE river ADD COLUMN upper_height_m DOUBLE PRECISION;
ALTER TABLE river ADD COLUMN lower_height_m DOUBLE PRECISION;
ALTER TABLE water_work ADD COLUMN river_fraction DOUBLE PRECISION;
ALTER TABLE water_work ADD COLUMN river_distance_m DOUBLE PRECISION;
CREATE TABLE pipe_edge (
	id BIGINT GENERATED ALWAYS AS IDENTITY,
	network TEXT NOT NULL,
	pipe_id BIGINT NOT NULL,
	part SMALLINT NOT NULL,
	source_id BIGINT,
	target_id BIGINT,
	start_fraction DOUBLE PRECISION NOT NULL,
	end_fraction DOUBLE PRECISION NOT NULL,
	is_reversed BOOLEAN NOT NULL,
	length_m DOUBLE PRECISION NOT NULL,
	CONSTRAINT pipe_edge_pkey PRIMARY KEY (id),
	CONSTRAINT pipe_edge_pipe_id_fkey FOREIGN KEY(pipe_id) REFERENCES pipe (id) ON DELETE CASCADE,
	CONSTRAINT pipe_edge_source_id_fkey FOREIGN KEY(source_id) REFERENCES pipe_node (id) ON DELETE SET NULL,
	CONSTRAINT pipe_edge_target_id_fkey FOREIGN KEY(target_id) REFERENCES pipe_node (id) ON DELETE SET NULL
);
CREATE INDEX pipe_edge_network_idx ON pipe_edge (network, id);
CREATE INDEX pipe_edge_pipe_id_idx ON pipe_edge (pipe_id);
CREATE INDEX pipe_edge_source_id_idx ON pipe_edge (source_id);
CREATE INDEX pipe_edge_target_id_idx ON pipe_edge (target_id);
CREATE TABLE network_finding (
	id BIGINT GENERATED ALWAYS AS IDENTITY,
	network TEXT NOT NULL,
	kind TEXT NOT NULL,
	layer_id TEXT NOT NULL,
	object_id BIGINT NOT NULL,
	source_key TEXT NOT NULL,
	dataset_id BIGINT,
	detail TEXT NOT NULL,
	facts JSONB NOT NULL,
	geom geometry(POINT,4490),
	CONSTRAINT network_finding_pkey PRIMARY KEY (id)
);
CREATE INDEX network_finding_dataset_id_idx ON network_finding (dataset_id);
CREATE INDEX network_finding_network_idx ON network_finding (network, kind);
CREATE TABLE building_service (
	building_id BIGINT NOT NULL,
	network TEXT NOT NULL,
	pipe_id BIGINT,
	node_id BIGINT,
	rule TEXT NOT NULL,
	distance_m DOUBLE PRECISION NOT NULL,
	CONSTRAINT building_service_pkey PRIMARY KEY (building_id, network),
	CONSTRAINT building_service_building_id_fkey FOREIGN KEY(building_id) REFERENCES building (id) ON DELETE CASCADE,
	CONSTRAINT building_service_pipe_id_fkey FOREIGN KEY(pipe_id) REFERENCES pipe (id) ON DELETE CASCADE,
	CONSTRAINT building_service_node_id_fkey FOREIGN KEY(node_id) REFERENCES pipe_node (id) ON DELETE CASCADE
);
CREATE INDEX building_service_node_id_idx ON building_service (node_id);
CREATE INDEX building_service_pipe_id_idx ON building_service (pipe_id);
CREATE TABLE road_edge (
	id BIGINT GENERATED ALWAYS AS IDENTITY,
	road_id BIGINT NOT NULL,
	part SMALLINT NOT NULL,
	source BIGINT,
	target BIGINT,
	start_fraction DOUBLE PRECISION NOT NULL,
	end_fraction DOUBLE PRECISION NOT NULL,
	length_m DOUBLE PRECISION NOT NULL,
	speed_kmh DOUBLE PRECISION NOT NULL,
	cost DOUBLE PRECISION NOT NULL,
	reverse_cost DOUBLE PRECISION NOT NULL,
	CONSTRAINT road_edge_pkey PRIMARY KEY (id),
	CONSTRAINT road_edge_road_id_fkey FOREIGN KEY(road_id) REFERENCES road (id) ON DELETE CASCADE,
	CONSTRAINT road_edge_source_fkey FOREIGN KEY(source) REFERENCES road_node (id) ON DELETE SET NULL,
	CONSTRAINT road_edge_target_fkey FOREIGN KEY(target) REFERENCES road_node (id) ON DELETE SET NULL
);
CREATE INDEX road_edge_road_id_idx ON road_edge (road_id);
CREATE INDEX road_edge_source_idx ON road_edge (source);
CREATE INDEX road_edge_target_idx ON road_edge (target);
CREATE TABLE river_edge (
	id BIGINT GENERATED ALWAYS AS IDENTITY,
	river_id BIGINT NOT NULL,
	part SMALLINT NOT NULL,
	source_node INTEGER NOT NULL,
	target_node INTEGER NOT NULL,
	start_fraction DOUBLE PRECISION NOT NULL,
	end_fraction DOUBLE PRECISION NOT NULL,
	is_reversed BOOLEAN NOT NULL,
	strahler SMALLINT,
	length_m DOUBLE PRECISION NOT NULL,
	CONSTRAINT river_edge_pkey PRIMARY KEY (id),
	CONSTRAINT river_edge_river_id_fkey FOREIGN KEY(river_id) REFERENCES river (id) ON DELETE CASCADE
);
CREATE INDEX river_edge_river_id_idx ON river_edge (river_id);
CREATE TABLE river_bank (
	river_id BIGINT NOT NULL,
	side TEXT NOT NULL,
	method TEXT NOT NULL,
	geom geometry(MULTILINESTRING,4490) NOT NULL,
	length_m DOUBLE PRECISION NOT NULL,
	CONSTRAINT river_bank_pkey PRIMARY KEY (river_id, side),
	CONSTRAINT river_bank_river_id_fkey FOREIGN KEY(river_id) REFERENCES river (id) ON DELETE CASCADE
);
