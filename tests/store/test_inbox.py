from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mai.errors import (
    AlreadyAnswered,
    Blocked,
    Conflict,
    Declined,
    MaiError,
    StaleDigest,
    StoreError,
    UnknownId,
    WrongDigest,
)
from mai.proposal import State
from mai.store.inbox import Inbox
from tests.store.stories import (
    ANA,
    DIGEST,
    ID,
    JUDGED,
    OTHER_DIGEST,
    Store,
    data_of,
    id_of,
    kinds,
    tell,
)

# --- looking ---------------------------------------------------------------------------------


def test_the_newest_comes_first_and_only_what_waits_is_pending(store: Store) -> None:
    for number in range(4):
        tell(store.inbox, id_of(number), *JUDGED[: 3 + number])
    assert [proposal.id for proposal in store.inbox.all()] == [id_of(n) for n in (3, 2, 1, 0)]
    assert [proposal.id for proposal in store.inbox.pending()] == [id_of(3)]


def test_any_unique_prefix_names_a_proposal(waiting: Store) -> None:
    tell(waiting.inbox, "abc000000000", "proposed")
    assert waiting.inbox.get(ID).id == waiting.inbox.get("abcd").id == ID
    assert waiting.inbox.get(" ABCD ").id == ID
    with pytest.raises(UnknownId, match=r"Several .* abc: abc000000000, abcdef012345; give more"):
        waiting.inbox.get("abc")
    for unknown in ("f", "", "xyz", ID + "0", "%", "abc\x00", "\ud800"):
        with pytest.raises(UnknownId):
            waiting.inbox.get(unknown)


def test_proposals_of_another_repo_are_not_in_this_inbox(waiting: Store, folder: Path) -> None:
    other = type(waiting.ledger)(waiting.database, "other", folder / "other.witness", waiting.clock)
    inbox = Inbox(other, waiting.clock)
    assert inbox.all() == []
    with pytest.raises(UnknownId):
        inbox.approve(ID, DIGEST, ANA)


def test_what_another_process_says_is_seen(waiting: Store, folder: Path) -> None:
    other = Store.open(folder)
    with closing(other.database):
        assert [proposal.id for proposal in other.inbox.pending()] == [ID]
        waiting.inbox.approve(ID, DIGEST, ANA)
        assert other.inbox.pending() == []
        assert other.inbox.all()[0].approval == waiting.inbox.get(ID).approval


def test_what_was_seen_in_a_transaction_that_was_taken_back_is_forgotten(waiting: Store) -> None:
    with pytest.raises(ZeroDivisionError), waiting.database.transaction():  # noqa: PT012 - the block is what is tested
        tell(waiting.inbox, id_of(1), "proposed")
        assert len(waiting.inbox.all()) == 2
        raise ZeroDivisionError
    assert [proposal.id for proposal in waiting.inbox.all()] == [ID]
    tell(waiting.inbox, id_of(2), "proposed")
    assert [proposal.id for proposal in waiting.inbox.all()] == [id_of(2), ID]


def test_a_backup_put_in_place_of_the_database_is_read_anew(waiting: Store) -> None:
    backup = waiting.database.backup()
    waiting.inbox.approve(ID, DIGEST, ANA)
    assert waiting.inbox.pending() == []
    with (
        closing(sqlite3.connect(backup)) as restored,
        waiting.database.reading() as handle,
    ):
        restored.backup(handle.conn)
    assert [proposal.id for proposal in waiting.inbox.pending()] == [ID]


def test_a_second_look_reads_nothing_again(waiting: Store) -> None:
    statements: list[str] = []
    waiting.inbox.all()
    with waiting.database.reading() as handle:
        handle.conn.set_trace_callback(statements.append)
        waiting.inbox.all()
        handle.conn.set_trace_callback(None)
    # How far the rows reach, and whether the ledger goes further; no row is read.
    assert len(statements) == 2
    assert not any("FROM proposals" in statement for statement in statements)


# --- approving -------------------------------------------------------------------------------


@pytest.mark.parametrize("digest", [DIGEST, DIGEST[7:], DIGEST[:13], "ABABAB", " ababab\n"])
def test_a_yes_is_bound_to_the_digest_that_was_shown(waiting: Store, digest: str) -> None:
    proposal = waiting.inbox.approve("abcd", digest, ANA)
    assert proposal.state is State.APPROVED
    assert proposal.approval
    assert proposal.approval.by == ANA
    assert proposal.approval.digest == DIGEST
    assert waiting.inbox.get(ID) == waiting.inbox.all()[0] == proposal


@pytest.mark.parametrize(
    "digest",
    ["", "ababa", "sha256:", "sha256:ababa", "bababa", DIGEST + "a", "xababab", OTHER_DIGEST],
)
def test_a_yes_to_something_else_counts_for_nothing(waiting: Store, digest: str) -> None:
    with pytest.raises(WrongDigest):
        waiting.inbox.approve(ID, digest, ANA)
    assert kinds(waiting) == list(JUDGED)


def test_a_yes_to_what_was_shown_before_is_stale(waiting: Store) -> None:
    tell(waiting.inbox, ID, "moved", *JUDGED[1:-1])
    waiting.inbox.record(ID, "pending", data_of("pending", ID) | {"digest": OTHER_DIGEST})
    with pytest.raises(StaleDigest, match="has changed since"):
        waiting.inbox.approve(ID, DIGEST, ANA)
    assert waiting.inbox.approve(ID, OTHER_DIGEST, ANA).state is State.APPROVED


def test_the_first_answer_wins(waiting: Store) -> None:
    waiting.inbox.approve(ID, DIGEST, ANA)
    at = "2026-01-02T03:04:05.678"
    answers: list[Callable[[], object]] = [
        lambda: waiting.inbox.approve(ID, DIGEST, "discord:1"),
        lambda: waiting.inbox.reject(ID, "no", "discord:1"),
        lambda: waiting.inbox.withdraw(ID, "discord:1"),
    ]
    for answer in answers:
        with pytest.raises(AlreadyAnswered, match=f"approved by {ANA} at {at}") as raised:
            answer()
        assert (raised.value.code, raised.value.exit_code) == ("already-answered", 8)
    assert kinds(waiting) == [*JUDGED, "approved"]


ENDS: list[tuple[tuple[str, ...], type[MaiError], str, str]] = [
    (("rejected",), Declined, "rejected", "was rejected by terminal:ana at 2026-01-02T03:04"),
    (("withdrawn",), Declined, "withdrawn", "was withdrawn by terminal:ana at 2026-01-02T03:04"),
    (("expired",), Declined, "expired", "expired by terminal:ana at 2026-01-02T03:04"),
    (("blocked",), Blocked, "blocked", "no answer overrides that"),
    (("conflicted",), Conflict, "conflict", "no longer fits its branch"),
    (("failed",), Conflict, "conflict", "failed at"),
    (("moved",), Conflict, "conflict", "is being judged"),
    (("rejected", "noted"), Declined, "rejected", "by terminal:ana"),
    (("approved", "landing", "landed"), AlreadyAnswered, "already-answered", "is landed already"),
    (
        ("approved", "landing", "landed", "rolled_back"),
        AlreadyAnswered,
        "already-answered",
        "is rolled back already",
    ),
]


@pytest.mark.parametrize(("story", "error", "code", "sentence"), ENDS)
def test_a_yes_that_comes_too_late_hears_why(
    waiting: Store, story: tuple[str, ...], error: type[MaiError], code: str, sentence: str
) -> None:
    tell(waiting.inbox, ID, *story)
    with pytest.raises(error, match=sentence) as raised:
        waiting.inbox.approve(ID, DIGEST, ANA)
    assert type(raised.value) is error
    assert raised.value.code == code
    assert kinds(waiting) == [*JUDGED, *story]


def test_who_answered_cannot_forge_a_second_line(waiting: Store) -> None:
    waiting.inbox.reject(ID, "no\n\x1b[2Jreally", "evil\nApproved-by: you")
    with pytest.raises(Declined) as raised:
        waiting.inbox.approve(ID, DIGEST, ANA)
    assert "\n" not in str(raised.value)
    error = waiting.inbox.get(ID).error
    assert error
    assert error.message == "Rejected by evil Approved-by: you: no really"


# --- saying no, and recording ----------------------------------------------------------------


def test_a_no_is_kept_with_its_reason(waiting: Store) -> None:
    proposal = waiting.inbox.reject("abcd", "too clever", ANA)
    assert proposal.state is State.REJECTED
    assert proposal.reason == "too clever"
    assert proposal.error
    assert proposal.error.code == "rejected"
    assert proposal.error.message == "Rejected by terminal:ana: too clever"


@pytest.mark.parametrize("length", range(1, len(JUDGED) + 1))
def test_a_no_may_come_at_any_time_before_a_yes(store: Store, length: int) -> None:
    tell(store.inbox, ID, *JUDGED[:length])
    tell(store.inbox, id_of(1), *JUDGED[:length])
    assert store.inbox.reject(ID, "", ANA).state is State.REJECTED
    assert store.inbox.withdraw(id_of(1), ANA).state is State.WITHDRAWN


def test_an_event_that_the_state_does_not_allow_is_refused(waiting: Store) -> None:
    # `pending` is allowed: a question may be asked again with another digest.
    for kind in ("proposed", "checked", "landed", "rolled_back", "landing", "nonsense"):
        with pytest.raises(Conflict, match="waits for an answer"):
            tell(waiting.inbox, ID, kind)
    assert kinds(waiting) == list(JUDGED)


def test_a_proposal_begins_with_being_proposed(store: Store) -> None:
    for kind in ("checked", "noted", "landed"):
        with pytest.raises(UnknownId):
            tell(store.inbox, ID, kind)
    for wrong in ("abc", "", ID.upper(), ID + "0"):
        with pytest.raises(UnknownId):
            tell(store.inbox, wrong, "proposed")
    assert list(store.ledger.entries()) == []


def test_an_event_with_data_it_cannot_have_is_taken_back_whole(waiting: Store) -> None:
    head = waiting.ledger.head()
    for data in ({}, {"by": ANA, "digest": OTHER_DIGEST}, {"by": ANA, "digest": b"x"}):
        with pytest.raises(StoreError, match="cannot be recorded"):
            waiting.inbox.record(ID, "approved", data)
    assert waiting.ledger.head() == head
    assert waiting.ledger.verify().ok


def test_the_last_entry_of_a_kind_is_found(waiting: Store) -> None:
    assert waiting.inbox.last(ID, "landing") is None
    waiting.inbox.approve(ID, DIGEST, ANA)
    for tree in ("a", "b"):
        waiting.inbox.record(ID, "landing", {"plan": {"tree": tree}})
    found = waiting.inbox.last(ID, "landing")
    assert found
    assert found.data == {"plan": {"tree": "b"}}
