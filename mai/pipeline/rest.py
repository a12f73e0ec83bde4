"""Run the tests that a trial left for later, before the change lands.

A person may be asked once those passed that can see the change. The others run meanwhile where a
process stays, and at the latest after the yes, which waits for them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace

from mai import crash
from mai.errors import Cancelled, Conflict, RepoBusy, TrialFailed
from mai.events import Cancel, ProposalChanged, Said, StageFinished, StageStarted
from mai.pipeline.reach.together import combine
from mai.pipeline.services import Services
from mai.pipeline.trial import judge_tests, sentence_of
from mai.proposal import Proposal

_POLL_S = 0.1
_NAME = "rest"


def finish_tests(proposal: Proposal, services: Services, cancel: Cancel) -> Proposal:
    """Return `proposal` after the tests ran that its trial left for later; FAILED if one broke.

    Another process that runs them already is waited for.

    Raises:
        Cancelled: `cancel` was set; a yes is kept.
        NoEngine, Undecided: they could not be run; the proposal stays where it is.
    """
    with _alone(proposal, services, cancel):
        fresh = services.inbox.get(proposal.id)
        if not fresh.owes_tests or fresh.state.is_end:
            return fresh
        return _run(fresh, services, cancel)


def finish_ahead(proposal: Proposal, services: Services, cancel: Cancel) -> Proposal | None:
    """Run them while the question is open; None where another process does, or they are not due.

    A yes that comes meanwhile waits for the same run.
    """
    try:
        with services.repo.claim(_claim(proposal)):
            fresh = services.inbox.get(proposal.id)
            if not fresh.owes_tests or fresh.state.is_end:
                return None
            return _run(fresh, services, cancel)
    except (RepoBusy, Conflict):
        return None


def _run(proposal: Proposal, services: Services, cancel: Cancel) -> Proposal:
    assert proposal.trial is not None  # noqa: S101 - it owes tests
    files = proposal.trial.files_left
    sentence = f"I run the other {files} test files before {proposal.short_id} may land."
    services.events.publish(Said(sentence))
    services.events.publish(StageStarted(proposal.id, _NAME))
    started, passed = time.monotonic(), False
    try:
        report = judge_tests(proposal, services, cancel, is_rest=True)
        passed = report.verdict.lets_through
        error = TrialFailed(f"Tests that ran after the card was shown fail. {sentence_of(report)}")
        shown = replace(proposal.trial, files_left=0, message="")
        fault = {
            "code": error.code,
            "message": error.sentence,
            "trial": asdict(combine((shown, report))),
        }
        crash.point(f"{_NAME}:done")
        data = {"tree": proposal.tree, "rest": asdict(report), **({} if passed else fault)}
        after = services.inbox.record(proposal.id, "completed", data)
        crash.point(f"{_NAME}:recorded")
    except Cancelled as stopped:
        kept = " The yes is kept." if proposal.approval else ""
        raise Cancelled(f"Stopped before all tests ran.{kept}", stage=_NAME) from stopped
    finally:
        seconds = time.monotonic() - started
        services.events.publish(StageFinished(proposal.id, _NAME, passed, seconds))
    services.events.publish(ProposalChanged(after))
    return after


@contextmanager
def _alone(proposal: Proposal, services: Services, cancel: Cancel) -> Iterator[None]:
    while True:
        try:
            claim = services.repo.claim(_claim(proposal))
            claim.__enter__()
            break
        except RepoBusy as error:
            if cancel.wait(_POLL_S):
                raise Cancelled("Stopped before all tests ran.", stage=_NAME) from error
    try:
        yield
    finally:
        claim.__exit__(None, None, None)


def _claim(proposal: Proposal) -> str:
    return f"{proposal.id}-{_NAME}"
