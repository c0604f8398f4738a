-- those who keep tiles and the one who marks them exclude each other
SELECT pg_advisory_xact_lock_shared(hashtext(:name))
