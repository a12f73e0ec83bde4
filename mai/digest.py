"""The digest: what a person is shown, as one hash that a yes is bound to."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Self

from mai.proposal import Level, Proposal, ReviewReport, RiskReport, TrialReport, Verdict


@dataclass(frozen=True, slots=True)
class Shown:
    """Exactly what a person is shown before a yes. Its digest is what the yes is bound to."""

    branch: str
    title: str
    why: str
    diff: str
    risk: RiskReport
    trial: TrialReport
    review: ReviewReport

    @classmethod
    def of(cls, proposal: Proposal, diff: str) -> Self:
        """Collect what `proposal`, whose diff against the branch's tip is `diff`, shows."""
        return cls(
            proposal.branch,
            proposal.title,
            proposal.why,
            diff,
            proposal.risk or RiskReport(Level.HIGH),
            proposal.trial or TrialReport(Verdict.ERROR),
            proposal.review or ReviewReport(),
        )

    def digest(self) -> str:
        """Return `sha256:` and the hash over the canonical JSON of what is shown.

        Durations and counts are left out: a trial run again on the same tree must not void a yes.
        """
        trial = {name: getattr(self.trial, name) for name in _TRIAL_IN_DIGEST}
        shown = {
            "branch": self.branch,
            "title": self.title,
            "why": self.why,
            "diff": self.diff,
            "risk": asdict(self.risk),
            "trial": trial,
            "review": asdict(self.review),
        }
        return "sha256:" + hashlib.sha256(canonical_json(shown)).hexdigest()


_TRIAL_IN_DIGEST = ("verdict", "fixed", "broken", "missing", "changed")


def canonical_json(value: object) -> bytes:
    """Return `value` as the one JSON text that equal values share: sorted keys, no spaces, UTF-8.

    Lone surrogates, which cannot be UTF-8, are escaped rather than refused.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace")
