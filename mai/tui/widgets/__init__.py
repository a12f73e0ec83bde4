"""What the console is drawn with, apart from proposals."""
