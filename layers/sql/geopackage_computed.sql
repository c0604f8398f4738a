-- SQLite: what of a GeoPackage is computed as it is read; its indexes of space are virtual tables and are let pass
SELECT m.name FROM sqlite_master m
WHERE m.type = 'view' OR (m.sql LIKE 'CREATE VIRTUAL%' AND m.sql NOT LIKE '% USING rtree(%')
UNION ALL
SELECT m.name FROM sqlite_master m, pragma_table_xinfo(m.name) c
WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%' AND c.hidden > 1
