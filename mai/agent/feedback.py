"""What went wrong, in few words for whoever wrote it: the sentence, failing tests, nearest lines.

All of it is data: a test's name and what it printed were written by somebody else.
"""

from __future__ import annotations

from mai.agent.task import Fault
from mai.proposal import Proposal, State, TrialReport, Verdict
from mai.text import plain
from mai.words import label, said

MOST_CHARACTERS = 1_800
_MOST_TESTS = 8
#: How much more is looked at than is kept: escapes and the like are not counted.
_ROOM_TO_CLEAN = 10
_ITS_OWN = frozenset({Verdict.FAIL, Verdict.TIMEOUT, Verdict.OOM, Verdict.PIDS, Verdict.DISK})


def clipped(text: str, limit: int = MOST_CHARACTERS) -> str:
    """Return `text` plain and bounded: its beginning, and of what is long its end as well."""
    most = limit * _ROOM_TO_CLEAN
    if len(text) > 2 * most:
        # Cleaning a hundred megabytes takes minutes, and nearly all of it is dropped anyway.
        text = f"{text[:most]}\n{text[-most:]}"
    text = plain(text)
    if len(text) <= limit:
        return text
    head = limit // 3
    return f"{text[:head].rstrip()}\n[…]\n{text[-(limit - head) :].lstrip()}"


def fault_of(proposal: Proposal) -> Fault | None:
    """Return what the pipeline found wrong that another try may mend, else None.

    BLOCKED is no fault to be mended, and a base that does not fit its limits is not the change's.
    """
    if proposal.state is not State.FAILED or proposal.error is None:
        return None
    if proposal.error.code == "does-not-parse":
        return Fault("check", clipped(proposal.error.message))
    trial = proposal.trial
    if trial is None or trial.verdict not in _ITS_OWN or trial.message.startswith("The base's own"):
        return None
    return Fault("trial", _told(trial))


def _told(trial: TrialReport) -> str:
    lines = [f"The tests say {trial.verdict}."]
    for name in ("broken", "missing"):
        tests: tuple[str, ...] = getattr(trial, name)
        lines += [f"{name}: {label(test)}" for test in tests[:_MOST_TESTS]]
    if trial.message:
        lines.append(said(trial.message, 300))
    head = "\n".join(lines)
    tail = clipped(trial.output, max(0, MOST_CHARACTERS - len(head)))
    return f"{head}\nThe end of what they printed:\n{tail}" if tail.strip() else head
