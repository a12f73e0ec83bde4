"""What a terminal gets and a pipe does not: colours, lines that break at spaces, and a pager."""
