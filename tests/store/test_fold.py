from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mai.errors import StoreCorrupt
from mai.proposal import Approval, Fault, Landing, Level, Proposal, State
from mai.store import fold as folding
from mai.store.fold import ALLOWED, Misfit, fold, is_allowed, step
from mai.store.ledger import Entry
from tests.store.stories import DIGEST, FILES, JUDGED, OTHER_DIGEST, REVIEW, RISK, TRIAL, data_of
from tests.store.test_codec import json_values

ID = "0" * 11 + "1"


def entry(kind: str, number: int = 1, **changes: object) -> Entry:
    at = f"2026-01-01T00:00:{number % 60:02}+00:00"
    return Entry(number, at, ID, kind, data_of(kind, ID) | changes, "", "")


def story(*kinds: str) -> list[Entry]:
    return [entry(kind, number) for number, kind in enumerate(kinds, 1)]


def test_a_proposal_is_told_from_start_to_landing() -> None:
    proposal = fold(story(*JUDGED, "approved", "landing", "noted", "landing", "landed"))
    assert proposal == Proposal(
        id=ID,
        state=State.LANDED,
        title="Fix it",
        why="It broke",
        branch="main",
        base="1" * 40,
        commit="2" * 40,
        tip="1" * 40,
        tree="3" * 40,
        author="reflex",
        created_at="2026-01-01T00:00:01+00:00",
        digest=DIGEST,
        expires_at="2026-01-03T03:04:05.678000+00:00",
        files=FILES,
        risk=RISK,
        trial=TRIAL,
        review=REVIEW,
        approval=Approval("terminal:ana", "2026-01-01T00:00:07+00:00", DIGEST),
        landed=Landing(
            "6" * 40, "main", "2026-01-01T00:00:11+00:00", is_beside=True, note="beside"
        ),
    )


def test_judged_again_to_the_same_digest_a_yes_stays_good() -> None:
    again = ("moved", "checked", "assessed", "tried", "reviewed")
    moved = fold(story(*JUDGED, "approved", "moved"))
    assert moved.state is State.PROPOSED
    assert (moved.tip, moved.tree) == ("4" * 40, "5" * 40)
    assert (moved.risk, moved.trial, moved.review) == (None, None, None)
    assert moved.level is Level.HIGH
    before = fold(story(*JUDGED, "approved", *again))
    assert before.approval
    same = step(before, entry("pending", 20))
    assert same.approval == before.approval
    other = step(before, entry("pending", 20, digest=OTHER_DIGEST))
    assert other.approval is None
    assert other.digest == OTHER_DIGEST


def test_an_end_says_why() -> None:
    proposal = fold([*story(*JUDGED), entry("rejected", 7, code="c", message="m", reason="r")])
    assert proposal.state is State.REJECTED
    assert proposal.error == Fault("c", "m")
    assert proposal.reason == "r"


def test_what_was_rolled_back_names_what_did_it() -> None:
    proposal = fold(story(*JUDGED, "approved", "landing", "landed", "rolled_back"))
    assert proposal.state is State.ROLLED_BACK
    assert "f" * 12 in proposal.reason


def test_every_event_has_a_step_and_every_state_a_way_in() -> None:
    assert set(folding._STEPS) == set(ALLOWED) - {"proposed"}
    assert {state.value for state in State} <= set(ALLOWED)


def test_the_ends_allow_nothing_but_notes_and_taking_back() -> None:
    for state in State:
        allowed = {kind for kind, states in ALLOWED.items() if state in states}
        if state is State.LANDED:
            assert allowed == {"noted", "rolled_back"}
        elif state is State.REJECTED:
            assert allowed == {"noted", "reasoned"}
        elif state.is_end:
            assert allowed == {"noted"}
        else:
            assert {"noted", "moved", "failed", "conflicted", "blocked"} <= allowed


def test_a_no_may_be_explained_after_it_counted() -> None:
    refused = fold(story(*JUDGED, "rejected", "reasoned"))
    assert (refused.state, refused.reason) == (State.REJECTED, "too clever")


def test_only_a_pending_proposal_is_approved_and_only_an_approved_one_lands() -> None:
    assert ALLOWED["approved"] == {State.PENDING}
    assert ALLOWED["landed"] == ALLOWED["landing"] == {State.APPROVED}
    for late in ("rejected", "expired", "withdrawn"):
        assert State.APPROVED not in ALLOWED[late]


@settings(deadline=None)
@given(st.lists(st.sampled_from(sorted(ALLOWED)), max_size=60))
def test_any_interleaving_folds_or_is_refused_and_never_half(kinds: list[str]) -> None:
    told: list[Entry] = []
    proposal: Proposal | None = None
    for kind in ["proposed", *kinds]:
        new = entry(kind, len(told) + 1)
        if is_allowed(proposal, kind):
            proposal = step(proposal, new)
            told.append(new)
            aside = {"noted", "reasoned", "moved", "extended", "landing", "recovered"}
            assert kind in aside or proposal.state == kind
            assert proposal.approval or proposal.state not in {State.APPROVED, State.LANDED}
        else:
            with pytest.raises(Misfit, match=kind):
                step(proposal, new)
    assert fold(told) == proposal


@settings(deadline=None)
@given(st.data())
def test_allowed_events_lead_anywhere_without_a_fault(data: st.DataObject) -> None:
    told = story("proposed")
    for number in range(2, data.draw(st.integers(2, 40))):
        proposal = fold(told)
        allowed = [kind for kind in ALLOWED if is_allowed(proposal, kind)]
        told.append(entry(data.draw(st.sampled_from(allowed)), number))
    assert fold(told).id == ID


@settings(deadline=None)
@given(st.data())
def test_data_of_any_shape_is_taken_or_refused(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(ALLOWED)))
    spoilt = data.draw(st.sampled_from([*data_of(kind, ID), "other"]))
    new = entry(kind, 9, **{spoilt: data.draw(json_values)})
    lived = (*JUDGED, "approved", "landing", "landed")
    for length in range(len(lived) + 1):
        before = fold(story(*lived[:length])) if length else None
        if is_allowed(before, kind):
            with suppress(Misfit):  # any other exception fails the test
                assert step(before, new).id == ID


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("proposed", {"id": "0" * 12}),
        ("proposed", {"files": [{"path": 1}]}),
        ("assessed", {"risk": {"level": "SAFE"}}),
        ("tried", {"trial": {"verdict": "maybe"}}),
        ("reviewed", {"review": "fine"}),
        ("pending", {"digest": "sha256:short"}),
        ("pending", {"expires_at": "tomorrow"}),
        ("pending", {"expires_at": "2026-01-01T00:00:00"}),
        ("pending", {"expires_at": math.pi}),
        ("approved", {"digest": OTHER_DIGEST}),
        ("landing", {"plan": "soon"}),
        ("landed", {"is_beside": "perhaps"}),
    ],
)
def test_data_that_an_event_cannot_have_is_refused(kind: str, changes: dict[str, object]) -> None:
    lived = (*JUDGED, "approved", "landing", "landed")
    before = lived[: lived.index(kind)]
    with pytest.raises(Misfit, match=kind):
        step(fold(story(*before)) if before else None, entry(kind, 9, **changes))


@pytest.mark.parametrize(
    "kinds", [(), ("checked",), ("proposed", "proposed"), ("proposed", "landed"), ("proposed", "x")]
)
def test_a_story_that_mai_cannot_have_written_is_damage(kinds: tuple[str, ...]) -> None:
    with pytest.raises(StoreCorrupt):
        fold(story(*kinds))
