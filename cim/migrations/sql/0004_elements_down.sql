DROP TRIGGER tally_insert ON element;
DROP TRIGGER tally_update ON element;
DROP TRIGGER tally_delete ON element;
DROP TRIGGER tally_truncate ON element;
DROP FUNCTION cim.tally_elements();
DROP FUNCTION cim.element_tallies(bigint[]);
DROP TABLE element_tally;
DROP INDEX element_model_id_idx;
CREATE INDEX element_model_id_idx ON element (model_id);
