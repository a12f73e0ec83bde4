"""Ten thousand damaged replies: none crashes, touches a file it does not name, or half applies.

Each is a sound reply of `tests/edits/test_fuzz.py`, or two of them, with one to five mutations of
a seeded kind. Symbol edits are made in this process, by the code that the worker runs. Run with
`python -m bench.edits [count] [seed]`; it ends with exit code 1 where a promise was broken.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Mapping

from mai.edits import BaseFile, SymbolEdit, apply, check, parse
from mai.edits.resolve import module_path, names_inside
from mai.edits.rewriting import rewritten
from mai.errors import EditError
from mai.jobs import NewFile
from tests.edits.files import files
from tests.edits.test_fuzz import BASE, CORPUS, mutated

KINDS = ("drop", "double", "swap", "cut", "put", "line", "end", "digit")
MORE = (
    "```python symbol=src.a.f\ndef f(x):\n    return -x\n```\n",
    "src/a.py\n```python symbol=g action=delete\n```\n",
    "```python\nsrc/a.py\nimport sys\n```\n",
)
PIECES = (
    "```",
    "=======",
    "<<<<<<< SEARCH",
    ">>>>>>> REPLACE",
    "docs/b.md",
    "...",
    "@@",
    "\\",
    "",
    "*** Begin Patch",
    "*** End Patch",
    "*** Update File: src/a.py",
    "*** End of File",
)
Made = Mapping[str, NewFile | None]


def reply(dice: random.Random) -> str:
    """Return a damaged reply."""
    seeds = [dice.choice((*CORPUS, *MORE)) for _ in range(dice.choice((1, 1, 1, 2)))]
    count = dice.randint(1, 5)
    changes = [(dice.choice(KINDS), dice.randrange(400), dice.choice(PIECES)) for _ in range(count)]
    return mutated("\n".join(seeds), changes)


def outcome(text: str, base: Mapping[str, BaseFile]) -> Made:
    """Return what comes of a reply; EditError where it is refused, and then all of it is."""
    edits = parse(text)
    symbols = [edit for edit in edits if isinstance(edit, SymbolEdit)]
    plain = [edit for edit in edits if not isinstance(edit, SymbolEdit)]
    made = dict(apply(plain, base.get)) if plain else {}
    for edit in symbols:
        path = edit.path or module_path(edit.symbol, lambda one: one in base)
        if path not in base or path in made or not path.endswith(".py"):
            raise EditError(f"{path} cannot take this symbol.")
        asked = {
            "names": names_inside(path, edit.symbol),
            "source": edit.source,
            "action": edit.action,
        }
        data, refusal = rewritten(base[path].data, [asked])
        if refusal:
            raise EditError(refusal)
        made[path] = NewFile(data)
    return made


def named(path: str, text: str) -> bool:
    """Whether a reply speaks of `path`: as it stands, by its module's name, or quoted by git."""
    module = path.removesuffix(".py").replace("/", ".")
    return path in text or module in text or '"' in text


def main() -> int:
    """Damage, apply, count."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 5  # noqa: PLR2004 - the second argument
    dice = random.Random(seed)  # noqa: S311 - a benchmark must be repeatable
    base = files(BASE)
    before = {path: (file.data, file.mode) for path, file in base.items()}
    seen: Counter[str] = Counter()
    broken: list[str] = []
    modules: dict[str, bytes] = {}
    started_s = time.perf_counter()
    for number in range(count):
        text = reply(dice)
        try:
            made = outcome(text, base)
        except EditError as error:
            seen["refused"] += 1
            if not str(error).strip():
                broken.append(f"{number}: refused without a reason")
            continue
        except Exception as error:  # noqa: BLE001 - a crash is what is looked for
            broken.append(f"{number}: {type(error).__name__}: {error}")
            continue
        seen["applied"] += 1
        broken += [f"{number}: {path} was never named" for path in made if not named(path, text)]
        for path, file in made.items():
            if file is not None and path.endswith(".py"):
                modules[f"n{number}/{path}"] = file.data
    if {path: (file.data, file.mode) for path, file in base.items()} != before:
        broken.append("the base was changed")
    seconds = time.perf_counter() - started_s
    # That a change parses is the next stage's to say; here it must only be able to say it.
    some = dict(list(modules.items())[:200])
    unparsed = len(check({}, some))
    print(f"{count} replies, seed {seed}, {seconds:.1f} s: {dict(seen)}, {len(broken)} broken")
    print(f"of {len(some)} modules that came out, {unparsed} do not parse and are stopped there")
    for line in broken[:20]:
        print(line)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
