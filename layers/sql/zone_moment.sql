-- now, or just before the oldest transaction of this database that writes and has not ended
SELECT least(now(), min(a.xact_start) - interval '1 microsecond')
FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.backend_xid IS NOT NULL AND a.pid <> pg_backend_pid()
