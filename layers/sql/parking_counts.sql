-- counts of free places, the newest of each car park; an older one than is known changes nothing
WITH said AS (
    SELECT DISTINCT ON (code) code, free, time
    FROM unnest(CAST(:code AS text[]), CAST(:free AS int[]), CAST(:time AS timestamptz[])) AS u (code, free, time)
    ORDER BY code, time DESC
)
UPDATE cim.parking p SET free = s.free, observed_at = s.time, recorded_at = now()
FROM said s
WHERE p.source_key = s.code AND (p.observed_at IS NULL OR s.time >= p.observed_at)
    AND (p.free, p.observed_at) IS DISTINCT FROM (s.free, s.time)
    AND (p.capacity IS NULL OR s.free <= p.capacity)
    AND (CAST(:area AS text) IS NULL OR p.area_code IS NULL OR starts_with(p.area_code, :area))
RETURNING p.source_key
