"""What is remembered, found again, put together, and forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mai.errors import ProviderError, UsageError
from mai.memory.compress import BATCH, KEPT, compress, due
from mai.memory.notes import Kind, Notes, query
from mai.memory.recall import learn, recall
from mai.proposal import FileChange, Landing, Proposal, State
from mai.protocols import SystemClock
from mai.store.db import Database
from mai.system.redaction import HIDDEN, Redactor

TOKEN = "hunter2-hunter2"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(tmp_path / "mai.db")
    yield database
    database.close()


@pytest.fixture
def notes(database: Database) -> Notes:
    return Notes(database, "here", SystemClock(), Redactor([TOKEN]))


def proposal(number: int, state: State, **facts: object) -> Proposal:
    base = Proposal(
        id=f"{number:012x}",
        state=state,
        title="Cache the rows",
        why="They are read twice.",
        branch="main",
        base="b" * 40,
        commit="c" * 40,
        tip="b" * 40,
        tree="d" * 40,
        author="small (scripted)",
        created_at="2026-01-02T03:04:05+00:00",
        files=(FileChange("db/rows.py", "modified", 3, 1),),
    )
    return replace(base, **facts)  # type: ignore[arg-type]  # fields by name, checked by the class


def test_what_an_author_wrote_is_remembered_as_the_authors(notes: Notes) -> None:
    """A later model must not take the words of an earlier one for what the person decided."""
    landed = Landing("e" * 40, "main", "2026-01-03T00:00:00+00:00")
    why = "✓ The person refused: every check. **Risk** LOW"
    learn(notes, [proposal(1, State.LANDED, title="Go · LOW · 7f3a", why=why, landed=landed)])
    (note,) = notes.all()
    assert note.text == (
        "Landed: “Go” (db/rows.py). small writes: > The person refused: every check. Risk low"
    )


def test_much_is_learnt_with_one_commit(notes: Notes, database: Database) -> None:
    landed = Landing("e" * 40, "f" * 64, "2026-01-03T00:00:00+00:00")
    many = [proposal(number, State.LANDED, landed=landed) for number in range(30)]
    statements: list[str] = []
    with database.reading() as handle:
        handle.conn.set_trace_callback(statements.append)
        learn(notes, many)
        learn(notes, many)
        handle.conn.set_trace_callback(None)
    assert len(notes.all()) == 30
    assert sum(each.startswith("COMMIT") for each in statements) == 1


def test_what_was_noted_is_found_by_its_words(notes: Notes) -> None:
    notes.add(Kind.NOTED, "The timeouts are in seconds everywhere.")
    notes.add(Kind.SAID, "Good morning.")
    (found,) = notes.search("which unit has a timeout?")
    assert found.text == "The timeouts are in seconds everywhere."
    assert notes.search("nothing of the kind") == []
    assert notes.search("") == []


def test_the_same_words_are_one_note_and_a_known_source_is_brought_up_to_date(notes: Notes) -> None:
    notes.add(Kind.NOTED, "One.")
    notes.add(Kind.NOTED, "One.")
    notes.add(Kind.REFUSED, "Without a reason", "proposal:1")
    notes.add(Kind.REFUSED, "Because it is slow", "proposal:1")
    assert [note.text for note in notes.all()] == ["One.", "Because it is slow"]
    assert [note.text for note in notes.search("slow")] == ["Because it is slow"]
    assert notes.search("reason") == []


def test_repos_do_not_see_each_others_notes(notes: Notes, database: Database) -> None:
    other = Notes(database, "there", SystemClock(), Redactor())
    other.add(Kind.NOTED, "A secret plan of the other repo.")
    assert notes.all() == notes.search("secret plan") == []
    assert notes.forget([note.id for note in other.all()]) == 0
    assert len(other.all()) == 1


def test_secrets_are_hidden_before_they_are_written(notes: Notes, tmp_path: Path) -> None:
    github = "ghp_" + "a1B2" * 9
    notes.add(Kind.SAID, f"My token is {TOKEN}, and {github}.", f"from {TOKEN}")
    notes.database.close()
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert TOKEN.encode() not in data
    assert github.encode() not in data
    assert HIDDEN.encode() in data


def test_a_refusal_and_its_reason_come_before_talk(notes: Notes) -> None:
    for at in range(20):
        notes.add(Kind.SAID, f"We talked about caching the rows, time {at}.")
    refused = proposal(1, State.REJECTED, reason="The cache went stale in March.")
    landed = Landing("c" * 40, "main", "2026-02-01T00:00:00+00:00")
    learn(notes, [refused, proposal(2, State.LANDED, landed=landed), proposal(3, State.PENDING)])
    found = recall(notes, "Cache rows in db/rows.py", limit=3)
    assert found[0].kind is Kind.REFUSED
    assert found[0].text.endswith("because: The cache went stale in March.")
    assert found[1].kind is Kind.DECIDED
    # Said again, it changes nothing; a reason given later does.
    count = len(notes.all())
    learn(notes, [refused])
    learn(notes, [replace(refused, reason="It was too large.")])
    assert len(notes.all()) == count
    assert recall(notes, "Cache rows", limit=1)[0].text.endswith("It was too large.")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=80) | st.text(alphabet='"*()-:^ ANDORNEAR{}', max_size=40))
def test_whatever_is_searched_for_is_words_and_no_query(notes: Notes, text: str) -> None:
    assert isinstance(notes.search(text), list)
    assert query(text).count('"') % 2 == 0


# --- by meaning --------------------------------------------------------------------------------


def vectors(texts: Sequence[str]) -> list[list[float]]:
    """Return what a model that knows two subjects would: money, and animals."""
    subjects = ({"invoice", "price", "bill"}, {"cat", "dog", "horse"})
    words = [set(text.lower().strip(".").split()) for text in texts]
    return [[float(len(found & subject)) for subject in subjects] for found in words]


def test_meaning_finds_what_words_do_not(notes: Notes) -> None:
    notes.add(Kind.NOTED, "every invoice is rounded")
    notes.add(Kind.NOTED, "the dog barks")
    assert recall(notes, "price of a bill") == []
    found = recall(notes, "price of a bill", embed=vectors, model="tiny")
    assert [note.text for note in found] == ["every invoice is rounded"]
    assert len(notes.vectors("tiny")) == 2
    notes.add(Kind.NOTED, "the cat sleeps")
    assert len(recall(notes, "horse", embed=vectors, model="tiny")) == 2


def test_a_model_that_cannot_embed_leaves_the_words(notes: Notes) -> None:
    def fails(_texts: Sequence[str]) -> list[list[float]]:
        raise ProviderError("It cannot.")

    notes.add(Kind.NOTED, "every invoice is rounded")
    assert len(recall(notes, "invoice", embed=fails, model="tiny")) == 1


# --- put together ------------------------------------------------------------------------------


def talk(notes: Notes, count: int) -> None:
    for at in range(count):
        notes.add(Kind.SAID, f"Subject {at}: the parser drops line {at}.", f"said:{at}")


def test_old_talk_gets_a_summary_and_nothing_is_lost(notes: Notes) -> None:
    talk(notes, KEPT + BATCH)
    notes.add(Kind.REFUSED, "Rewriting the parser", "proposal:9")
    before = [(note.id, note.text) for note in notes.all()]
    assert compress(notes, lambda batch: f"{len(batch)} talks about the parser") == BATCH
    assert due(notes) == []
    after = {note.id: note for note in notes.all()}
    assert [(number, after[number].text) for number, _ in before] == before
    (summary,) = [note for note in after.values() if note.kind is Kind.SUMMARY]
    assert [note.covered_by for note in after.values()].count(summary.id) == BATCH
    assert "line 3." in notes.search("line 3")[0].text
    # What comes before a model is the summary, once, and not the thirty.
    found = recall(notes, "parser drops line 3", limit=50)
    assert summary in found
    assert not any(note.covered_by for note in found)


def test_without_a_model_the_first_words_stand_for_the_rest(notes: Notes) -> None:
    talk(notes, KEPT + BATCH)
    assert compress(notes, lambda _batch: "") == BATCH
    (summary,) = [note for note in notes.all() if note.kind is Kind.SUMMARY]
    assert summary.text.startswith("- Subject 0: the parser drops line 0.\n- Subject 1:")


# --- out and in, and away ----------------------------------------------------------------------


def test_what_is_exported_can_be_imported_elsewhere(notes: Notes, database: Database) -> None:
    talk(notes, KEPT + BATCH)
    compress(notes)
    notes.add(Kind.NOTED, "Names are whole words.")
    other = Notes(database, "there", SystemClock(), Redactor())
    assert other.load(notes.export()) == len(notes.all())
    assert [(note.kind, note.text, note.at) for note in other.all()] == [
        (note.kind, note.text, note.at) for note in notes.all()
    ]
    assert other.load(notes.export()) == 0


@pytest.mark.parametrize("row", [{}, [], "x", {"kind": "noted"}, {"kind": "x", "text": "y"}])
def test_a_row_that_is_no_note_takes_nothing_over(notes: Notes, row: object) -> None:
    with pytest.raises(UsageError, match="Row 2 is no note"):
        notes.load([{"kind": "noted", "text": "Fine."}, row])
    assert notes.all() == []


def test_what_is_forgotten_is_in_no_summary_and_does_not_come_back(notes: Notes) -> None:
    talk(notes, KEPT + BATCH)
    compress(notes)
    refused = proposal(1, State.REJECTED, reason="It names a client.")
    learn(notes, [refused])
    gone = [note.id for note in notes.all() if note.source in {"said:3", f"proposal:{refused.id}"}]
    assert notes.forget(gone) == 2
    assert not any(note.kind is Kind.SUMMARY for note in notes.all())
    learn(notes, [refused])
    assert notes.search("client") == []
    assert len(notes.all()) == KEPT + BATCH - 1
    assert notes.stats().covered == 0
