"""What the console finds out about its surroundings, in threads: model, sandbox, branch, files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mai.errors import MaiError
from mai.text import one_line
from mai.tui.answers import model_name
from mai.tui.messages import Learnt, Tracked

if TYPE_CHECKING:
    from mai.core import Core

Tell = Callable[[Learnt | Tracked], object]


def look_at_repo(core: Core, tell: Tell) -> None:
    """Tell the branch and the tracked files; a repo between two states tells nothing."""
    try:
        branch = core.repo.branch()
        paths: Sequence[str] = core.repo.snapshot(core.repo.tip(branch)).paths()
    except MaiError as error:
        tell(Learnt(branch="–", problem=str(error)))
        return
    tell(Learnt(branch=branch))
    tell(Tracked(paths))


def look_at_model(core: Core, tell: Tell) -> None:
    """Tell what thinks."""
    try:
        provider = core.provider()
    except MaiError as error:
        tell(Learnt(model="no model", problem=str(error)))
        return
    tell(Learnt(model=one_line(model_name(provider.name, provider.model), 40)))


def look_at_sandbox(core: Core, tell: Tell) -> None:
    """Tell whether trials can run, without starting or building anything."""
    from mai.system.check import Status
    from mai.system.checks_reach import engine, image

    root = core.repo.root
    if engine(core.settings, root).status is not Status.OK:
        tell(Learnt(sandbox="absent"))
    elif image(core.settings, root).status is not Status.OK:
        tell(Learnt(sandbox="no image"))
    else:
        tell(Learnt(sandbox="ready"))
