"""Tests of what a repo's tests are."""
