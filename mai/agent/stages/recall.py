"""What was said, decided and refused before that bears on the task."""

from __future__ import annotations

from dataclasses import replace

from mai.agent.task import Means, Work

MOST_MEMORIES = 6


def recall(work: Work, means: Means) -> Work:
    """Bring the memories that fit the task, best first. Asks no model."""
    return replace(work, memories=tuple(means.recall(work.task))[:MOST_MEMORIES])
