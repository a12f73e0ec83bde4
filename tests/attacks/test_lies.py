"""Code that says it passed. What cannot be forged from a test is not believed either."""

from __future__ import annotations

import pytest

from mai.jobs import TestOutcome
from mai.proposal import Verdict
from tests.sandboxes import Trial, outcome_of

pytestmark = pytest.mark.docker
AFTER = "\ndef test_zz_after(): pass\n"


def test_looking_like_a_report_changes_nothing(trial: Trial) -> None:
    body = """\
import os, json, sys
def test_lies():
    line = b'0' * 32 + b' ["outcome", "test_a.py::test_lies", "passed", ""]\\n'
    record = b'0' * 16 + b'R' + (2).to_bytes(4, 'big') + b'{}'
    for data in (line, record, b'ready\\n', b'1 passed\\n'):
        for fd in (1, 2):
            os.write(fd, data)
    for path in ('/repo/report.xml', '/repo/junit.xml', '/tmp/report.xml'):
        open(path, 'w').write('<testsuite tests="1" failures="0"><testcase name="x"/></testsuite>')
    assert 0
"""
    result = trial({"test_a.py": body + AFTER})
    assert result.outcomes == {
        "test_a.py::test_lies": TestOutcome.FAILED,
        "test_a.py::test_zz_after": TestOutcome.PASSED,
    }


def test_writing_to_every_open_file_ends_the_run_in_an_error(trial: Trial) -> None:
    body = """\
import os
def test_lies():
    for fd in range(3, 64):
        try:
            os.write(fd, b'["outcome", "test_a.py::test_lies", "passed", ""]\\n')
        except OSError:
            pass
    assert 0
"""
    result = trial({"test_a.py": body})
    assert result.limit is Verdict.ERROR
    assert outcome_of(result, "test_lies") is not TestOutcome.PASSED


def test_a_plugin_that_rewrites_outcomes_is_not_believed(trial: Trial) -> None:
    conftest = """\
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    result = yield
    result.get_result().outcome = "passed"
"""
    result = trial({"conftest.py": conftest, "test_a.py": "def test_x(): assert 0\n"})
    assert result.outcomes == {"test_a.py::test_x": TestOutcome.FAILED}


def test_a_plugin_that_runs_nothing_passes_nothing(trial: Trial) -> None:
    conftest = "def pytest_runtest_protocol(item): return True\n"
    result = trial({"conftest.py": conftest, "test_a.py": "def test_x(): assert 0\n"})
    assert result.outcomes == {"test_a.py::test_x": TestOutcome.ERROR}


# --- what makes tests pass wholesale -------------------------------------------------------------

FAILING = "def test_x(): assert 0\n"
CALC = "def double(n): return 3 * n\n"
JUDGE = "from calc import double\ndef test_double(): assert double(2) == 4\n"
UNITTEST = """\
import unittest
class TestX(unittest.TestCase):
    def test_x(self): self.assertEqual(1, 2)
"""
RAISES = "import pytest\ndef test_x():\n    with pytest.raises(KeyError): pass\n"
CHECK = "def check(): assert 0\n"
FAIL = "import pytest\ndef test_x(): pytest.fail('no')\n"

#: Hooks, which only a conftest or a plugin may have.
HOOKS = {
    "runs-nothing": "def pytest_pyfunc_call(): return True\n",
    "runs-nothing-first": """\
import pytest
@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(): return True
""",
    "swallows": """\
import pytest
@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call():
    try: return (yield)
    except BaseException: return True
""",
    "forces-a-result": """\
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call():
    outcome = yield
    outcome.force_result(None)
""",
}
#: Patches, which any code can make that the tests import, and the tests they would make pass.
PATCHES = {
    "runtest": (
        "from _pytest.python import Function\nFunction.runtest = lambda s: None\n",
        FAILING,
    ),
    "setup": (
        """\
from _pytest.python import Function
Function.setup = lambda self: setattr(self, "_obj", lambda: None)
""",
        FAILING,
    ),
    "rewriter": (
        """\
import ast
from _pytest.assertion.rewrite import AssertionRewriter
AssertionRewriter.visit_Assert = lambda self, node: [ast.copy_location(ast.Pass(), node)]
""",
        "import test_b\ndef test_x(): test_b.check()\n",
    ),
    "assert-equal": (
        "import unittest\nunittest.TestCase.assertEqual = lambda *a, **k: None\n",
        UNITTEST,
    ),
    "fail": ("import pytest\npytest.fail = lambda *a, **k: None\n", FAIL),
    "raises": (
        "import contextlib, pytest\npytest.raises = lambda *a, **k: contextlib.suppress(*a)\n",
        RAISES,
    ),
    "call-info": (
        """\
from _pytest.runner import CallInfo
make = CallInfo.from_call.__func__
def quiet(cls, *a, **k):
    info = make(cls, *a, **k); info.excinfo = None; info._result = None; return info
CallInfo.from_call = classmethod(quiet)
""",
        FAILING,
    ),
}


@pytest.mark.parametrize("kind", HOOKS)
def test_a_hook_that_makes_every_test_pass_voids_the_run(trial: Trial, kind: str) -> None:
    result = trial({"conftest.py": HOOKS[kind], "test_a.py": FAILING + "def test_good(): pass\n"})
    assert (result.limit, result.outcomes) == (Verdict.ERROR, {})
    assert "cannot pass" in result.message


BY_NAME = {
    "runner": """\
import pytest
real = pytest.Function.runtest
def run(self):
    if self.name != "test_x": real(self)
pytest.Function.runtest = run
""",
    "asserts": """\
import pytest
real = pytest.Function.runtest
def run(self):
    try: real(self)
    except AssertionError:
        if self.name != "test_x": raise
pytest.Function.runtest = run
""",
    "function": """\
import pytest
real = pytest.Function.setup
def setup(self):
    real(self)
    if self.function.__name__ == "test_x": self.runtest = lambda: None
pytest.Function.setup = setup
""",
    "plugins": """\
import pluggy
real = pluggy.HookCaller.__call__
def call(self, **given):
    is_it = self.name == "pytest_pyfunc_call" and "test_x" in given["pyfuncitem"].nodeid
    return True if is_it else real(self, **given)
pluggy.HookCaller.__call__ = call
""",
}


@pytest.mark.parametrize("kind", BY_NAME)
def test_code_that_makes_a_test_pass_by_its_name_voids_the_run(trial: Trial, kind: str) -> None:
    tree = {"helper.py": BY_NAME[kind], "test_a.py": "import helper\n" + FAILING + AFTER}
    result = trial(tree)
    assert (result.limit, result.outcomes) == (Verdict.ERROR, {})
    assert "cannot pass" in result.message


def test_tests_by_whatever_name_have_twins_that_fail(trial: Trial) -> None:
    body = """\
import pytest
@pytest.fixture(autouse=True, params=["a::b", "\\x1b"], ids=str)
def each(request): return request.param
@pytest.mark.parametrize("value", ["", "x" * 1500, "a::b[c]", "\\u202e", "\\n"], ids=repr)
def test_many(value): pass
class TestIn:
    def test_x(self): pass
test_made = lambda: None
"""
    others = UNITTEST.replace("1, 2", "1, 1") + "    def setUp(self): self.there = 1\n"
    result = trial({"test_a.py": body, "test_b.py": others})
    assert result.limit is Verdict.PASS, result.message
    assert set(result.outcomes.values()) == {TestOutcome.PASSED}, result.output
    assert len(result.outcomes) == 10 + 2 + 2 + 1


DESELECTS = """\
import pytest
@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items):
    yield
    items[:] = [item for item in items if item.name == "test_good"]
"""


def test_a_hook_that_leaves_tests_out_is_not_believed(trial: Trial) -> None:
    result = trial({"conftest.py": DESELECTS, "test_a.py": FAILING + "def test_good(): pass\n"})
    assert result.limit is Verdict.ERROR
    assert outcome_of(result, "test_x") is None


@pytest.mark.parametrize("kind", PATCHES)
def test_code_that_makes_every_test_pass_voids_the_run(trial: Trial, kind: str) -> None:
    code, test = PATCHES[kind]
    tree = {"calc.py": code, "test_a.py": "import calc\n" + test, "test_b.py": CHECK}
    result = trial(tree)
    assert (result.limit, result.outcomes) == (Verdict.ERROR, {})
    assert "cannot pass" in result.message


def test_nobody_sees_the_tests_that_cannot_pass(trial: Trial) -> None:
    tree = {f"tests/test_{n}.py": "class TestA:\n    def test_x(self): pass\n" for n in range(3)}
    result = trial(tree)
    assert result.outcomes == {
        f"tests/test_{n}.py::TestA::test_x": TestOutcome.PASSED for n in range(3)
    }
    assert "3 passed" in result.output
    assert "fail" not in result.output.lower()


FIXTURES = """\
import pytest
made = []
@pytest.fixture(scope="module", autouse=True)
def module():
    made.append("module"); yield; made.append("over")
@pytest.fixture(autouse=True, params=[1, 2])
def each(request): return request.param
@pytest.fixture(scope="class")
def group(): made.append("group")
class TestA:
    def test_first(self, group): pass
    def test_second(self, group): assert made == ["module", "group"], made
def test_last(): assert "over" not in made
"""


def test_fixtures_are_made_as_often_as_without_them(trial: Trial) -> None:
    for _ in range(3):  # where they stand is left to chance
        result = trial({"test_a.py": FIXTURES, "test_b.py": FIXTURES})
        assert set(result.outcomes.values()) == {TestOutcome.PASSED}, result.output
        assert len(result.outcomes) == 12


@pytest.mark.parametrize(
    "mark", ["skip", "xfail", "skipif(True, reason='x')"], ids=["skip", "xfail", "skipif"]
)
def test_a_module_that_is_skipped_is_no_lie(trial: Trial, mark: str) -> None:
    body = f"import pytest\npytestmark = pytest.mark.{mark}\ndef test_x(): assert 0\n"
    result = trial({"test_a.py": body})
    assert (result.limit, outcome_of(result, "test_x")) == (Verdict.PASS, TestOutcome.SKIPPED)


# --- what changes the judges ---------------------------------------------------------------------

REWRITE = "open('/repo/test_b.py', 'w').write('def test_b(): pass')\n"
RESTORE = """\
import atexit, os
was, times = open('/repo/test_b.py').read(), os.stat('/repo/test_b.py')
open('/repo/test_b.py', 'w').write('def test_b(): pass')
def pytest_collection_finish():
    open('/repo/test_b.py', 'w').write(was)
    os.utime('/repo/test_b.py', ns=(times.st_atime_ns, times.st_mtime_ns))
"""
REPLACE = """\
import os
open('/repo/other', 'w').write('def test_b(): pass')
os.rename('/repo/other', '/repo/test_b.py')
"""
PLANT = """\
import os
open('/repo/sub/conftest.py', 'w').write('def pytest_pyfunc_call(): return True')
"""
COMPILED = """\
import importlib.util, marshal, os, struct
os.mkdir('/repo/__pycache__')
status = os.stat('/repo/test_b.py')
code = compile('def test_b(): pass', '/repo/test_b.py', 'exec')
head = importlib.util.MAGIC_NUMBER + struct.pack('<III', 0, int(status.st_mtime), status.st_size)
import pytest
import sys
for name in ('test_b.cpython-%d%d.pyc', f'test_b.cpython-%d%d-pytest-{pytest.__version__}.pyc'):
    open('/repo/__pycache__/' + name % sys.version_info[:2], 'wb').write(head + marshal.dumps(code))
"""


@pytest.mark.parametrize(
    "code",
    [REWRITE, RESTORE, REPLACE, PLANT, COMPILED],
    ids=["rewritten", "put-back", "replaced", "conftest-planted", "compiled"],
)
def test_changing_the_tests_that_are_to_judge_voids_the_run(trial: Trial, code: str) -> None:
    tree = {
        "conftest.py": code,
        "sub/test_c.py": "def test_c(): assert 0\n",
        "test_a.py": "def test_a(): pass\n",
        "test_b.py": "def test_b(): assert 0\n",
    }
    result = trial(tree)
    assert result.limit is Verdict.ERROR
    assert "judge it" in result.message or "cannot pass" in result.message
    assert result.outcomes == {}


def test_compiled_code_in_the_tree_does_not_run_in_place_of_its_source(trial: Trial) -> None:
    tree = {
        "calc.py": CALC,
        "__pycache__/calc.cpython-311.pyc": "whatever",
        "__pycache__/calc.cpython-312.pyc": "whatever",
        "test_a.py": JUDGE
        + "import os\ndef test_gone(): assert not os.path.exists('__pycache__')\n",
    }
    result = trial(tree)
    assert outcome_of(result, "test_double") is TestOutcome.FAILED
    assert outcome_of(result, "test_gone") is TestOutcome.PASSED


# --- what stands in for the runner ---------------------------------------------------------------

STAND_INS = {
    "sitecustomize.py": "import os; os._exit(0)\n",
    "usercustomize.py": "import os; os._exit(0)\n",
    "pytest.py": "def main(*a, **k): return 0\n",
    "_pytest/__init__.py": "raise SystemExit(0)\n",
    "sandbox/__init__.py": "raise SystemExit(0)\n",
    "json.py": "def dumps(*a): return '[]'\ndef loads(*a): return []\n",
    "signal.py": "raise SystemExit(0)\n",
    "pytest.ini": "[pytest]\naddopts = --collect-only\n",
    "setup.cfg": "[tool:pytest]\naddopts = -p no:python --co -k nothing_has_this_name\n",
    "tox.ini": "[pytest]\npython_functions = nothing\n",
}


@pytest.mark.parametrize("name", STAND_INS)
def test_a_file_of_the_tree_does_not_stand_in_for_the_runner(trial: Trial, name: str) -> None:
    result = trial({name: STAND_INS[name], "test_a.py": FAILING})
    assert TestOutcome.PASSED not in result.outcomes.values()
    assert outcome_of(result, "test_x") in {TestOutcome.FAILED, None}
    if outcome_of(result, "test_x") is None:  # not run at all, and that shows
        assert result.limit is not Verdict.PASS or not result.outcomes


def test_what_a_tree_says_is_installed_is_no_plugin(trial: Trial) -> None:
    plugin = "def pytest_pyfunc_call(pyfuncitem):\n    return pyfuncitem.name == 'test_x' or None\n"
    named = "Metadata-Version: 2.1\nName: helper\nVersion: 1\n"
    tree = {
        "helper-1.dist-info/METADATA": named,
        "helper-1.dist-info/entry_points.txt": "[pytest11]\nhelper = helper\n",
        "helper.egg-info/PKG-INFO": named,
        "helper.egg-info/entry_points.txt": "[pytest11]\nhelper = helper\n",
        "src/helper.egg-info/PKG-INFO": named,
        "src/helper.egg-info/entry_points.txt": "[pytest11]\nhelper = helper\n",
    }
    wanted = "[project]\nname = 'helper'\nversion = '1'\n"
    wanted += "[project.entry-points.pytest11]\nhelper = 'helper'\n"
    for said in (tree, {"pyproject.toml": wanted}):
        result = trial({**said, "helper.py": plugin, "test_a.py": FAILING + AFTER})
        assert outcome_of(result, "test_x") is TestOutcome.FAILED
        assert outcome_of(result, "test_zz_after") is TestOutcome.PASSED


# --- reports that are made up --------------------------------------------------------------------

REPLACED = {
    "json-dumps": "import json\njson.dumps = lie(json.dumps)\n",
    "json-encode": "import json\n"
    "def encode(self, record, real=json.JSONEncoder.encode): return lie(real)(self, record)\n"
    "json.JSONEncoder.encode = encode\n",
    "json-default": "import json\n"
    "class Encoder(json.JSONEncoder):\n    encode = lie(json.JSONEncoder.encode)\n"
    "json._default_encoder = Encoder()\n",
    "os-write": "import os\nos.write = lie(os.write)\n",
    "os-getpid": "import os\nos.getpid = lambda: 1\n",
}
LIE = """\
def lie(real):
    def inner(*given):
        return real(*(told(each) for each in given))
    return inner
def told(each):
    if isinstance(each, (bytes, memoryview)): return bytes(each).replace(b"failed", b"passed")
    if isinstance(each, (list, tuple)): return ["passed" if x == "failed" else x for x in each]
    return each
"""


@pytest.mark.parametrize("name", REPLACED)
def test_a_standard_library_that_lies_does_not_speak_for_the_reporter(
    trial: Trial, name: str
) -> None:
    result = trial({"test_a.py": LIE + REPLACED[name] + FAILING + AFTER})
    assert outcome_of(result, "test_x") is TestOutcome.FAILED
    assert outcome_of(result, "test_zz_after") is TestOutcome.PASSED


#: Finds the reporter, as only code that goes looking for it would, and speaks in its name.
SPEAK = """\
import gc, os
def reporter():
    return next(o for o in gc.get_objects() if type(o).__name__ == "Reporter")
def say(data):
    r = reporter(); os.write(r._report_fd, r._prefix + data + b"\\n")
def test_x():
    {call}
    assert 0
"""


@pytest.mark.parametrize(
    "call",
    [
        "say(b'[' * 10**6 + b']' * 10**6)",
        "say(b'[\"outcome\", ' + b'1' * 5000 + b', 1, 1]')",
        "say(b'[]')",
        "say(b'{}')",
        "say(b'null')",
        'say(b\'["collected", "many", 1, 1]\')',
        "say(b'[\"exit\", [1]]')",
        "say(b'\\xff\\xfe')",
        "r = reporter()\n    for _ in range(2048): os.write(r._report_fd, b'x' * (1 << 20))",
        "os.close(reporter()._report_fd)",
        "os.closerange(3, 4096)",
        "os.dup2(1, reporter()._report_fd)",
    ],
    ids=[
        *("nested", "number", "empty", "object", "null", "count", "exit", "bytes", "two-gigabytes"),
        *("closed", "all-closed", "led-elsewhere"),
    ],
)
def test_a_report_that_makes_no_sense_ends_the_run_and_not_mai(trial: Trial, call: str) -> None:
    result = trial({"test_a.py": SPEAK.format(call=call)})
    assert outcome_of(result, "test_x") is not TestOutcome.PASSED
    assert result.limit is not Verdict.PASS or outcome_of(result, "test_x") is not None
    assert result.message or outcome_of(result, "test_x") is not None


def test_names_of_tests_are_text_and_nothing_else(trial: Trial) -> None:
    body = r"""
import pytest
ODD = ["\x1b[2J\x1b]0;t\x07", "line\nbreak", "\u202e\u2066", "a" * 100_000, "\udcff", "\x00"]
@pytest.mark.parametrize("text", ODD, ids=ODD)
def test_x(text): assert 0
"""
    result = trial({"test_a.py": body})
    assert TestOutcome.PASSED not in result.outcomes.values()
    for name in result.outcomes:
        assert name.isprintable()
        assert len(name) < 1200
