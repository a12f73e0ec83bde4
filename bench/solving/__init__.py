"""Small tasks: what a plain prompt, Mai with the same model, and search alone make of them."""
