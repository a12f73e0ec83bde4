"""Which files of a repo are its tests: the one definition, for everything that asks."""

from mai.suite.files import Files, Suite, read_many, unknown

__all__ = ["Files", "Suite", "read_many", "unknown"]
