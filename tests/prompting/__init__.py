"""Tests of outlines and of the map of a repo."""
