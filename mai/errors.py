"""Every error Mai raises, as one tree. A front end needs only `exit_code`, `code` and the text.

MaiError                    1  internal
├── UsageError              2  usage
│   ├── UnknownId           2  unknown-id
│   ├── WrongDigest         2  wrong-digest
│   ├── UnsuitableRepo      2  unsuitable-repo
│   ├── SettingsError       2  settings
│   └── ApprovalRefused     2  approval-refused
├── Blocked                 3  blocked
├── TrialFailed             4  trial
├── EditError               5  does-not-apply
│   ├── ParseError          5  does-not-parse
│   └── CannotJudge         5  cannot-judge
├── NoEngine                6  no-engine
├── Undecided               6  undecided
├── Declined                7  rejected | expired | withdrawn
├── Conflict                8  conflict
│   ├── StaleDigest         8  stale-digest
│   └── AlreadyAnswered     8  already-answered
├── StoreError              1  store
│   ├── StoreBusy           1  store-busy
│   ├── StoreCorrupt        1  store-corrupt
│   └── LedgerLost          1  ledger-lost
├── GitError                1  git
│   └── RepoBusy            1  repo-busy
├── SandboxError            1  sandbox
│   └── UnfitTree           1  unfit-tree
├── ProviderError           1  provider
│   ├── ProviderUnreachable 1  provider-unreachable
│   │   ├── ProviderDied    1  provider-died
│   │   └── ProviderStalled 1  provider-stalled
│   ├── NoModel             2  no-model
│   │   └── ModelNotFound   2  model-not-found
│   ├── OutOfMemory         1  out-of-memory
│   ├── BadAnswer           1  bad-answer
│   └── ContextOverflow     1  context-overflow
└── Cancelled               7  cancelled

The text of an error is one sentence a person can act on. What a model, a repo or a server wrote
appears in it only after `mai.text.one_line` has been over it.
"""

from __future__ import annotations

from typing import ClassVar


class MaiError(Exception):
    """Root of the tree. Raised itself only for faults of Mai's own."""

    exit_code: ClassVar[int] = 1
    code: str = "internal"

    @property
    def sentence(self) -> str:
        """The first line, which says it all; further lines only show where, such as in a file."""
        return str(self).partition("\n")[0].removesuffix(":")

    def as_json(self) -> dict[str, str]:
        """Return the `error` object that every `--json` output carries."""
        _, _, detail = str(self).partition("\n")
        more = {"detail": detail} if detail else {}
        return {"code": self.code, "message": self.sentence, **more}


class UsageError(MaiError):
    """The call cannot be carried out as it was made."""

    exit_code = 2
    code = "usage"


class UnknownId(UsageError):
    """No proposal, or more than one, has an id with this prefix."""

    code = "unknown-id"


class WrongDigest(UsageError):
    """The digest given was never the proposal's."""

    code = "wrong-digest"


class UnsuitableRepo(UsageError):
    """Not a git repository Mai can work on: bare, detached, without commits, or too old a git."""

    code = "unsuitable-repo"


class SettingsError(UsageError):
    """A setting, or a repo's `mai.toml`, has a value that cannot be used."""

    code = "settings"


class ApprovalRefused(UsageError):
    """This person or place may not say yes here: no terminal, wrong PIN, level too high."""

    code = "approval-refused"


class Blocked(MaiError):
    """The risk scorer says BLOCKED. No answer overrides it."""

    exit_code = 3
    code = "blocked"


class TrialFailed(MaiError):
    """The trial's verdict is neither `pass` nor `skipped`."""

    exit_code = 4
    code = "trial"


class EditError(MaiError):
    """The change does not apply. Nothing of it was kept."""

    exit_code = 5
    code = "does-not-apply"


class ParseError(EditError):
    """What the change leaves behind does not parse."""

    code = "does-not-parse"


class CannotJudge(EditError):
    """What is there to be judged cannot be read, so no level may be given to it."""

    code = "cannot-judge"


class NoEngine(MaiError):
    """No container engine answers, or it cannot give the isolation asked for. Nothing was run."""

    exit_code = 6
    code = "no-engine"


class Undecided(MaiError):
    """A run did not come to its end for a reason that is nobody's: it says nothing of any change.

    The container was removed, killed or cut off, or the engine failed on the way. What was to be
    judged is kept, and is run again.
    """

    exit_code = 6
    code = "undecided"


class Declined(MaiError):
    """The answer was no, or none came in time, or the proposal was withdrawn."""

    exit_code = 7
    code = "rejected"

    def __init__(self, message: str, code: str = "rejected") -> None:
        super().__init__(message)
        self.code = code


class Conflict(MaiError):
    """The proposal no longer fits its branch."""

    exit_code = 8
    code = "conflict"


class StaleDigest(Conflict):
    """The digest was the proposal's once; what it stood for has changed since."""

    code = "stale-digest"


class AlreadyAnswered(Conflict):
    """Somebody, here or on another surface, said yes before. The first answer counts."""

    code = "already-answered"


class StoreError(MaiError):
    """The database cannot be used."""

    code = "store"


class StoreBusy(StoreError):
    """Another process held the database for longer than the busy timeout."""

    code = "store-busy"


class StoreCorrupt(StoreError):
    """SQLite says that the file is not a sound database."""

    code = "store-corrupt"


class LedgerLost(StoreError):
    """The ledger does not reach as far as it once did; a person must restore or accept that."""

    code = "ledger-lost"


class GitError(MaiError):
    """A git command failed in a way that is nobody's input."""

    code = "git"


class RepoBusy(GitError):
    """Another git process holds the index or a ref."""

    code = "repo-busy"


class SandboxError(MaiError):
    """The engine answered, but a container could not be made, run or read."""

    code = "sandbox"


class UnfitTree(SandboxError):
    """A tree that no container can be given, today or tomorrow."""

    code = "unfit-tree"


class ProviderError(MaiError):
    """A model or its server failed."""

    code = "provider"


class ProviderUnreachable(ProviderError):
    """No server answers, or it went away."""

    code = "provider-unreachable"


class ProviderDied(ProviderUnreachable):
    """The model server went away in the middle of an answer."""

    code = "provider-died"


class ProviderStalled(ProviderUnreachable):
    """The model server holds the connection and sends nothing."""

    code = "provider-stalled"


class OutOfMemory(ProviderError):
    """The model, or its context, does not fit the memory that is free."""

    code = "out-of-memory"


class BadAnswer(ProviderError):
    """What came back is not the server's protocol, or not what was asked for."""

    code = "bad-answer"


class NoModel(ProviderError):
    """Nothing is there to think with; a person has to start, get or choose something."""

    exit_code = 2
    code = "no-model"


class ModelNotFound(NoModel):
    """The server has no model of that name."""

    code = "model-not-found"


class ContextOverflow(ProviderError):
    """The prompt does not fit the model's context, or the server cut it in silence."""

    code = "context-overflow"


class Cancelled(MaiError):
    """A person stopped the work. Carries where it stood."""

    exit_code = 7
    code = "cancelled"

    def __init__(self, message: str = "Stopped.", stage: str = "") -> None:
        super().__init__(message)
        self.stage = stage


def exit_code_of(code: str) -> int:
    """Return the exit code that goes with an error's `code`, 1 where the code is not known."""
    waiting: list[type[MaiError]] = [MaiError]
    while waiting:
        kind = waiting.pop()
        if kind.code == code:
            return kind.exit_code
        waiting.extend(kind.__subclasses__())
    return {"expired": 7, "withdrawn": 7, "already-answered": 8}.get(code, 1)
