-- names that sound like a word, differ from it in one sign, begin with it, or share most of its trigrams
SELECT f.n, p.name, p.how, p.likeness
FROM unnest(CAST(:n AS int[]), CAST(:kind AS text[]), CAST(:word AS text[]), CAST(:pinyin AS text[]),
            CAST(:initials AS text[]), CAST(:pattern AS text[]), CAST(:variants AS text[]))
     f (n, kind, word, pinyin, initials, pattern, variants),
LATERAL (
    (SELECT name, 'sound' AS how, 1.0 AS likeness FROM cim.place_name
     WHERE kind = f.kind AND pinyin = f.pinyin LIMIT 6)
    UNION ALL
    (SELECT name, 'initials', 1.0 FROM cim.place_name
     WHERE kind = f.kind AND initials = f.initials LIMIT 6)
    UNION ALL
    (SELECT name, 'one sign', 1.0 FROM cim.place_name
     WHERE kind = f.kind AND variants && string_to_array(f.variants, E'\n')
       AND abs(char_length(name) - char_length(f.word)) <= 1 LIMIT 12)
    UNION ALL
    (SELECT name, 'short', 1.0 FROM cim.place_name
     WHERE kind = f.kind AND f.pattern <> '' AND name LIKE f.pattern ORDER BY char_length(name), name LIMIT 6)
    UNION ALL
    (SELECT name, 'alike', similarity(name, f.word) FROM cim.place_name
     WHERE kind = f.kind AND char_length(f.word) >= 4 AND name % f.word ORDER BY similarity(name, f.word) DESC LIMIT 4)
) p
