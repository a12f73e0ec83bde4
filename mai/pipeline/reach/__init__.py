"""Which tests can see a change: by imports and names in the trees, and by what runs loaded."""
