"""The proposal object of `--json`: the same keys always, with or without a proposal."""

from __future__ import annotations

import json
from typing import Any

from mai.events import Event, ProposalChanged
from mai.proposal import Proposal
from mai.store.codec import encode_json

_KEYS = (
    "id",
    "state",
    "title",
    "base",
    "commit",
    "digest",
    "files",
    "risk",
    "trial",
    "review",
    "approval",
    "landed",
    "error",
)


def proposal_json(proposal: Proposal) -> dict[str, Any]:
    """Return the object for `proposal`; the contract's keys first, then what else is known."""
    whole = json.loads(encode_json(proposal))
    first = {key: whole.pop(key) for key in _KEYS}
    return {**first, **whole}


def no_proposal() -> dict[str, Any]:
    """Return the object where there is no proposal: `id` null, `state` failed."""
    return {**dict.fromkeys(_KEYS), "state": "failed", "files": []}


class Seen:
    """Remembers the proposal a command works on, so that an error is told with its id and state."""

    def __init__(self) -> None:
        self.proposal: Proposal | None = None

    def __call__(self, event: Event) -> None:  # noqa: D102 - a listener
        if isinstance(event, ProposalChanged):
            self.proposal = event.proposal

    def as_json(self) -> dict[str, Any]:
        """Return the object for what was seen last."""
        return no_proposal() if self.proposal is None else proposal_json(self.proposal)
