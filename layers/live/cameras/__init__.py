"""Cameras: what they see of the ground and over it, who sees a place, and where nobody does."""
