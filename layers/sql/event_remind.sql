-- events whose time has run out, once for each state
UPDATE cim.event SET reminded_at = now()
WHERE id IN (
    SELECT id FROM cim.event
    WHERE due_at < now() AND reminded_at IS NULL AND merged_into_id IS NULL AND state <> 'evaluate'
    ORDER BY due_at LIMIT 500 FOR UPDATE SKIP LOCKED)
RETURNING id, state, due_at
