"""The digest: what a person is shown, as one hash that a yes is bound to."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Self

from mai.proposal import FileChange, Level, Proposal, ReviewReport, RiskReport, TrialReport, Verdict

#: Measured anew by each run, so a trial run again on the same tree must not void a yes for it. No
#: card shows them as evidence: durations, memory, and the end of what the tests printed, which
#: holds durations and addresses.
NOT_IN_DIGEST = frozenset({"seconds", "cpu_s", "peak_memory_bytes", "output"})


@dataclass(frozen=True, slots=True)
class Shown:
    """Exactly what a person is shown before a yes. Its digest is what the yes is bound to."""

    repo: str
    branch: str
    author: str
    title: str
    why: str
    diff: str
    files: tuple[FileChange, ...]
    risk: RiskReport
    trial: TrialReport
    review: ReviewReport
    rolls_back: str | None
    signing: str = ""

    @classmethod
    def of(cls, proposal: Proposal, diff: str, repo: str) -> Self:
        """Collect what `proposal` shows, with its `diff` against the branch's tip of `repo`."""
        return cls(
            repo,
            proposal.branch,
            proposal.author,
            proposal.title,
            proposal.why,
            diff,
            proposal.files,
            proposal.risk or RiskReport(Level.HIGH),
            proposal.trial or TrialReport(Verdict.ERROR),
            proposal.review or ReviewReport(),
            proposal.rolls_back,
            proposal.signing,
        )

    def digest(self) -> str:
        """Return `sha256:` and the hash over the canonical JSON of what is shown."""
        shown = asdict(self)
        for name in NOT_IN_DIGEST:
            del shown["trial"][name]
        if self.review.measured is None:
            del shown["review"]["measured"]  # as in the digests from before reviewers were measured
        return "sha256:" + hashlib.sha256(canonical_json(shown)).hexdigest()


def canonical_json(value: object) -> bytes:
    """Return `value` as the one JSON text that equal values share: sorted keys, no spaces, UTF-8.

    Lone surrogates, which cannot be UTF-8, are escaped rather than refused.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace")
