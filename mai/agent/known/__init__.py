"""Read an answer whose place is known: its code is the edit, whatever text surrounds it."""
