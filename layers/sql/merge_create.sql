-- every source of this kind that matches nothing makes a building
UPDATE merge_pending p
SET building_id = nextval('cim.object_id_seq'), score = 1, reason = '{"created": true}', is_new = true
WHERE p.kind = :kind AND p.building_id IS NULL
