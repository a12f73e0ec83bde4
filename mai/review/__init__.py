"""The second agent: it judges what the first one proposes."""
