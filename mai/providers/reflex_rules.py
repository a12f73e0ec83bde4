"""The reflexes: what Mai puts right without a model, most valuable first. A table, no logic.

Each row is one idea a person can judge at a glance, made of ruff rules whose fix was looked at one
by one (`tests/providers/test_reflex_rules.py` shows every one of them at work). `takes_unsafe` rows
use fixes that ruff calls unsafe: there because a comment may move, because an overloaded operator
could mean something else (then `guards` keeps clear of such files), or because the fix changes what
the code does *and should*, as with a default argument that remembers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Guard(StrEnum):
    """A reason to leave a file alone that ruff cannot see."""

    #: `==`, `in` and `not` mean something else on the objects of this file's libraries.
    OVERLOADS = "overloads"
    #: The name may be there for another module to import.
    REEXPORTS = "reexports"
    #: The default argument is meant to remember.
    CACHES = "caches"


@dataclass(frozen=True, slots=True)
class Reflex:
    """One idea. `one` and `many` are titles, `many` with `{n}`; `why` says what is wrong with it.

    `completes` are rules that the fix itself would violate; they are applied with it in files that
    kept them before. `{names}` in `why` stands for what ruff names.
    """

    codes: tuple[str, ...]
    one: str
    many: str
    why: str
    takes_unsafe: bool = False
    guards: frozenset[Guard] = frozenset()
    completes: tuple[str, ...] = ()


_OVERLOADS = frozenset({Guard.OVERLOADS})

REFLEXES: tuple[Reflex, ...] = (
    # --- bugs ---------------------------------------------------------------------------------
    Reflex(
        ("B006",),
        "Make a mutable default fresh per call",
        "Make {n} mutable defaults fresh per call",
        "A default value is made once, so every call that leaves the argument out shares it "
        "and sees what earlier calls put in.",
        takes_unsafe=True,
        guards=frozenset({Guard.CACHES}),
        completes=("RUF013",),
    ),
    Reflex(
        ("F632",),
        "Compare a literal by value, not identity",
        "Compare {n} literals by value, not identity",
        "`is` asks whether two objects are the same one, which for strings and numbers depends "
        "on the interpreter, and Python warns about it.",
    ),
    Reflex(
        ("F901",),
        "Raise NotImplementedError",
        "Raise NotImplementedError in {n} places",
        "`NotImplemented` is a value, not an exception: raising it gives a TypeError.",
    ),
    Reflex(
        ("PLW0133",),
        "Raise an exception that was only made",
        "Raise {n} exceptions that were only made",
        "An exception that is made and not raised does nothing.",
        takes_unsafe=True,
    ),
    Reflex(
        ("PLW0245",),
        "Call super() where it was only named",
        "Call super() in {n} places where it was only named",
        "`super.name` looks the name up on the type `super` and fails when it is called.",
        takes_unsafe=True,
    ),
    Reflex(
        ("RUF024",),
        "Give each key its own value in fromkeys",
        "Give each key its own value in {n} fromkeys calls",
        "`dict.fromkeys` puts one and the same object under every key; a change under one key "
        "shows under all.",
        takes_unsafe=True,
    ),
    Reflex(
        ("W605",),
        "Mend an invalid escape sequence",
        "Mend {n} invalid escape sequences",
        "Python warns about a backslash that escapes nothing, and will refuse it.",
    ),
    Reflex(
        ("E711",),
        "Compare with None by identity",
        "Compare with None by identity in {n} places",
        "`==` runs the other object's `__eq__`, which may say anything; `is` cannot be fooled.",
        takes_unsafe=True,
        guards=_OVERLOADS,
    ),
    Reflex(
        ("B011",),
        "Raise AssertionError instead of assert False",
        "Raise AssertionError for assert False, {n} times",
        "`python -O` removes `assert False`, and the code goes on past it.",
        takes_unsafe=True,
    ),
    Reflex(
        ("F541",),
        "Drop the f of a string without placeholders",
        "Drop the f of {n} strings without placeholders",
        "An f-string without a placeholder is a plain string; either the f or a name is missing.",
    ),
    Reflex(
        ("F601", "B033"),
        "Drop a repeated key or member",
        "Drop {n} repeated keys and members",
        "The same key with the same value, or the same member, stands twice in one literal.",
        takes_unsafe=True,
    ),
    Reflex(
        ("G010",),
        "Call warning instead of the deprecated warn",
        "Call warning instead of warn, {n} times",
        "A logger's `warn` has been deprecated since Python 3.3; `warning` is its name.",
    ),
    Reflex(
        ("PLR1722",),
        "Leave through sys.exit",
        "Leave through sys.exit in {n} places",
        "`exit` and `quit` come from the `site` module and are missing where Python runs "
        "without it.",
        takes_unsafe=True,
    ),
    # --- dead code ----------------------------------------------------------------------------
    Reflex(
        ("F401",),
        "Drop an unused import",
        "Drop {n} unused imports",
        "Nothing in the file uses {names}.",
        guards=frozenset({Guard.REEXPORTS}),
    ),
    Reflex(
        ("F841",),
        "Drop an unused variable",
        "Drop {n} unused variables",
        "Nothing reads {names}. Calls stay, for what they do.",
        takes_unsafe=True,
    ),
    Reflex(
        ("B013", "B014", "UP024", "UP041"),
        "Name an exception by its one name",
        "Name exceptions by their one name in {n} places",
        "`IOError` and its like are names of `OSError`, and a name stands once in a handler.",
    ),
    Reflex(
        ("TRY201",),
        "Re-raise without naming the exception",
        "Re-raise in {n} places without naming the exception",
        "A bare `raise` keeps the traceback as it was.",
        takes_unsafe=True,
    ),
    Reflex(
        ("PIE790", "PLR1711"),
        "Drop a statement that does nothing",
        "Drop {n} statements that do nothing",
        "A `pass` beside other statements, or a bare `return` at the end, says nothing.",
    ),
    # --- simpler ------------------------------------------------------------------------------
    Reflex(
        ("E713", "E714"),
        "Write not in and is not as one operator",
        "Write {n} tests with not in and is not",
        "`not x in y` reads as `(not x) in y`, which it is not.",
    ),
    Reflex(
        ("SIM201", "SIM202", "SIM208", "SIM210", "SIM211", "SIM212", "SIM103"),
        "Say a condition directly",
        "Say {n} conditions directly",
        "The condition itself is the value that the code spells out.",
        takes_unsafe=True,
        guards=_OVERLOADS,
    ),
    Reflex(
        ("SIM101", "PIE810", "PLR1714"),
        "Ask a repeated question once",
        "Ask {n} repeated questions once",
        "One call with a tuple answers what several calls ask.",
        takes_unsafe=True,
        guards=_OVERLOADS,
    ),
    Reflex(
        # Safe fixes only: `for key in row.keys()` and `for key in row` differ for a sqlite3.Row.
        ("SIM118", "SIM910", "SIM911", "RUF019"),
        "Use what a dict offers",
        "Use what a dict offers in {n} places",
        "The dict does this by itself, in fewer words and fewer look-ups.",
        guards=_OVERLOADS,
    ),
    Reflex(
        # Not C413 (`reversed(sorted())` reverses equal items too), not C419 (`any` of a list runs
        # every member, of a generator only some).
        (
            "C400",
            "C401",
            "C402",
            "C403",
            "C404",
            "C405",
            "C406",
            "C409",
            "C410",
            "C411",
            "C414",
            "C416",
            "C418",
        ),
        "Write a comprehension or literal directly",
        "Write {n} comprehensions and literals directly",
        "The extra call builds a collection only to throw it away.",
        takes_unsafe=True,
        guards=_OVERLOADS,
    ),
    Reflex(
        ("RET505", "RET506", "RET507", "RET508"),
        "Drop an else after the way out",
        "Drop {n} else branches after the way out",
        "The branch before leaves, so the rest needs no `else` and no indentation.",
    ),
    Reflex(
        ("RET504",),
        "Return a value without naming it first",
        "Return {n} values without naming them first",
        "The name is given and read once, on the next line.",
        takes_unsafe=True,
    ),
    Reflex(
        ("B009", "B010", "UP018"),
        "Write an attribute or literal as itself",
        "Write {n} attributes and literals as themselves",
        "A constant in `getattr`, `setattr` or `str()` is the plain attribute or literal.",
    ),
    Reflex(
        ("UP004", "UP008", "UP039", "UP009", "UP010", "UP015", "UP025", "UP034"),
        "Drop a leftover of older Pythons",
        "Drop {n} leftovers of older Pythons",
        "Python 3 does this by itself.",
    ),
    Reflex(
        ("UP032",),
        "Format with an f-string",
        "Format with f-strings in {n} places",
        "The values stand where they appear, and it runs faster than `.format`.",
    ),
)
