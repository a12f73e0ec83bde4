"""What Mai remembers of one repo: what was said, decided and refused. Nothing here decides."""
