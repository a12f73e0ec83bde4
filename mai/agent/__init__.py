"""The conversation, and how an idea of a model becomes a draft."""
