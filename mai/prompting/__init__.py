"""Turning what Mai knows into a prompt that fits, in which what others wrote stays data."""
