-- names that equal one of the forms of a word: n numbers the word, kind its kind, form what may be the name
SELECT f.n, p.name, f.how
FROM unnest(CAST(:n AS int[]), CAST(:kind AS text[]), CAST(:form AS text[]), CAST(:how AS text[])) f (n, kind, form, how)
JOIN cim.place_name p ON p.kind = f.kind AND p.name = f.form
