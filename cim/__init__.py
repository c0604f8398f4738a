"""The city model: tables, coordinates, identifiers, settings, database, provenance, jobs and the ``cim`` command."""
