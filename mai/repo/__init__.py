"""The only room that touches the user's git: reading it, computing beside it, landing in it."""

from mai.repo.history import LandedCommit
from mai.repo.landing import LandingPlan, execute, prepare
from mai.repo.objects import Snapshot, TreeEntry
from mai.repo.repository import Repo

__all__ = ["LandedCommit", "LandingPlan", "Repo", "Snapshot", "TreeEntry", "execute", "prepare"]
