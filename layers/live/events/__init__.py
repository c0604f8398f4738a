"""Events: taken in, located, given to who answers for them, timed, joined with their duplicates, told."""
