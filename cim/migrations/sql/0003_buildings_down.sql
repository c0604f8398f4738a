ALTER TABLE building_source DROP COLUMN lod2_surfaces;
ALTER TABLE building_source DROP COLUMN lod2;
