-- whether any source that has a building could be met by place
SELECT EXISTS (
    SELECT FROM cim.building_source t LEFT JOIN merge_pending q ON q.id = t.id
    WHERE t.kind <> 'register' AND CASE WHEN q.id IS NULL THEN t.building_id ELSE q.building_id END IS NOT NULL
)
