"""Tests of the prompts and of what fits into them."""
