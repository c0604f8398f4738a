DO $$
DECLARE
    used record;
BEGIN
    FOR used IN
        SELECT p.oid::regprocedure AS name FROM pg_proc p
        WHERE p.pronamespace = 'cim'::regnamespace AND p.proname ~ '^mark_(building_|terrain_|camera_|all_)?viewsheds'
    LOOP
        EXECUTE format('DROP FUNCTION %s CASCADE', used.name);
    END LOOP;
END
$$;
DROP TABLE camera_viewshed;
