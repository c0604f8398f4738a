-- steps of events, in the order in which they happened; one parameter for all
INSERT INTO cim.event_log (event_id, action, actor, detail)
SELECT s.event_id, s.action, s.actor, s.detail
FROM jsonb_to_recordset(CAST(:steps AS jsonb))
    AS s (number int, event_id bigint, action text, actor text, detail jsonb)
ORDER BY s.number
