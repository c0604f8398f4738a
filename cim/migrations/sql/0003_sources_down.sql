DROP TABLE repair;
ALTER TABLE layer DROP COLUMN accuracy_m;
ALTER TABLE layer DROP COLUMN crs;
ALTER TABLE layer DROP COLUMN data_date;
ALTER TABLE dataset DROP COLUMN recipes;
ALTER TABLE quarantine DROP COLUMN mended;
ALTER TABLE quarantine DROP COLUMN fingerprint;
ALTER TABLE quarantine DROP COLUMN crs;
