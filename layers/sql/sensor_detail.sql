-- what observations say beyond time and result; told again the later words count
INSERT INTO cim.observation_detail AS t (sensor_id, phenomenon_time, phenomenon_end, result_time, valid_from, valid_to,
    result_quality, parameters, feature_of_interest_id)
SELECT DISTINCT ON (u.sensor_id, u.phenomenon_time) u.sensor_id, u.phenomenon_time, u.phenomenon_end, u.result_time,
    u.valid_from, u.valid_to, u.result_quality, u.parameters, f.id
FROM unnest(CAST(:sensor AS bigint[]), CAST(:time AS timestamptz[]), CAST(:ends AS timestamptz[]),
    CAST(:result_time AS timestamptz[]), CAST(:valid_from AS timestamptz[]), CAST(:valid_to AS timestamptz[]),
    CAST(:quality AS jsonb[]), CAST(:parameters AS jsonb[]), CAST(:feature AS bigint[])) WITH ORDINALITY
    AS u (sensor_id, phenomenon_time, phenomenon_end, result_time, valid_from, valid_to, result_quality, parameters,
        feature_id, place)
LEFT JOIN cim.feature_of_interest f ON f.id = u.feature_id
ORDER BY u.sensor_id, u.phenomenon_time, u.place DESC
ON CONFLICT (sensor_id, phenomenon_time) DO UPDATE SET phenomenon_end = excluded.phenomenon_end,
    result_time = excluded.result_time, valid_from = excluded.valid_from, valid_to = excluded.valid_to,
    result_quality = excluded.result_quality, parameters = excluded.parameters,
    feature_of_interest_id = excluded.feature_of_interest_id
