"""Small tasks: what a plain prompt, Mai with that model, and search alone make of them."""
