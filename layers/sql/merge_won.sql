-- of each field of a building the place of the winner, and whether all say the same
INSERT INTO merge_won
SELECT building_id, field, min(place), count(*), min(value::text) <> max(value::text)
FROM merge_claim GROUP BY building_id, field
