DROP TRIGGER tally_insert ON unit;
DROP TRIGGER tally_update ON unit;
DROP TRIGGER tally_delete ON unit;
DROP TRIGGER tally_truncate ON unit;
DROP FUNCTION cim.tally_units();
DROP TABLE unit_tally;
