"""The work tree: what a landing would run over, and how its files and index are brought on."""
