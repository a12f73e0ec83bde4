"""The screens: the console, one proposal, the yes, a question, help."""
