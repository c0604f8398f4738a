"""Buildings: evidence matched, one merged record each, its conflicts and its dossier."""
