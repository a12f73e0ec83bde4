"""Tries many edits of one tree in one container: imports once, then forks for each edit."""
