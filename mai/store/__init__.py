"""What Mai remembers for good: the database, the ledger in it, and the inbox folded from it."""
