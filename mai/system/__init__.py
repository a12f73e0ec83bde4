"""The machine Mai runs on: its logs, its load, and whether everything it needs is there."""
