"""Incidents: what belongs to them on a timeline, replayed as it was known, and what comes back from the field."""
