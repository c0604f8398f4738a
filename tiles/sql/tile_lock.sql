-- those who keep tiles and the one who marks them exclude each other; what a crash takes is made again, so that nobody
-- waits for the disk
SELECT pg_advisory_xact_lock_shared(hashtext(:name)), set_config('synchronous_commit', 'off', true)
