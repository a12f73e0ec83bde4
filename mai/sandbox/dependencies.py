"""What a repo says it needs, as names and version specifiers and nothing else.

Everything else that pip reads in such files (options, addresses, paths, `${VARIABLES}`) is left
out, and each such line is named: an index in a requirements file would be told what is in the
environment, and an address would be fetched and built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mai.sandbox.manifests.collector import Collector, Dropped, Entry, Read
from mai.sandbox.manifests.ini_files import of_setup_cfg
from mai.sandbox.manifests.nox import of_noxfile
from mai.sandbox.manifests.places import manifest_places, usual_places
from mai.sandbox.manifests.poetry import of_pipfile
from mai.sandbox.manifests.pyproject import of_hatch_file, of_pyproject
from mai.sandbox.manifests.requirement_files import read_requirement_file
from mai.sandbox.manifests.setup_script import of_setup_script
from mai.sandbox.manifests.tox import of_tox_ini, of_tox_toml

__all__ = ["Dependencies", "Dropped", "Read", "read_dependencies"]

_MOST = 300
_READERS = {
    "pyproject.toml": of_pyproject,
    "hatch.toml": of_hatch_file,
    "setup.cfg": of_setup_cfg,
    "setup.py": of_setup_script,
    "tox.ini": of_tox_ini,
    "tox.toml": of_tox_toml,
    "noxfile.py": of_noxfile,
    "Pipfile": of_pipfile,
}


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Requirements in PEP 508's form without addresses, sorted, and the lines that were none.

    `constraints` limit versions of whatever is installed anyway. `order` has the requirements as
    the files name them, what the project itself says first: of two that cannot be had together the
    first is taken.
    """

    requirements: tuple[str, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    constraints: tuple[str, ...] = ()
    order: tuple[str, ...] = field(default=(), compare=False)
    places: Mapping[str, Entry] = field(default_factory=dict, compare=False)

    def __bool__(self) -> bool:
        return bool(self.requirements)

    @property
    def left_out(self) -> int:
        """How many lines were not taken."""
        return len(self.dropped)


def read_dependencies(read: Read, paths: Sequence[str] | None = None) -> Dependencies:
    """Return what the tree that `read` reads from needs to run and to be tested.

    `paths` are the files of the tree. Where they are not known, a mapping whose `get` is `read` is
    listed, and of anything else the usual places at the root are tried.
    """
    if paths is None:
        owner = getattr(read, "__self__", None)
        paths = tuple(owner) if isinstance(owner, Mapping) else None
    collector = Collector(read)
    for path in usual_places("") if paths is None else manifest_places(paths):
        if not collector.is_known(path):
            _READERS.get(path.rpartition("/")[2], read_requirement_file)(collector, path)
    found = collector.resolve()
    order = tuple(found)[:_MOST]
    for entry in list(found.values())[_MOST:]:
        collector.drop(entry, f"there are more than {_MOST}")
    return Dependencies(
        tuple(sorted(order)),
        tuple(dict.fromkeys(collector.dropped)),
        collector.resolve_constraints(),
        order,
        found,
    )
