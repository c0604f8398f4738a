DO $$
DECLARE
    used record;
BEGIN
    FOR used IN
        SELECT p.oid::regprocedure AS name FROM pg_proc p
        WHERE p.pronamespace = 'cim'::regnamespace AND p.proname ~ '^mark_(building_|layer_)?tiles'
    LOOP
        EXECUTE format('DROP FUNCTION %s CASCADE', used.name);
    END LOOP;
END
$$;
DROP TABLE overview_cell;
DROP TABLE tile_change;
DROP TABLE tile;
ALTER TABLE layer DROP COLUMN overview;
