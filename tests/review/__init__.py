"""Tests of the second agent."""
