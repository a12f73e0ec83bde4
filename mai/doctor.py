"""Everything the doctor looks at, in the order it is shown in."""

from __future__ import annotations

from pathlib import Path

from mai.settings import Settings
from mai.store import checks as checks_store
from mai.system import checks_discord, checks_here, checks_reach, health
from mai.system.check import Check

CHECKERS: tuple[tuple[str, health.Checker], ...] = (
    ("python", checks_here.python),
    ("git", checks_here.git),
    ("repository", checks_here.repository),
    ("identity", checks_here.identity),
    ("engine", checks_reach.engine),
    ("sandbox image", checks_reach.image),
    ("database", checks_store.database),
    ("ledger", checks_store.ledger),
    ("backup", checks_store.backup),
    ("disk", checks_here.disk),
    ("log", checks_here.log),
    ("ruff", checks_here.ruff),
    ("ollama", checks_reach.ollama),
    ("lm studio", checks_reach.lm_studio),
    ("discord", checks_discord.discord),
    ("machine", checks_here.machine),
)


def diagnose(settings: Settings, repo_dir: Path) -> list[Check]:
    """Return every check's outcome, in the order of the list above. Never raises."""
    return health.diagnose(settings, repo_dir, CHECKERS)
