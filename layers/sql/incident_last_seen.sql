-- of each thing in an incident what was last known of it at :until; what was taken back by a correction is left out
WITH known AS (
    SELECT * FROM cim.incident_entry WHERE incident_id = :incident_id AND recorded_at <= :until AND kind <> 'state'),
own AS (
    SELECT e.kind, e.ref, e.uuid FROM known e
    WHERE e.origin <> 'log' AND NOT EXISTS (
        SELECT FROM known c
        WHERE c.corrects = e.uuid AND (e.kind = 'note' OR c.kind <> e.kind OR c.ref IS DISTINCT FROM e.ref)))
SELECT DISTINCT ON (e.kind, coalesce(e.ref, CAST(e.uuid AS text)))
    e.*, (SELECT array_agg(c.uuid ORDER BY c.id) FROM known c WHERE c.corrects = e.uuid) AS corrected_by
FROM known e
WHERE e.visibility = ANY (:levels) AND (e.area_code IS NULL OR starts_with(e.area_code, :area))
    AND (e.snapshot ? 'id' OR e.kind IN ('note', 'analysis'))
    AND EXISTS (
        SELECT FROM own o
        WHERE o.kind = e.kind AND o.ref IS NOT DISTINCT FROM e.ref AND (o.ref IS NOT NULL OR o.uuid = e.uuid))
ORDER BY e.kind, coalesce(e.ref, CAST(e.uuid AS text)), e.id DESC
LIMIT :most
