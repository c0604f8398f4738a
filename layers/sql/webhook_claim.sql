-- deliveries that are due, leased to whoever sends them now; of one webhook only so many at a time, so that one that hangs
-- keeps none of the others waiting
WITH busy AS (
    SELECT webhook_id, count(*) AS held FROM cim.webhook_delivery
    WHERE state = 'waiting' AND leased_until > now() GROUP BY webhook_id),
due AS (
    SELECT d.id, row_number() OVER (PARTITION BY d.webhook_id ORDER BY d.due_at, d.id) + coalesce(b.held, 0) AS place, d.due_at
    FROM cim.webhook w
    CROSS JOIN LATERAL (
        SELECT q.id, q.webhook_id, q.due_at FROM cim.webhook_delivery q
        WHERE q.webhook_id = w.id AND q.state = 'waiting' AND q.due_at <= now()
            AND (q.leased_until IS NULL OR q.leased_until <= now())
        ORDER BY q.due_at, q.id LIMIT :each) d
    LEFT JOIN busy b ON b.webhook_id = d.webhook_id),
taken AS (
    SELECT d.id FROM cim.webhook_delivery d
    WHERE d.id IN (SELECT id FROM due WHERE place <= :each ORDER BY due_at, id LIMIT :most)
        -- somebody else may have taken it meanwhile
        AND d.state = 'waiting' AND (d.leased_until IS NULL OR d.leased_until <= now())
    ORDER BY d.id FOR UPDATE SKIP LOCKED)
UPDATE cim.webhook_delivery d
SET leased_until = now() + make_interval(secs => :lease_s), attempts = d.attempts + 1
FROM taken t, cim.webhook w
WHERE d.id = t.id AND w.id = d.webhook_id
RETURNING d.id, d.key, d.webhook_id, d.step, d.body, d.created_at, d.attempts, w.url, w.secret
