"""People at the terminal: the console. Importing this package loads no screen."""
