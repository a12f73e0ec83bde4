"""The parser's worker: what parses, what does not, and what kills lesser parsers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mai.edits import Problem, check

NESTED = b"x = " + b"(" * 2_000 + b")" * 2_000 + b"\n"
MINUSES = b"x = " + b"-" * 50_000 + b"1\n"
ATTRIBUTES = b"x = a" + b".b" * 20_000 + b"\n"
ELSES = b"if a:\n    pass\n" + b"elif b:\n    pass\n" * 2_000
SUM = b"x = " + b"1 + " * 5_000 + b"1\n"


def problems(after: dict[str, bytes], before: dict[str, bytes] | None = None) -> list[Problem]:
    return list(check(before or {}, after))


def kinds(after: dict[str, bytes]) -> dict[str, str]:
    return {problem.path: problem.kind for problem in problems(after)}


def test_sound_files_have_no_problem() -> None:
    sound = {
        "empty.py": b"",
        "plain.py": b"x = 1\n",
        "crlf.py": b"def f():\r\n    return 1\r\n",
        "mark.py": b"\xef\xbb\xbfx = 1\n",
        "latin.py": b"# -*- coding: latin-1 -*-\nx = '\xe9'\n",
        "western.py": b"# coding: cp1252\nx = '\x80'\n",
        "polish.py": b"# coding: iso-8859-2\nx = '\xb1'\n",
        "late.py": b"# \xe9 coding: latin-1\nx = '\xe9'\n",
        "russian.py": b"# coding: koi8-r\nx = '\xc1'\n",
        "no_end.py": b"x = 1",
        "form_feed.py": b"import a\n\x0c\nx = 1\n",
        "mixed.py": b"x = 1\r\ny = '''\n'''\n",
        "stub.pyi": b"def f() -> int: ...\n",
        "fairly_deep.py": b"x = " + b"1 + " * 600 + b"1\n",
        "no python.txt": b"def",
        "unchanged.py": b"def",
        "warned.py": b"x = '\\d'\n",
    }
    assert problems(sound, {"unchanged.py": b"def"}) == []


@pytest.mark.parametrize(
    ("data", "kind", "line"),
    [
        (b"x = 1\ndef f(:\n    pass\n", "syntax", 2),
        (b"print 'two'\n", "syntax", 1),
        (b"{{ cookiecutter }} = = 1\n", "syntax", 1),
        (b"if x:\n\ty = 1\n        z = 2\n", "syntax", 3),
        (b"x = 1\0\n", "syntax", 0),
        (b"# coding: rot13\nx = 1\n", "encoding", 0),
        (b"# coding: utf-7\nx = 1\n", "encoding", 0),
        (b"# coding: shift_jis\nx = 1\n", "encoding", 0),
        (b"# coding: nonsense\nx = 1\n", "encoding", 0),
        (b"x = 1\ny = '\xe9'\n", "encoding", 2),
        (b"# coding: cp1252\nx = '\x81'\n", "encoding", 2),
        (b"\xef\xbb\xbf# coding: latin-1\nx = 1\n", "encoding", 0),
        (b"x = '" + b"y" * 1_000_000 + b"'\n", "size", 0),
        (SUM, "depth", 1),
        (ELSES, "depth", None),
        (MINUSES, "depth", 0),
        (ATTRIBUTES, "depth", 0),
        (NESTED, "syntax", 1),
    ],
)
def test_a_problem_says_what_and_where(data: bytes, kind: str, line: int | None) -> None:
    (problem,) = problems({"a.py": data})
    assert (problem.path, problem.kind, problem.is_valid) == ("a.py", kind, False)
    assert line is None or problem.line == line
    assert problem.message.startswith("a.py does not parse:")
    assert "\n" not in problem.message


@pytest.mark.parametrize(
    ("data", "kind", "line"),
    [
        (b"x = 1\ry = 2\r", "round-trip", 0),
        (b"\\\n\\\nx = 1\n", "round-trip", 0),
        (b"x: int\n(x): int = 1\n", "libcst", 2),
    ],
)
def test_what_only_libcst_does_not_read_is_valid(data: bytes, kind: str, line: int) -> None:
    (problem,) = problems({"a.py": data})
    assert (problem.kind, problem.line, problem.is_valid) == (kind, line, True)
    assert problem.message.startswith("a.py is not read by libcst:")


def test_files_that_kill_parsers_do_not_keep_the_others_from_being_judged() -> None:
    bad = {"b.py": NESTED, "d.py": MINUSES, "f.py": ATTRIBUTES, "h.py": b"def", "j.py": ELSES}
    sound = dict.fromkeys(("a.py", "c.py", "e.py", "g.py", "i.py", "k.py"), b"x = 1\n")
    assert set(kinds(bad | sound)) == set(bad)


def test_a_file_that_did_not_parse_before_either_says_so() -> None:
    (problem,) = problems({"a.py": b"def g"}, {"a.py": b"def f"})
    assert problem.message.endswith("It did not parse before either.")
    (problem,) = problems({"a.py": b"def g"}, {"a.py": b"x = 1\n"})
    assert "before" not in problem.message


# libcst is quadratic in the length of a chain, and deep nesting costs it a lot of memory.
SLOW = (b"x = a" + b".b" * 890 + b"\n") * 500
HEAVY = (b"x = " + b"[" * 190 + b"]" * 190 + b"\n") * 500


@pytest.mark.host
@pytest.mark.parametrize(
    ("data", "timeout_s", "kind"), [(SLOW, 8.0, "timeout"), (HEAVY, 120.0, "crash")]
)
def test_a_worker_that_dies_is_replaced_and_the_rest_goes_on(
    data: bytes, timeout_s: float, kind: str
) -> None:
    found = check({}, {"a.py": b"def", "b.py": data, "c.py": b"def"}, timeout_s)
    assert [(problem.path, problem.kind) for problem in found] == [
        ("a.py", "syntax"),
        ("b.py", kind),
        ("c.py", "syntax"),
    ]


def test_nothing_of_a_repository_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ast", "json", "libcst", "sitecustomize", "usercustomize", "mai"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "json.py"))
    assert problems({"json.py": b"x = 1\n", "a.py": b"def"})[0].kind == "syntax"
    assert not (tmp_path / "ran").exists()


def test_mai_itself_never_loads_libcst() -> None:
    code = (
        "import sys; from mai.edits import check\n"
        "assert check({}, {'a.py': b'def'})[0].kind == 'syntax'\n"
        "sys.exit('libcst' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
