"""Tests of the prompts and what fits into them."""
