from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests import gitrepo
from tests import workspace as workspaces
from tests.budget import IN_SANDBOX
from tests.workspace import Workspace

# A busy machine fails nobody: no example is wrong for being slow.
# A busy machine makes slow examples; that is no fault of what is tested.
hypothesis.settings.register_profile(
    "mai", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("mai")


#: Rooms that Mai may not change and that import nothing that it may, and what talks to Discord.
#: In its own sandbox, whose processor time is short, their tests could only say what they said.
_OUT_OF_REACH = frozenset({"risk", "store", "repo", "sandbox", "attacks", "setup", "surfaces"})


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out those rooms unread: importing their tests takes as long as running many others."""
    is_out = collection_path.parent == Path(__file__).parent and collection_path.is_dir()
    return True if IN_SANDBOX and is_out and collection_path.name in _OUT_OF_REACH else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs an engine, which the sandbox lacks, or git, which takes too long."""
    if not IN_SANDBOX:
        return
    left_out = [
        item
        for item in items
        if any(item.get_closest_marker(name) is not None for name in ("docker", "host"))
        or _needs_git(item)
    ]
    config.hook.pytest_deselected(items=left_out)
    gone = set(left_out)
    items[:] = [item for item in items if item not in gone]


class _AtOnce:
    """Names a failure when it happens: a run that is cut short has said what it knew."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._terminal.write_line(f"\n✗ {report.nodeid} ({report.when})", red=True)


def pytest_sessionstart(session: pytest.Session) -> None:
    """With several workers only the process that collects their reports has a terminal."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(_AtOnce(terminal))


def _needs_git(item: pytest.Item) -> bool:
    """Whether a test or its module works with a real repository, by what it was given to use."""
    fixtures = set(getattr(item, "fixturenames", ()))
    module = getattr(item, "module", None)
    makers = {gitrepo.__name__, workspaces.__name__}
    used = {getattr(value, "__module__", None) for value in vars(module).values()} if module else ()
    return "workspace" in fixtures or not makers.isdisjoint(used)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A user's machine with the sample repo `calc`: one test fails, one passes."""
    return Workspace.make(tmp_path)


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that every user may reach: `tmp_path` and all above it may be closed to others."""
    for top in (Path(tempfile.gettempdir()), Path("/var/tmp"), Path("/dev/shm")):  # noqa: S108 - any will do
        if top.is_dir() and all(folder.stat().st_mode & 0o001 for folder in (top, *top.parents)):
            with tempfile.TemporaryDirectory(dir=top) as made:
                Path(made).chmod(0o755)
                yield Path(made)
            return
    pytest.skip("no folder for temporary files here is open to every user")
