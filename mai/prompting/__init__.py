"""Outlines of a repo: what a model is shown of files that do not fit whole."""
