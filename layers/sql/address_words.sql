-- names that equal one of the forms of a word: n numbers the form, kind is that of the word
SELECT f.n, p.name
FROM unnest(CAST(:n AS int[]), CAST(:kind AS text[]), CAST(:form AS text[])) f (n, kind, form)
JOIN cim.place_name p ON p.kind = f.kind AND p.name = f.form
