-- names that sound like a word, differ from it in one sign, or begin with it
SELECT f.n, p.name, p.how
FROM unnest(CAST(:n AS int[]), CAST(:kind AS text[]), CAST(:word AS text[]), CAST(:pinyin AS text[]),
            CAST(:initials AS text[]), CAST(:variants AS text[])) f (n, kind, word, pinyin, initials, variants),
LATERAL (
    (SELECT name, 'sound' AS how FROM cim.place_name
     WHERE kind = f.kind AND pinyin = f.pinyin LIMIT 6)
    UNION ALL
    (SELECT name, 'initials' FROM cim.place_name
     WHERE kind = f.kind AND initials = f.initials LIMIT 6)
    UNION ALL
    (SELECT name, 'one sign' FROM cim.place_name
     WHERE kind = f.kind AND variants && string_to_array(f.variants, E'\n')
       AND abs(char_length(name) - char_length(f.word)) <= 1 LIMIT 12)
    UNION ALL
    -- a range, for LIKE with a pattern from a table uses no index
    (SELECT name, 'short' FROM cim.place_name
     WHERE kind = f.kind AND char_length(f.word) >= 2 AND name ~>=~ f.word AND name ~<~ (f.word || chr(1114111))
     ORDER BY char_length(name), name LIMIT 6)
) p
