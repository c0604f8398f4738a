-- pairs, by code or by place, of an unassigned source of one kind and a building, scored against the building's best source
WITH pair AS (
    SELECT p.id AS source_id, t.id AS other_id
    FROM merge_pending p JOIN cim.building_source t ON t.code = p.code
    WHERE CAST(:by_code AS boolean) AND p.kind = :kind AND p.building_id IS NULL AND (t.dataset_id <> p.dataset_id OR t.kind <> p.kind)
    UNION ALL
    SELECT p.id, t.id
    FROM merge_pending p JOIN cim.building_source t ON t.geom && p.geom
    WHERE NOT CAST(:by_code AS boolean) AND p.kind = :kind AND p.building_id IS NULL AND t.kind <> 'register'
        AND (t.dataset_id <> p.dataset_id OR t.kind <> p.kind)
), anchored AS MATERIALIZED (
    SELECT p.id, p.dataset_id, p.kind, p.code, p.scheme, p.name, p.height_m, p.area, p.geom AS p_geom,
        t.code AS t_code, t.kind AS t_kind, nullif(t.fields ->> 'name', '') AS t_name,
        coalesce(nullif(translate(t.code, '0123456789', ''), ''), length(t.code)::text) AS t_scheme,
        CASE WHEN jsonb_typeof(t.fields -> 'height_m') = 'number'
            THEN (t.fields ->> 'height_m')::double precision END AS t_height_m,
        -- its building as far as this run has decided
        CASE WHEN q.id IS NULL THEN t.building_id ELSE q.building_id END AS building_id,
        t.geom AS t_geom
    FROM pair
    JOIN merge_pending p ON p.id = pair.source_id
    JOIN cim.building_source t ON t.id = pair.other_id
    LEFT JOIN merge_pending q ON q.id = t.id
    WHERE CASE WHEN q.id IS NULL THEN t.building_id ELSE q.building_id END IS NOT NULL
), measured AS MATERIALIZED (
    SELECT *, ST_Area(t_geom) AS t_area,
        CASE WHEN kind <> 'register' AND t_kind <> 'register' AND p_geom && t_geom
            THEN ST_Area(ST_Intersection(
                CASE WHEN ST_IsValid(p_geom) THEN p_geom ELSE ST_MakeValid(p_geom) END,
                CASE WHEN ST_IsValid(t_geom) THEN t_geom ELSE ST_MakeValid(t_geom) END)) ELSE 0 END AS common,
        kind = 'register' AND t_kind <> 'register' AND p_geom && t_geom AND ST_Intersects(t_geom, p_geom) AS is_inside,
        -- an equal code some 300 m away is more likely a slip of the pen
        code = t_code AND NOT p_geom && t_geom AND ST_Distance(p_geom, t_geom) > 0.003 AS is_far
    FROM anchored
), evidence AS MATERIALIZED (
    SELECT id, dataset_id, building_id, kind, t_kind, is_inside, coalesce(is_far, false) AS is_far,
        coalesce(code = t_code, false) AS is_same_code,
        coalesce(code <> t_code AND scheme = t_scheme, false) AS is_other_code,
        CASE WHEN common > 0 THEN least(common / least(area, t_area), 1) ELSE 0 END AS overlap,
        CASE WHEN common > 0 THEN least(common / (area + t_area - common), 1) ELSE 0 END AS iou,
        CASE WHEN height_m > 0 AND t_height_m > 0
            THEN greatest(0, 1 - abs(height_m - t_height_m) / (0.25 * greatest(height_m, t_height_m))) END AS height,
        CASE WHEN name IS NOT NULL AND t_name IS NOT NULL THEN similarity(name, t_name) END AS name
    FROM measured
), scored AS (
    SELECT *, round((CASE WHEN is_other_code THEN 0.6 WHEN is_far THEN 0.7 ELSE 1 END * (1
        - (1 - CASE WHEN is_same_code THEN 0.9 ELSE 0 END)
        * (1 - 0.85 * CASE WHEN is_inside THEN 0.8 WHEN kind = 'footprint' AND t_kind = 'footprint' THEN iou
            ELSE 0.6 * overlap + 0.4 * iou END)
        * (1 - 0.2 * coalesce(height, 0)) * (1 - 0.3 * coalesce(name, 0))))::numeric, 4) AS score
    FROM evidence
    WHERE is_same_code OR is_inside OR overlap > 0
)
INSERT INTO merge_edge
SELECT DISTINCT ON (id, building_id) id, dataset_id, building_id, score, jsonb_strip_nulls(jsonb_build_object(
    'code', is_same_code, 'other_code', CASE WHEN is_other_code THEN true END,
    'far', CASE WHEN is_far THEN true END, 'overlap', CASE WHEN overlap > 0 THEN round(overlap::numeric, 4) END,
    'iou', CASE WHEN iou > 0 THEN round(iou::numeric, 4) END,
    'inside', CASE WHEN is_inside THEN true END,
    'height', round(height::numeric, 3), 'name', round(name::numeric, 3)))
FROM scored
WHERE score >= :threshold
ORDER BY id, building_id, score DESC
