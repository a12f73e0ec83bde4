"""Readers of the files in which Python projects name what they need. Nothing here is ever run."""
