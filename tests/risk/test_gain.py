"""Only what a change gains counts, and how new it is decides how much."""

from __future__ import annotations

import pytest

from mai.proposal import FileChange, Level
from tests.risk.conftest import Score, rules

RUN = "import subprocess\n\n\ndef go(command):\n    return subprocess.run(command)\n"
METHOD = """
import os


class A:
    def __init__(self):
        self.c = "WORD"

    def f(self):
        os.system(self.c)
"""


def test_what_stood_before_costs_nothing(score: Score) -> None:
    report = score({"a.py": RUN}, {"a.py": "# A comment.\n" + RUN + "\n\nx = 1\n"})
    assert report.level is Level.LOW
    assert report.findings == ()
    assert report.score == 0


def test_new_to_the_project_is_more_than_new_to_the_file_is_more_than_once_more(
    score: Score,
) -> None:
    plain = "x = 1\n"
    adds = plain + "import pathlib\npathlib.Path('x').write_text('y')\n"
    calls = RUN + "\n\ndef more():\n    return subprocess.check_output(['ls'])\n"
    new_to_project = score({"a.py": plain}, {"a.py": RUN})
    new_to_file = score({"a.py": plain, "b.py": RUN}, {"a.py": RUN + "y = 1\n", "b.py": RUN})
    once_more = score({"a.py": RUN}, {"a.py": calls})
    assert new_to_project.level is Level.HIGH
    assert new_to_file.level is Level.MEDIUM
    assert once_more.level is Level.MEDIUM
    assert new_to_project.score >= new_to_file.score >= once_more.score
    assert score({"a.py": plain}, {"a.py": adds}).level is Level.MEDIUM
    again = adds + "pathlib.Path('z').touch()\n"
    assert score({"a.py": adds}, {"a.py": again}).level is Level.LOW


def test_a_capability_split_over_two_places_is_seen(score: Score) -> None:
    base = "import os\n\nhandle = None\n\n\ndef work(x):\n    return handle.system(x)\n"
    head = base.replace("handle = None", "handle = os")
    assert (
        score({"a.py": base.replace("handle.system", "print")}, {"a.py": head}).level
        >= Level.MEDIUM
    )
    assert score({"a.py": base}, {"a.py": head}).level >= Level.MEDIUM


def test_a_function_moved_to_another_file_is_no_gain(score: Score) -> None:
    base = {"a.py": RUN, "b.py": "import subprocess\n"}
    head = {"a.py": "import subprocess\n", "b.py": RUN}
    assert score(base, head).level is Level.LOW


def test_a_function_renamed_with_its_locals_is_no_gain(score: Score) -> None:
    head = RUN.replace("go(command)", "start(words)").replace("run(command)", "run(words)")
    assert score({"a.py": RUN}, {"a.py": head}).level is Level.LOW


def test_a_file_renamed_is_no_gain(score: Score) -> None:
    files = [FileChange("b.py", "renamed", old_path="a.py", old_mode="100644", new_mode="100644")]
    assert score({"a.py": RUN}, {"b.py": RUN}, files=files).level is Level.LOW


def test_a_moved_body_that_means_something_else_is_a_gain(score: Score) -> None:
    function = "\n\ndef go(command):\n    return show(command)\n"
    base = {"a.py": "show = print\n" + function, "b.py": "from os import system as show\n"}
    head = {"a.py": "show = print\n", "b.py": "from os import system as show\n" + function}
    assert score(base, head).level >= Level.MEDIUM


@pytest.mark.parametrize(
    ("base", "head"),
    [
        ("x = 'a'\nexec(x)\n", "x = input()\nexec(x)\n"),
        (
            "import subprocess\n\n\ndef f():\n    c = ['ls']\n    subprocess.run(c)\n",
            "import subprocess\n\n\ndef f():\n    c = ['rm', '-r', 'x']\n    subprocess.run(c)\n",
        ),
        (
            "import subprocess\n\n\ndef f(c):\n    subprocess.run(c)\n\n\nf('ls')\n",
            "import subprocess\n\n\ndef f(c):\n    subprocess.run(c)\n\n\nf('rm')\n",
        ),
        (
            "import os\nA = 'l'\nB = A + 's'\nC = B\n\n\ndef f():\n    os.system(C)\n",
            "import os\nA = 'p'\nB = A + 's'\nC = B\n\n\ndef f():\n    os.system(C)\n",
        ),
        (
            "import os\n\n\ndef f(c=[]):\n    c.append('ls')\n    os.execv('x', c)\n",
            "import os\n\n\ndef f(c=[]):\n    c.append('rm')\n    os.execv('x', c)\n",
        ),
        (
            METHOD.replace("WORD", "ls"),
            METHOD.replace("WORD", "rm"),
        ),
        (
            "import os\n\n\ndef name():\n    return 'ls'\n\n\nos.system(name())\n",
            "import os\n\n\ndef name():\n    return 'rm'\n\n\nos.system(name())\n",
        ),
    ],
)
def test_other_data_for_a_sink_that_stood_is_a_gain(score: Score, base: str, head: str) -> None:
    report = score({"a.py": base}, {"a.py": head})
    assert report.level >= Level.MEDIUM
    assert "flow.changed" in rules(report)


def test_data_far_behind_a_long_chain_of_names_is_still_followed(score: Score) -> None:
    chain = "".join(f"v{n} = v{n - 1}\n" for n in range(1, 60))
    source = "import os\nv0 = '{}'\n" + chain + "os.system(v59)\n"
    report = score({"a.py": source.format("ls")}, {"a.py": source.format("rm")})
    assert report.level >= Level.MEDIUM


def test_a_call_into_a_helper_of_the_project_reaches_what_the_helper_reaches(
    score: Score,
) -> None:
    helper = "import subprocess\n\n\ndef shell(command):\n    subprocess.run(command, shell=True)\n"
    base = {"pkg/__init__.py": "", "pkg/util.py": helper, "pkg/a.py": "x = 1\n"}
    for call in (
        "from pkg.util import shell\nshell('rm -r x')\n",
        "from .util import shell as s\ns('rm -r x')\n",
        "from pkg import util\nutil.shell('rm -r x')\n",
        "import pkg.util\npkg.util.shell('rm -r x')\n",
    ):
        report = score(base, {**base, "pkg/a.py": call})
        assert report.level is Level.MEDIUM, call
        assert rules(report) == {"flow.changed"}


def test_running_on_import_what_took_a_call_before_is_a_gain(score: Score) -> None:
    base = "import os\n\n\ndef main():\n    os.system('ls')\n"
    guarded = base + "\n\nif __name__ == '__main__':\n    main()\n"
    report = score({"a.py": guarded}, {"a.py": base + "\n\nmain()\n"})
    assert report.level >= Level.MEDIUM
    assert "importing the file" in report.findings[0].message
    assert score({"a.py": base + "\n\nmain()\n"}, {"a.py": guarded}).level is Level.LOW


def test_a_variable_read_before_does_not_cover_another(score: Score) -> None:
    base = "import os\nx = os.environ['HOME']\n"
    head = base + "y = os.environ['GITHUB_TOKEN']\n"
    report = score({"a.py": base}, {"a.py": head})
    assert rules(report, Level.MEDIUM) == {"env.secret"}


def test_combinations_count_across_the_files_of_one_change(score: Score) -> None:
    base = {"a.py": "x = 1\n", "b.py": "y = 1\n", "c.py": "import requests\nrequests.get('x')\n"}
    head = {
        "a.py": "import os\nx = dict(os.environ)\n",
        "b.py": "import requests\n\n\ndef send(x):\n    requests.post('http://x', data=x)\n",
        "c.py": base["c.py"],
    }
    report = score(base, head)
    assert report.level is Level.HIGH
    assert "combination.leak" in rules(report)


def test_a_combination_with_what_stood_before_counts_once(score: Score) -> None:
    base = "import os\nkey = os.environ['API_KEY']\n"
    leak = base + "import requests\nrequests.post('http://x', data=key)\n"
    assert score({"a.py": base}, {"a.py": leak}).level is Level.HIGH
    more = leak + "x = 1\n"
    assert score({"a.py": leak}, {"a.py": more}).level is Level.LOW


def test_a_deleted_file_gains_nothing(score: Score) -> None:
    assert score({"a.py": RUN, "b.py": ""}, {"b.py": ""}).level is Level.LOW


@pytest.mark.parametrize(
    "line",
    [
        "import app.util\napp.util.check = print\n",
        "from app import util\nsetattr(util, 'check', print)\n",
        "from app.util import Store\nStore.read = print\n",
    ],
)
def test_replacing_part_of_another_module_is_medium(score: Score, line: str) -> None:
    base = {"app/util.py": "def check():\n    return 1\n", "app/main.py": "x = 1\n"}
    report = score(base, {**base, "app/main.py": line})
    assert rules(report, Level.MEDIUM) == {"reflection.patch"}


def test_a_sink_that_a_new_module_only_passes_on_is_seen(score: Score) -> None:
    base = {"app/main.py": "x = 1\n"}
    head = {
        "app/compat.py": "from os import system as go\n",
        "app/main.py": "from app.compat import go\ngo('ls')\n",
    }
    assert score(base, head).level >= Level.MEDIUM


MOVED = """import ctypes
from types import FunctionType

def load(name):
    return ctypes.CDLL(name)

def is_function(value):
    return isinstance(value, FunctionType)
"""


def test_what_a_moved_file_or_function_imports_moves_with_it(score: Score) -> None:
    assert score({"a/x.py": MOVED}, {"b/y.py": MOVED}).level is Level.LOW
    head = {
        "a/x.py": "from a.y import is_function, load\n",
        "a/y.py": MOVED,
    }
    assert score({"a/x.py": MOVED}, head).level is Level.LOW


def test_an_import_that_no_function_brings_along_is_a_gain(score: Score) -> None:
    head = {"a/x.py": MOVED, "a/y.py": "import ctypes\n"}
    assert "native.load" in rules(score({"a/x.py": MOVED}, head), Level.MEDIUM)


def test_a_project_imports_itself_for_nothing(score: Score) -> None:
    base = {"src/paho/__init__.py": "", "tests/test_x.py": "def test_x():\n    assert 1\n"}
    head = {**base, "tests/test_x.py": "import paho\n" + base["tests/test_x.py"]}
    assert score(base, head).level is Level.LOW
    elsewhere = {"app/__init__.py": "", "app/x.py": "x = 1\n"}
    report = score(elsewhere, {**elsewhere, "app/x.py": "import paho\nx = 1\n"})
    assert "net.socket" in rules(report, Level.MEDIUM)


FLOWS = """import subprocess

class Runner:
    def first(self):
        self.name = "a"

    def second(self):
        self.name = "b"

    def run(self, names):
        password = [name for name in names if name.is_valid(self.name)]
        if not password:
            raise ValueError
        return subprocess.run([each for each in password], input=dict(password=names))
"""


def test_names_of_comprehensions_and_the_order_of_methods_do_not_matter(score: Score) -> None:
    first = FLOWS[FLOWS.index("    def first") : FLOWS.index("    def second")]
    reordered = FLOWS.replace(first, "").rstrip() + "\n\n" + first
    renamed = (
        FLOWS.replace("each", "item").replace("password", "words").replace("words=", "password=")
    )
    for head in (reordered, renamed):
        report = score({"app/x.py": FLOWS}, {"app/x.py": head})
        assert report.level is Level.LOW, report.findings


def test_a_folder_that_is_renamed_with_its_relative_imports_is_low(score: Score) -> None:
    source = "import subprocess\nfrom .names import NAME\nsubprocess.run([NAME])\n"
    files = [FileChange("b/x.py", "renamed", old_path="a/x.py")]
    assert score({"a/x.py": source}, {"b/x.py": source}, files=files).level is Level.LOW


@pytest.mark.parametrize("root", ["", "src/"])
@pytest.mark.parametrize("line", ["from .tools import command", "from app.tools import command"])
def test_a_renamed_module_is_the_same_module_to_those_who_import_it(
    score: Score, root: str, line: str
) -> None:
    tools = "def command(x):\n    return ['ls', x]\n"
    run = f"import subprocess\n{line}\n\n\ndef go(x):\n    subprocess.run(command(x))\n"
    base = {f"{root}app/tools.py": tools, f"{root}app/go.py": run, f"{root}app/other.py": tools}
    head = {
        f"{root}app/helpers.py": tools,
        f"{root}app/go.py": run.replace("tools", "helpers"),
        f"{root}app/other.py": tools,
    }
    files = [
        FileChange(f"{root}app/helpers.py", "renamed", old_path=f"{root}app/tools.py"),
        FileChange(f"{root}app/go.py", "modified"),
    ]
    assert score(base, head, files=files).level is Level.LOW
    elsewhere = {**head, f"{root}app/go.py": run.replace("tools", "other")}
    assert score(base, elsewhere, files=files).level is Level.MEDIUM


def test_a_call_into_a_renamed_helper_is_no_new_call(score: Score) -> None:
    call = "from tools import run\n\n\ndef go(x):\n    run(x)\n"
    tools = "import subprocess\n\n\ndef run(x):\n    subprocess.run(x)\n"
    files = [
        FileChange("helpers.py", "renamed", old_path="tools.py"),
        FileChange("a.py", "modified"),
    ]
    head = {"helpers.py": tools, "a.py": call.replace("tools", "helpers")}
    assert score({"tools.py": tools, "a.py": call}, head, files=files).level is Level.LOW
    more = {**head, "a.py": head["a.py"] + "    run(x + 'y')\n"}
    assert score({"tools.py": tools, "a.py": call}, more, files=files).level is Level.MEDIUM


def test_an_option_that_only_says_how_to_listen_is_no_other_command(score: Score) -> None:
    head = RUN.replace("(command)", "(command, bufsize=0, stderr=subprocess.DEVNULL, text=True)")
    assert score({"a.py": RUN}, {"a.py": head}).level is Level.LOW
    for told in ("env={'PATH': '/tmp'}", "input=command", "shell=True", "stdin=open(command)"):
        more = RUN.replace("(command)", f"(command, {told})")
        assert score({"a.py": RUN}, {"a.py": more}).level >= Level.MEDIUM, told


@pytest.mark.parametrize(
    ("old", "new", "level"),
    [
        ("cwd=x", "cwd=x or None", Level.LOW),
        ("cwd=x", "cwd=x or '/tmp'", Level.MEDIUM),
        ("    do(", "    x = x or None\n    do(", Level.MEDIUM),
        ("y = read()\n", "y = read()\n    if not y:\n        y = {}\n", Level.LOW),
        ("y = read()\n", "y = read()\n    if not y:\n        y = {'a': 'rm'}\n", Level.MEDIUM),
    ],
)
def test_falling_back_on_nothing_is_no_other_data(
    score: Score, old: str, new: str, level: Level
) -> None:
    base = "from subprocess import run as do\nfrom app import read\n\n\ndef go(x):\n"
    base += "    y = read()\n    do(['ls', y], cwd=x)\n"
    assert old in base
    assert score({"a.py": base}, {"a.py": base.replace(old, new)}).level is level


def test_a_package_that_is_a_library_of_its_own_imports_itself(score: Score) -> None:
    base = {"paramiko/__init__.py": "", "paramiko/key.py": "x = 1\n", "tests/test_key.py": ""}
    line = "from paramiko.message import Message\n"
    assert score(base, {**base, "paramiko/key.py": line}).level is Level.LOW
    assert score(base, {**base, "tests/test_key.py": line}).level is Level.LOW
    elsewhere = {"app/key.py": "x = 1\n"}
    assert score(elsewhere, {"app/key.py": line}).level >= Level.MEDIUM


def test_who_a_user_is_is_no_place_to_write_to(score: Score) -> None:
    base = "import os\n\nremove = os.unlink\n\n\ndef who(x):\n    return x\n"
    head = base.replace("return x", "return __import__('pwd').getpwuid(x)")
    assert score({"a.py": base}, {"a.py": head}).level is Level.MEDIUM
    place = base.replace("return x", "return '/etc/cron.d/job'")
    assert score({"a.py": base}, {"a.py": place}).level is Level.HIGH
