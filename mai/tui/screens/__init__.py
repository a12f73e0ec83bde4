"""Screens of the console that show no proposal."""
