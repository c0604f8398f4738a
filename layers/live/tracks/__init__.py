"""Tracks of mobile units: people, vehicles, drones, vessels and body terminals."""
