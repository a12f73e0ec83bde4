"""Turns one file's source into facts. Runs in the parser's own process."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterator, Mapping

from mai.risk import equality, sensitive, swallowing
from mai.risk.capabilities import Agreement, Collector, TooManyUsesError
from mai.risk.facts import Facts
from mai.risk.names import Resolver
from mai.risk.shape import bodies_of, guards_of, limits_of
from mai.risk.tests import promises_of
from mai.risk.walk import Walker
from mai.source_encoding import source_text


def analyse(
    path: str,
    source: bytes,
    *,
    in_full: bool,
    renamed: Mapping[str, str] | None = None,
    is_test: bool = False,
    is_held: bool = False,
) -> Facts:
    """Return the facts of one Python file.

    Args:
        path: where it lies in the repository, for relative imports.
        source: its bytes.
        in_full: also fingerprint data flows and function bodies and count checks, which only a
            comparison with another version needs.
        renamed: what modules were called before the change, by what they are called now.
        is_test: whether it is part of the tests and of nothing else.
        is_held: whether it lies among the tests.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a SyntaxWarning in somebody's code is not ours
            tree = ast.parse(source, type_comments=False)
        survey = Walker(_package_of(path), renamed).walk(tree)
        resolver = Resolver(survey)
        collector = Collector(survey, resolver, in_full=in_full, is_test=is_test)
        text = source_text(source)
        uses = collector.collect(
            has_telling_text=bool(sensitive.ANY.search(text)),
            agreements=_agreements(tree, text, is_a_test=is_test),
        )
        lines = source.count(b"\n") + 1
        if not in_full:
            return Facts(uses=uses, lines=lines)
        return Facts(
            uses=uses,
            calls=tuple(collector.calls),
            lines=lines,
            bodies=bodies_of(tree),
            guards=guards_of(tree),
            limits=limits_of(tree),
            tests=promises_of(tree) if is_held else {},
        )
    except (SyntaxError, ValueError) as error:
        # Newer syntax is no fault of the file: say which Python it was.
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        why = error.msg if isinstance(error, SyntaxError) else str(error)
        line = (error.lineno or 0) if isinstance(error, SyntaxError) else 0
        problem = ("text.unreadable", f"Python {version} cannot parse it: {why}.", line)
        return Facts(problem=problem)
    except TooManyUsesError:
        message = "It reaches for capabilities in more places than anybody can look at."
        return Facts(problem=("text.hostile", message, 0))
    except RecursionError:
        return Facts(problem=("text.hostile", "It nests deeper than a parser can follow.", 0))
    except MemoryError:
        return Facts(problem=("text.hostile", "Parsing it takes more memory than it may.", 0))


def _agreements(tree: ast.AST, text: str, *, is_a_test: bool) -> Iterator[Agreement]:
    """Yield what agrees with every test: values equal to all, ends that swallow any failure."""
    compares = equality.speaks_of_it(text)
    swallows = not is_a_test and swallowing.speaks_of_it(text)
    nodes = list(ast.walk(tree)) if compares or swallows else []
    for node, name in equality.agreeing(nodes) if compares else ():
        yield "test-tampering.equal", node, name
    for node, name in swallowing.swallowing(nodes) if swallows else ():
        yield "test-tampering.swallow", node, name


def _package_of(path: str) -> str:
    parts = path.removesuffix(".py").removesuffix(".pyi").split("/")
    return ".".join(parts[:-1])
