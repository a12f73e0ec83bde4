"""What tests of ordinary projects take for granted; `checks.py` runs inside the sandbox only."""
