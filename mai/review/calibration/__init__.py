"""Measures once whether a model can tell good changes from bad ones, on changes of Mai's own."""
