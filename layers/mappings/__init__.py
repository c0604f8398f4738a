"""Which column of an owner's file is which column of the model: one TOML file a target layer.

Keys of a file: ``layer`` (target), ``geometry`` (families that it takes; ``none`` for registers without coordinates),
``names`` (words in the name of a file or of its layer), ``signature`` (columns of the model whose presence tells this
layer; ``enough`` of them do so without a word in a name), ``key`` (names of the column that identifies a row),
``weak_key`` (the same, where the column turns out to be unique), ``columns`` (column of the model -> names in files),
``values`` (column -> value in files -> value in the model), ``from_name`` (column -> value -> words in the file's
name that say it), ``defaults`` (column -> value; ``@title`` is the name of the file's layer), ``mean`` (column ->
columns whose mean it is where it is missing), ``area_code`` (the column and how many of its digits), ``cim_level``,
``source`` (the format that the file speaks of: epanet, swmm, citymodel; without it tables of any kind), ``needs``
(columns by which the files of one program are known for certain), ``units`` (column -> unit where the file says none).
Names are compared without case, blanks, underscores and what stands in brackets; a unit in brackets is converted.
"""
