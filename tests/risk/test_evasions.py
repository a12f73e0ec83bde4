"""One-line ways round a scanner: each must be seen, however it is spelt."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from mai.proposal import Level
from mai.risk import FileReport, Policy, score_paths
from tests.risk.conftest import CORPORA

CASES = [
    line.replace("\\n", "\n") for line in (CORPORA / "evasions.txt").read_text("utf-8").splitlines()
]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Mapping[int, FileReport]:
    """Score all of them in one go, as `mai risk` does with a folder."""
    folder = tmp_path_factory.mktemp("evasions")
    paths = []
    for number, source in enumerate(CASES):
        path = folder / f"case_{number}.py"
        path.write_text(source + "\n", "utf-8")
        paths.append(path)
    return dict(enumerate(score_paths(paths, Policy())))


@pytest.mark.parametrize("number", range(len(CASES)))
def test_it_is_seen(number: int, reports: Mapping[int, FileReport]) -> None:
    report = reports[number]
    assert report.level >= Level.MEDIUM, CASES[number]
    assert not any(finding.rule == "text.unreadable" for finding in report.findings), "not Python"


@pytest.mark.parametrize("number", range(len(CASES)))
def test_every_finding_says_where_and_what(number: int, reports: Mapping[int, FileReport]) -> None:
    lines = CASES[number].splitlines()
    for finding in reports[number].findings:
        assert 1 <= finding.line <= len(lines)
        assert finding.message.endswith(".")
        assert "\n" not in finding.message
