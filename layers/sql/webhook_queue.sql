-- deliveries of events that have changed, to the webhooks that ask for such; what is told is the event as it is now, and the
-- last step of its log
INSERT INTO cim.webhook_delivery (webhook_id, event_id, step, body)
SELECT w.id, e.id, s.action, jsonb_build_object(
    'id', e.id, 'source', e.source, 'source_key', e.source_key, 'type_code', e.type_code, 'type', e.type,
    'title', e.title, 'description', left(e.description, 2000), 'severity', e.severity, 'state', e.state,
    'occurred_at', e.occurred_at, 'state_since', e.state_since, 'due_at', e.due_at,
    'is_overdue', coalesce(e.due_at < now(), false), 'address', e.address, 'area_code', e.area_code,
    'grid_cell_code', e.grid_cell_code, 'building_id', e.building_id, 'storey_number', e.storey_number, 'room', e.room,
    'longitude', ST_X(e.geom), 'latitude', ST_Y(e.geom), 'responsible', e.responsible,
    'merged_into_id', e.merged_into_id)
FROM cim.event e
JOIN LATERAL (
    SELECT coalesce((SELECT l.action FROM cim.event_log l WHERE l.event_id = e.id ORDER BY l.id DESC LIMIT 1), e.state)
        AS action) s ON true
JOIN cim.webhook w ON
    (w.types = '{}' OR EXISTS (SELECT FROM unnest(w.types) t (code) WHERE starts_with(e.type_code, t.code)))
    AND (w.steps = '{}' OR s.action = ANY (w.steps))
    AND (w.severity IS NULL OR e.severity <= w.severity)
    -- as for readers: what has no area is everybody's
    AND (w.area_code IS NULL OR e.area_code IS NULL OR starts_with(e.area_code, w.area_code))
    AND (w.box IS NULL OR ST_Intersects(w.box, e.geom))
WHERE e.id = ANY (CAST(:ids AS bigint[]))
ORDER BY e.id, w.id
