-- where sources disagree by more than the field's tolerance; severity is the relative difference by weight
WITH spoken AS (
    SELECT c.building_id, c.field, count(*) AS claims,
        jsonb_agg(jsonb_build_object('source_id', c.source_id, 'value', c.value) ORDER BY c.source_id) AS list
    FROM merge_claim c GROUP BY c.building_id, c.field
    HAVING count(*) > 1 AND min(c.value #>> '{}') <> max(c.value #>> '{}')
), compared AS (
    SELECT s.building_id, s.field, s.list, r.compare, r.absolute, r.relative, r.weight,
        min(n.number) AS low, max(n.number) AS high, min(n.word) AS first, max(n.word) AS last,
        count(DISTINCT n.scheme) AS schemes
    FROM spoken s
    JOIN (SELECT DISTINCT field, compare, absolute, relative, weight FROM merge_rule) r ON r.field = s.field
    JOIN merge_claim c ON c.building_id = s.building_id AND c.field = s.field
    CROSS JOIN LATERAL (SELECT
        CASE WHEN r.compare IN ('number', 'integer') THEN (c.value #>> '{}')::double precision END AS number,
        CASE WHEN r.compare NOT IN ('number', 'integer')
            THEN lower(regexp_replace(normalize(c.value #>> '{}', NFKC), '[-\s.,;!?()_/·、。#]', '', 'g')) END AS word,
        CASE WHEN r.compare = 'code'
            THEN regexp_replace(c.value #>> '{}', '[0-9]+', '#', 'g') END AS scheme) n
    GROUP BY s.building_id, s.field, s.list, r.compare, r.absolute, r.relative, r.weight
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
