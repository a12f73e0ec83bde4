"""The database, the ledger and the inbox."""
