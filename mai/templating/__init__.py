"""How prompts are built, the reviewer's too: templates, what fits, fences around data."""
