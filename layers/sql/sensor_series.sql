-- readings of one sensor in buckets of time, from ``begins`` on
SELECT date_bin(:width, o.phenomenon_time, :begins) AS time, min(o.value) AS least, max(o.value) AS greatest,
    avg(o.value) AS mean, count(*) AS count
FROM cim.observation o
WHERE o.sensor_id = :sensor AND o.phenomenon_time >= :begins AND o.phenomenon_time < :ends AND o.value IS NOT NULL
GROUP BY 1 ORDER BY 1
