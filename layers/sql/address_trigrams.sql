-- names that share trigrams with a word, the most alike first
SELECT f.n, p.name, p.likeness
FROM unnest(CAST(:n AS int[]), CAST(:kind AS text[]), CAST(:word AS text[])) f (n, kind, word),
LATERAL (
    SELECT name, similarity(name, f.word) AS likeness FROM cim.place_name
    WHERE kind = f.kind AND name % f.word ORDER BY similarity(name, f.word) DESC, name LIMIT 4
) p
