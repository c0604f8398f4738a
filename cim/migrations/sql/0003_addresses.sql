-- addresses of buildings taken apart, and names with their pinyin
CREATE TABLE cim.address (
	building_id BIGINT NOT NULL REFERENCES cim.building (id) ON DELETE CASCADE,
	said TEXT NOT NULL,
	district TEXT,
	street TEXT,
	community TEXT,
	road TEXT,
	number TEXT,
	estate TEXT,
	block TEXT,
	PRIMARY KEY (building_id)
);
CREATE INDEX address_road_idx ON cim.address (road, number);
CREATE INDEX address_estate_idx ON cim.address (estate, block);

CREATE TABLE cim.place_name (
	kind TEXT NOT NULL,
	name TEXT NOT NULL,
	pinyin TEXT NOT NULL,
	initials TEXT NOT NULL,
	variants TEXT[] NOT NULL,
	PRIMARY KEY (kind, name)
);
CREATE INDEX place_name_variants_idx ON cim.place_name USING gin (variants);
CREATE INDEX place_name_alike_idx ON cim.place_name USING gin (name gin_trgm_ops);
CREATE INDEX place_name_name_idx ON cim.place_name (name text_pattern_ops);
CREATE INDEX place_name_pinyin_idx ON cim.place_name (pinyin text_pattern_ops);
CREATE INDEX place_name_initials_idx ON cim.place_name (initials text_pattern_ops);
