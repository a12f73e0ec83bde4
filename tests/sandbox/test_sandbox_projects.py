"""Projects of every layout are tried as their developers test them, without being installed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mai.jobs import RunResult, TestOutcome

pytestmark = pytest.mark.docker

LAYOUTS = {
    "a configuration in a sub-folder": {
        "backend/pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["lib"]\n',
        "backend/lib/calc.py": "x = 1\n",
        "backend/tests/test_calc.py": "import calc\ndef test(): assert calc.x\n",
    },
    "a version file of setuptools-scm": {
        "pyproject.toml": '[project]\nname = "pkg"\ndynamic = ["version"]\n'
        '[tool.setuptools_scm]\nversion_file = "src/pkg/_version.py"\n',
        "src/pkg/__init__.py": "from pkg._version import version, version_tuple\n",
        "tests/test_pkg.py": "import pkg\ndef test(): assert pkg.version_tuple == (0, 0, 0)\n",
    },
    "a version file of hatch-vcs": {
        "pyproject.toml": '[tool.hatch.build.hooks.vcs]\nversion-file = "pkg/_v.py"\n',
        "pkg/__init__.py": "from pkg._v import __version__\n",
        "PKG-INFO": "Metadata-Version: 2.1\nVersion: 1.2.3\n",
        "test_pkg.py": "import pkg\ndef test(): assert pkg.__version__ == '1.2.3'\n",
    },
    "a plugin of the repo's own": {
        "pytest.ini": "[pytest]\naddopts = -p tests.plug\n",
        "tests/__init__.py": "",
        "tests/plug.py": "import pytest\n@pytest.fixture\ndef three(): return 3\n",
        "tests/test_a.py": "def test(three): assert three == 3\n",
    },
    "a workspace": {
        "packages/a/pyproject.toml": '[project]\nname = "a"\n',
        "packages/a/src/a/__init__.py": "import b\n",
        "packages/b/pyproject.toml": '[project]\nname = "b"\n',
        "packages/b/src/b/__init__.py": "x = 1\n",
        "packages/a/tests/test_a.py": "import a\ndef test(): assert a.b.x\n",
    },
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_tests_run_as_developers_run_them(trial: Callable[..., RunResult], layout: str) -> None:
    result = trial(LAYOUTS[layout])
    assert list(result.outcomes.values()) == [TestOutcome.PASSED], (result.message, result.output)
    # What is not in the repo, or found away from its root, is said.
    assert bool(result.message) is (layout != "a workspace")
