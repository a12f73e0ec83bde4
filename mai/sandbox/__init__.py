"""The sandbox: the one place where code that a model wrote may run."""
