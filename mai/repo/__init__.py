"""The only room that touches the user's git: reading it, computing beside it, landing in it."""

from mai.repo.objects import Snapshot, TreeEntry
from mai.repo.repository import Repo

__all__ = ["Repo", "Snapshot", "TreeEntry"]
