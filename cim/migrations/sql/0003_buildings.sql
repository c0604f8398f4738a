-- boundary surfaces of city models, with the source that says them
ALTER TABLE building_source ADD COLUMN lod2 geometry(MultiPolygonZ, 4490);
ALTER TABLE building_source ADD COLUMN lod2_surfaces text;
