"""Repair without a model: try many small edits against the failing tests, keep the likeliest."""
