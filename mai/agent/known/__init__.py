"""Reading an answer whose place is known: the code alone is the answer, whatever is around it."""
