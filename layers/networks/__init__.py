"""Pipes and roads as connected networks."""
