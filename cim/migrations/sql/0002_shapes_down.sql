ALTER TABLE cim.space DROP COLUMN drawing_hash;
ALTER TABLE cim.element DROP COLUMN drawing_hash;
DROP TABLE cim.shape;
