-- where sources disagree by more than the field's tolerance; severity is the relative difference by weight
WITH compared AS (
    SELECT c.building_id, c.field, r.compare, r.absolute, r.relative, r.weight,
        jsonb_agg(jsonb_build_object('source_id', c.source_id, 'value', c.value) ORDER BY c.source_id) AS list,
        min(n.number) AS low, max(n.number) AS high, min(n.word) AS first, max(n.word) AS last,
        count(DISTINCT n.scheme) AS schemes
    FROM merge_won w
    JOIN merge_claim c ON c.building_id = w.building_id AND c.field = w.field
    JOIN (SELECT DISTINCT field, compare, absolute, relative, weight FROM merge_rule) r ON r.field = w.field
    CROSS JOIN LATERAL (SELECT
        CASE WHEN r.compare IN ('number', 'integer') THEN (c.value #>> '{}')::double precision END AS number,
        CASE WHEN r.compare IN ('text', 'code')
            THEN lower(regexp_replace(normalize(c.value #>> '{}', NFKC), '[-\s.,;!?()_/·、。#]', '', 'g')) END AS word,
        CASE WHEN r.compare = 'code' THEN translate(c.value #>> '{}', '0123456789', '') END AS scheme) n
    WHERE w.is_disputed AND r.compare <> 'none'
    GROUP BY c.building_id, c.field, r.compare, r.absolute, r.relative, r.weight
), judged AS (
    SELECT building_id, field, list, weight * CASE WHEN compare IN ('number', 'integer')
        THEN least((high - low) / nullif(greatest(abs(high), abs(low)), 0), 1)
        ELSE 1 - similarity(first, last) END AS severity
    FROM compared
    WHERE CASE
        WHEN compare IN ('number', 'integer')
            THEN high - low > greatest(absolute, relative * greatest(abs(high), abs(low)))
        WHEN compare = 'code' THEN first <> last AND schemes = 1
        ELSE first <> last END
), gone AS (
    DELETE FROM cim.conflict k USING merge_record m
    WHERE k.building_id = m.id
        AND NOT EXISTS (SELECT FROM judged j WHERE j.building_id = k.building_id AND j.field = k.field)
    RETURNING 1
), written AS (
    INSERT INTO cim.conflict AS k (building_id, field, claims, severity)
    SELECT building_id, field, list, round(greatest(severity, 0.01)::numeric, 4) FROM judged
    ON CONFLICT (building_id, field) DO UPDATE
    SET claims = excluded.claims, severity = excluded.severity, recorded_at = now()
    WHERE (k.claims, k.severity) IS DISTINCT FROM (excluded.claims, excluded.severity)
    RETURNING 1
)
SELECT (SELECT count(*) FROM gone) AS gone, (SELECT count(*) FROM written) AS written
