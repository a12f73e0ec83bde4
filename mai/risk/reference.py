"""Writes `docs/risk.md` from the rules themselves.

`python -m mai.risk.reference` brings it up to date; a test says when it is not.
"""

from __future__ import annotations

import sys
from pathlib import Path

from mai.proposal import Level
from mai.risk import own
from mai.risk.rules import CAPABILITIES, RULES, Rule
from mai.settings_sources import own_checkout

_HEAD = """\
# Risk

`mai risk` and the pipeline's `assess` stage say how much a change could harm. They judge what the
change *gains*: what the code could do before costs nothing, a move or a rename is no gain. Nothing
that is judged is run or imported; it is parsed in a process of its own, with caps on memory, time
and size, and a file that kills, hangs or outgrows the parser is BLOCKED.

| level | what it means |
|---|---|
| LOW | everyday work: the change cannot do anything that the code could not do before |
| MEDIUM | it gains a capability, or hands other data to one that stood |
| HIGH | it opens a door: new to the whole project, or a dangerous combination |
| BLOCKED | it touches what judges it, or it cannot be read. No answer overrides it |

## How a level comes about

1. **Paths and modes**, before anything is parsed: what git, Python or pytest would run by itself,
   links, submodules, paths that another system reads differently.
2. **Bytes**: encodings, bidirectional and invisible controls, names that imitate others.
3. **Capabilities**: every *reference* to something that can act counts, called or not, resolved
   through imports, aliases, containers, parameters, `getattr`, `__import__`, `sys.modules` and
   constants that are put together. What cannot be resolved is `dynamic-code`, MEDIUM at least.
4. **Gain**: head minus base, by what a name resolves to and by the data that reaches it. A
   capability that is new to the *project* weighs more than one new to the *file*; once more weighs
   least. New calls of the project's own functions are followed into those functions.
5. **Combinations**: two things that are harmless apart can be an attack together; within a file,
   and across the files of one change.
6. **Losses**: checks, timeouts and asserts that are gone, and tests that promise less.
7. **Settings**: `MAI_RISK_LEVELS` raises or lowers a rule or a capability, never one that is
   BLOCKED; a repository's `mai.toml` can only raise.

The level of a report is the highest level of its findings; levels are never added up. The
**score**, 0 to 100, only sorts reports of one level: ten for each capability and three for each
rule found at that level, one for each finding there, and a fifth for each finding below.

With paths instead of a diff each file is judged as if wholly new, and what compares with a tree is
off. A diff is judged against `HEAD`, on a branch or not, or against the `empty tree` before the
first commit; where its files are not there its `hunks` alone are scored. The report's `context`
says which it was. What can be judged in none of these ways is refused with exit code 5.
Lines of a notebook's findings count through its code cells, from the first.

"""
_OWN = """\

## Mai's own repository

What Mai may change there is a list of folders; everything else, new files included, is BLOCKED by
`path.protected-core`. Tests may only be added. What is code on the list is HIGH by `path.own-code`.

- On the list: {allowed}
- Taken out again, because it is what the reviewer is asked: {protected}

This file is written by `python -m mai.risk.reference`.
"""


def markdown() -> str:
    """Return the text of `docs/risk.md`."""
    capabilities = ", ".join(f"`{name}`" for name in CAPABILITIES)
    parts = [_HEAD, f"## Rules\n\nThe capabilities are {capabilities}.\n"]
    for level in reversed(Level):
        parts.append(
            f"\n### {level}\n\n| rule | capability | what it is | example |\n|---|---|---|---|\n"
        )
        parts.extend(_row(rule) for rule in RULES if rule.level is level)
    parts.append(_OWN.format(allowed=_listed(own.ALLOWED), protected=_listed(own.PROTECTED)))
    return "".join(parts)


def _row(rule: Rule) -> str:
    example = rule.example.replace("\\|", "|").replace("|", "\\|")
    return f"| `{rule.id}` | {rule.capability} | {rule.summary} | {example} |\n"


def _listed(globs: tuple[str, ...]) -> str:
    return ", ".join(f"`{glob}`" for glob in globs)


FILE = Path("docs") / "risk.md"


def main() -> None:
    """Write the file into Mai's checkout."""
    (own_checkout() / FILE).write_text(markdown(), encoding="utf-8")
    sys.stdout.write(f"{FILE}\n")


if __name__ == "__main__":
    main()
