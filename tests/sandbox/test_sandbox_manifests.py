"""Every way in which projects name what they need, and a reason for each line that is not taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from mai.sandbox.dependencies import Dependencies, read_dependencies
from mai.sandbox.manifests.poetry import specifier_of

Files = dict[str, str | bytes]


def read(files: Files) -> Dependencies:
    return read_dependencies(
        {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}.get
    )


READ: dict[str, tuple[Files, str]] = {
    "a tab before a comment": ({"requirements.txt": "six\t# compat\n"}, "six"),
    "a byte order mark": ({"requirements.txt": b"\xef\xbb\xbfsix\nrich\n"}, "rich six"),
    "UTF-16": ({"requirements.txt": "six\nrich\n".encode("utf-16")}, "rich six"),
    "UTF-16, the other way round": (
        {"requirements.txt": b"\xfe\xff" + "six\r\nrich".encode("utf-16-be")},
        "rich six",
    ),
    "UTF-32": ({"requirements.txt": "six\nrich\n".encode("utf-32")}, "rich six"),
    "carriage returns alone": ({"requirements.txt": "six\rrich\r"}, "rich six"),
    "continued lines with hashes": (
        {"requirements.txt": "six==1.16.0 \\\r\n  --hash=sha256:a \\\r\n  --hash=sha256:b\r\nrich"},
        "rich six==1.16.0",
    ),
    "a comment between continued lines": (
        {"requirements.txt": "six>=1 \\\n# why\nrich\n"},
        "rich six>=1",
    ),
    "nested files": (
        {
            "requirements.txt": "-r reqs/a.txt\n--requirement=reqs/c.txt\n",
            "reqs/a.txt": "six\n-r b.txt\n",
            "reqs/b.txt": "rich\n-r a.txt\n",
            "reqs/c.txt": "attrs",
        },
        "attrs rich six",
    ),
    "a file of lint tools is not for tests": (
        {
            "requirements-lint.txt": "black",
            "docs/requirements.txt": "sphinx",
            "requirements.txt": "six",
        },
        "six",
    ),
    "a folder of files": (
        {
            "requirements/prod.txt": "six",
            "requirements/tests.in": "rich",
            "requirements/dev.in": "ten",
            "requirements/dev.txt": "ten==1",
            "requirements/docs.txt": "sphinx",
        },
        "rich six ten==1",
    ),
    "constraints ask for nothing": (
        {"requirements.txt": "-c limits.txt\nsix\n", "limits.txt": "rich<3\nsix<2\n"},
        "six",
    ),
    "the project itself with an extra": (
        {
            "requirements-dev.txt": "-e .[fast]\n",
            "pyproject.toml": '[project]\nname = "x"\noptional-dependencies = {fast = ["six"]}\n',
        },
        "six",
    ),
    "extras that name extras": (
        {
            "pyproject.toml": '[project]\nname="X.y"\n[project.optional-dependencies]\n'
            'all=["x-y[b,c]"]\nb=["six"]\nc=["x_y[all]", "ten"]\ntest=["x.y[all]","rich"]\n'
        },
        "rich six ten",
    ),
    "groups that include groups": (
        {
            "pyproject.toml": '[dependency-groups]\ntests=[{include-group="Base_Set"},"six"]\n'
            'base-set=["rich"]\nunused=["ten"]\n'
        },
        "rich six",
    ),
    "uv": (
        {
            "pyproject.toml": '[tool.uv]\ndev-dependencies=["six"]\ndefault-groups=["web"]\n'
            '[dependency-groups]\nweb=["rich"]\n'
        },
        "rich six",
    ),
    "pdm": (
        {"pyproject.toml": '[tool.pdm.dev-dependencies]\ntest=["six"]\ndoc=["mkdocs"]\n'},
        "six",
    ),
    "hatch": (
        {
            "pyproject.toml": '[tool.hatch.envs.default]\ndependencies=["six"]\n'
            '[tool.hatch.envs.hatch-test]\nextra-dependencies=["rich"]\n'
            '[tool.hatch.envs.docs]\ndependencies=["mkdocs"]\n',
            "hatch.toml": '[envs.test]\ndependencies=["ten"]\n',
        },
        "rich six ten",
    ),
    "flit": (
        {
            "pyproject.toml": '[tool.flit.metadata]\nmodule="x"\nrequires=["six"]\n'
            '[tool.flit.metadata.requires-extra]\ntest=["rich"]\ndoc=["mkdocs"]\n'
        },
        "rich six",
    ),
    "dynamic metadata of setuptools": (
        {
            "pyproject.toml": '[project]\nname="x"\n[tool.setuptools.dynamic]\n'
            'dependencies={file=["deps.in"]}\noptional-dependencies.test={file="t.in"}\n',
            "deps.in": "six",
            "t.in": "rich",
        },
        "rich six",
    ),
    "dynamic metadata of hatch": (
        {
            "pyproject.toml": '[tool.hatch.metadata.hooks.requirements_txt]\nfiles=["need.txt"]\n',
            "need.txt": "six",
        },
        "six",
    ),
    "poetry": (
        {
            "pyproject.toml": """
[tool.poetry]
name = "x"
[tool.poetry.dependencies]
python = "^3.9"
six = "^1.16"
rich = {version = "~1.2", extras = ["a"], markers = "os_name == 'posix'"}
slow = {version = "*", optional = true}
ten = [{version = "1.*", python = "<3.9"}, {version = ">=2", python = "^3.9"}]
[tool.poetry.extras]
test = ["slow"]
[tool.poetry.dev-dependencies]
dev = "*"
[tool.poetry.group.qa.dependencies]
qa = "1.2.3"
[tool.poetry.group.docs.dependencies]
mkdocs = "*"
[tool.poetry.group.extra]
optional = true
[tool.poetry.group.extra.dependencies]
never = "*"
""",
        },
        (
            'dev qa==1.2.3 rich[a]<1.3,>=1.2;os_name=="posix" six<2,>=1.16 slow '
            'ten==1.*;python_version<"3.9" ten>=2;python_version<"4"andpython_version>="3.9"'
        ),
    ),
    "a project beside, in poetry": (
        {
            "pyproject.toml": '[tool.poetry]\nname="x"\n[tool.poetry.dependencies]\n'
            'y={path="libs/y", develop=true}\n',
            "libs/y/pyproject.toml": '[project]\nname="y"\ndependencies=["six"]\n',
        },
        "six",
    ),
    "setup.cfg": (
        {
            "setup.cfg": "[metadata]\nname = x\n[options]\ninstall_requires =\n    six # why\n"
            "    rich>1;python_version>'3'\n"
            "[options.extras_require]\ntests =\n    ten\n    x[all]\n"
            "all =\n    eleven\ndocs =\n    sphinx\n"
        },
        'eleven rich>1;python_version>"3" six ten',
    ),
    "setup.cfg that names a file": (
        {"setup.cfg": "[options]\ninstall_requires = file: need.txt\n", "need.txt": "six"},
        "six",
    ),
    "tox.ini": (
        {
            "tox.ini": "[testenv]\ndeps =\n    six\n    -r{toxinidir}/t.txt\n    old: ten\n"
            "[testenv:docs]\ndeps = sphinx\n",
            "t.txt": "rich",
        },
        "rich six",
    ),
    "the many forms of tox.ini": (
        {
            "pyproject.toml": '[project]\nname="x"\noptional-dependencies={fast=["a"]}\n'
            '[dependency-groups]\nrun=["b", {include-group="more"}]\nmore=["c"]\n',
            "tox.ini": "[base]\ndeps =\n  d\n  {[more]deps}\n[more]\ndeps = e\n"
            "[testenv]\ndeps =\n  {[base]deps}\n  f{env:LIMIT:>=2}\n  -e .[fast]\n"
            "  -c {toxinidir}/limits.txt\n  unit: g\n  unit,docs: h\n  lint: i\n"
            "  py{310,311}-!old: j ; os_name == 'posix'\n  pypy3: k\n"
            "[testenv:{py312,py313}-unit]\ndependency_groups = run\n"
            "[testenv:test-cov]\ndeps = l\n[testenv:py27,2.7]\n"
            "deps =\n  -r old.txt\n  -r test-requirements.txt\n"
            "[testenv:py312-fast]\ndeps = never\n[testenv:min-3.12]\ndeps = never\n",
            "limits.txt": "b<2\n",
            "old.txt": "n",
            "test-requirements.txt": "m",
        },
        (
            'a b;python_version=="3.12"orpython_version=="3.13" '
            'c;python_version=="3.12"orpython_version=="3.13" d e f>=2 g h '
            'j;os_name=="posix"and(python_version=="3.10"orpython_version=="3.11") l '
            'm m;python_version=="2.7" n;python_version=="2.7"'
        ),
    ),
    "tox.toml": (
        {
            "pyproject.toml": '[dependency-groups]\nrun=["six"]\nstyle=["black"]\n',
            "tox.toml": '[env_run_base]\ndependency_groups=["run"]\n'
            '[env.test]\ndeps=["rich", "-r t.txt"]\n[env.docs]\ndeps=["sphinx"]\n'
            '[env.style]\ndependency_groups=["style"]\n',
            "t.txt": "ten",
        },
        "rich six ten",
    ),
    "tox in pyproject.toml and setup.cfg": (
        {
            "pyproject.toml": '[tool.tox.env_run_base]\ndeps=["six"]\n',
            "a/pyproject.toml": '[tool.tox]\nlegacy_tox_ini="""\n[testenv]\ndeps = rich\n"""\n',
            "b/setup.cfg": "[tox:tox]\n[testenv]\ndeps =\n  ten\n",
        },
        "rich six ten",
    ),
    "noxfile.py": (
        {
            "pyproject.toml": '[project]\nname="x"\noptional-dependencies={fast=["a"]}\n'
            '[dependency-groups]\nrun=["b"]\nmore=["c"]\nrest=["d"]\n',
            "noxfile.py": "import nox\nraise SystemExit('never run')\n"
            "@nox.session(name='tests', python=['3.12'])\ndef session_a(session):\n"
            "    session.install('-r', 'need.txt', 'e>=1', '-e', '.[fast]', '--group=run', '-q')\n"
            "    session.install('--group', 'more', f'{HERE}[g]')\n"
            "    session.install(*nox.project.dependency_groups(pyproject, 'rest'))\n"
            "@nox.session\ndef lint(session):\n    session.install('black')\n",
            "need.txt": "f",
        },
        "a b c d e>=1 f",
    ),
    "files beside the tests": (
        {
            "README.md": "",
            "tests/requirements.txt": "a",
            "tests/requirements/py3.txt": "b",
            "testing/dev-requirements.txt": "c",
            "tests/data/requirements.txt": "never",
            "pkg/pyproject.toml": "",
            "pkg/tests/requirements.txt": "d",
        },
        "a b c d",
    ),
    "setup.py": (
        {
            "setup.py": "from setuptools import setup\nraise SystemExit('never run')\n"
            "NEEDS = ['six']\nMORE = {'test': ['ten'], 'docs': ['sphinx']}\n"
            "setup(name='x', install_requires=NEEDS + ['rich>1'], extras_require=MORE,\n"
            "      tests_require=open('t.txt').read().splitlines())\n",
            "t.txt": "eleven",
        },
        "eleven rich>1 six ten",
    ),
    "setup.py with a dictionary of arguments": (
        {
            "setup.py": "import setuptools\nwords = dict(name='x', install_requires=('six',))\n"
            "setuptools.setup(**words)\n"
        },
        "six",
    ),
    "Pipfile": (
        {
            "Pipfile": '[packages]\nsix="*"\nrich={version="==1.2", extras=["a"], '
            'sys_platform="== \'linux\'"}\n[dev-packages]\nten=">=1"\n'
            '[requires]\npython_version="3"\n'
        },
        'rich[a]==1.2;sys_platform=="linux" six ten>=1',
    ),
    "projects in folders": (
        {
            "README.md": "",
            "backend/pyproject.toml": '[project]\nname="x"\ndependencies=["six"]\n',
            "services/api/requirements.txt": "rich",
            "tests/fixtures/pyproject.toml": '[project]\nname="y"\ndependencies=["never"]\n',
            "examples/requirements.txt": "never",
        },
        "rich six",
    ),
    "a workspace": (
        {
            "pyproject.toml": '[project]\nname="root"\ndependencies=["a"]\n'
            '[tool.uv.workspace]\nmembers=["packages/*"]\n[tool.uv.sources]\na={workspace=true}\n',
            "packages/a/pyproject.toml": '[project]\nname="a"\ndependencies=["b[x]", "six"]\n',
            "packages/b/pyproject.toml": '[project]\nname="b"\n'
            '[project.optional-dependencies]\nx=["rich"]\ntest=["ten"]\n',
        },
        "rich six ten",
    ),
}


@pytest.mark.parametrize("name", READ)
def test_nothing_that_developers_would_have_is_lost(name: str) -> None:
    files, expected = READ[name]
    found = [requirement.replace(" ", "") for requirement in read(files).requirements]
    assert found == expected.split()


def test_constraints_limit_what_is_installed_anyway() -> None:
    found = read({"requirements.txt": "-c limits.txt\nsix\n", "limits.txt": "rich<3\nsix<2\n"})
    assert found.constraints == ("rich<3", "six<2")


def test_of_two_that_exclude_each_other_the_projects_own_comes_first() -> None:
    found = read(
        {
            "requirements.txt": "six==1.15\na\n",
            "pyproject.toml": '[project]\nname="x"\ndependencies=["six>=1.16"]\n',
        }
    )
    assert found.order == ("six>=1.16", "six==1.15", "a")
    assert found.requirements == tuple(sorted(found.order))


@pytest.mark.parametrize(
    ("path", "text", "line", "why"),
    [
        ("requirements.txt", "six\n\ngit+https://a.example/b.git\n", 3, "addresses"),
        ("requirements.txt", "six\nb @ https://a.example/b.whl\n", 2, "addresses"),
        ("requirements.txt", "# a\n-e ../other\n", 2, "paths"),
        ("requirements.txt", "./wheels/a.whl\n", 1, "paths"),
        ("requirements.txt", "a==${VERSION}\n", 1, "variables"),
        ("requirements.txt", "-r gone.txt\n", 1, "no such file"),
        ("requirements.txt", "-r ../gone.txt\n", 1, "out of the repo"),
        ("requirements.txt", "--extra-index-url https://a.example\n", 1, "options"),
        ("requirements.txt", "what is this\n", 1, "no requirement"),
        ("pyproject.toml", '[project]\ndependencies=[\n"a",\n"b c",\n]\n', 4, "no requirement"),
        ("pyproject.toml", "[project\n", 0, "not TOML"),
        ("pyproject.toml", '[tool.poetry.dependencies]\na={git="https://b"}\n', 2, "addresses"),
        ("pyproject.toml", '[tool.poetry.dependencies]\na="^x"\n', 2, "version"),
        ("setup.cfg", "[options]\ninstall_requires =\n  a\n  b c\n", 4, "no requirement"),
        ("setup.cfg", "[options\n", 0, "parsed"),
        ("setup.py", "setup(\n install_requires=needs(),\n)\n", 2, "computed"),
        ("setup.py", "setup(\n", 0, "parsed"),
        ("tox.ini", "[testenv]\ndeps =\n  old: a\n", 3, "tox"),
        ("tox.ini", "[testenv]\ndeps =\n  {[base]deps}\n", 3, "tox"),
    ],
)
def test_each_line_that_is_not_taken_is_named_with_its_reason(
    path: str, text: str, line: int, why: str
) -> None:
    (dropped,) = read({path: text}).dropped
    assert (dropped.file, dropped.line) == (path, line)
    assert why in dropped.why
    assert "\n" not in str(dropped)


@pytest.mark.parametrize(
    ("version", "specifier"),
    [
        ("^1.2.3", ">=1.2.3,<2"),
        ("^1", ">=1,<2"),
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("^0", ">=0,<1"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~1", ">=1,<2"),
        ("~=1.2", "~=1.2"),
        ("*", ""),
        ("1.2.*", "==1.2.*"),
        ("1.2.3", "==1.2.3"),
        ("= 1.2", "==1.2"),
        (">= 1.2, < 2", ">=1.2,<2"),
        (">=1.2 <2", ">=1.2,<2"),
        ("!=1.3,^1.2", "!=1.3,>=1.2,<2"),
        ("^1.0 || ^2.0", ">=2.0,<3"),
    ],
)
def test_versions_of_poetry_become_those_of_pep_440(version: str, specifier: str) -> None:
    assert set(filter(None, specifier_of(version).split(","))) == set(
        filter(None, specifier.split(","))
    )


MANIFESTS = st.sampled_from(
    [
        "pyproject.toml",
        "setup.cfg",
        "setup.py",
        "tox.ini",
        "Pipfile",
        "requirements.txt",
        "a/setup.py",
    ]
)


@given(st.dictionaries(MANIFESTS, st.binary(max_size=200) | st.text(max_size=200)))
def test_any_content_is_read_without_an_error(files: Files) -> None:
    encoded = {
        path: text.encode("utf-8", "replace") if isinstance(text, str) else text
        for path, text in files.items()
    }
    for requirement in read_dependencies(encoded.get).requirements:
        assert Requirement(requirement).url is None


@pytest.mark.parametrize(
    "text",
    ["a = " + "[" * 9999, "[project]\nname=3\n[tool]\npoetry=4\nuv=[]\nhatch={envs={test=1}}\n"],
)
def test_tables_of_odd_shapes_name_nothing(text: str) -> None:
    assert not read({"pyproject.toml": text})
