"""`mai risk`: the scorer alone, for pre-commit and CI."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from mai.commands.options import JsonOption, NoPagerOption, RepoOption

if TYPE_CHECKING:
    from mai.commands.risk_files import Passed
    from mai.proposal import Finding, RiskReport


_DIFF = frozenset({".patch", ".diff"})
_AGAINST = {
    "HEAD": "Judged against HEAD,",
    "empty tree": "Judged against the empty tree: there is no commit yet",
    "hunks": "Judged by its hunks alone: the files they change are not here",
}


def risk(
    paths: Annotated[
        Optional[list[Path]],  # noqa: UP045 - typer reads the annotation at run time
        typer.Argument(metavar="PATH…", help="Files, folders or -, judged as wholly new."),
    ] = None,
    diff: Annotated[
        Optional[str],  # noqa: UP045 - likewise
        typer.Option("--diff", metavar="FILE|-", help="Judge what a diff gains over HEAD."),
    ] = None,
    staged: Annotated[bool, typer.Option("--staged", help="Judge what is staged.")] = False,
    fail_on: Annotated[
        Optional[str],  # noqa: UP045 - likewise
        typer.Option("--fail-on", metavar="LEVEL", help="Exit 3 from this level on."),
    ] = None,
    as_sarif: Annotated[
        bool, typer.Option("--sarif", help="Print SARIF 2.1.0, for code-scanning viewers.")
    ] = False,
    repo: RepoOption = None,
    as_json: JsonOption = False,
    _no_pager: NoPagerOption = False,
) -> None:
    """Score what code could do: LOW, MEDIUM, HIGH or BLOCKED."""
    from mai.commands.output import Exit, answering, print_json
    from mai.commands.terminal.pager import paged
    from mai.errors import UsageError

    empty: dict[str, Any] = {"level": None, "score": 0, "files": []}
    with answering(as_json, lambda: empty):
        if as_json and as_sarif:
            raise UsageError("Give --json or --sarif, not both.")
        limit = _level(fail_on)
        judged = _judge(paths or [], diff, repo, is_staged=staged)
        if as_json:
            print_json(judged)
        elif as_sarif:
            print_json(_sarif(judged))
        else:
            with paged():
                _print(judged)
        if limit is not None and limit <= judged["level"]:
            raise Exit(3)


def _sarif(judged: dict[str, Any]) -> dict[str, Any]:
    from mai import __version__
    from mai.proposal import Finding
    from mai.risk.sarif import sarif

    found = (Finding(**each) for file in judged["files"] for each in file["findings"])
    not_read = [(each["path"], each["why"]) for each in judged.get("not_read", ())]
    return sarif(found, __version__, not_read)


def _level(text: str | None) -> Any:
    from mai.errors import UsageError
    from mai.proposal import Level

    if text is None:
        return None
    try:
        return Level(text.upper())
    except ValueError as error:
        raise UsageError("--fail-on takes LOW, MEDIUM, HIGH or BLOCKED.") from error


def _judge(
    paths: list[Path], diff: str | None, repo: Path | None, *, is_staged: bool
) -> dict[str, Any]:
    from mai.errors import UsageError
    from mai.text import path_line

    if sum((bool(paths), diff is not None, is_staged)) != 1:
        raise UsageError("Give paths, or --diff FILE, or --staged: one of the three.")
    if len(paths) == 1 and paths[0].suffix in _DIFF and paths[0].is_file():
        raise UsageError(f"{path_line(str(paths[0]))} is a diff: give it with --diff.")
    if paths:
        return _judge_paths(paths)
    from mai.pipeline.judge_patch import judge_patch, judge_staged
    from mai.settings import load

    settings = load()
    judged = (
        judge_staged(repo, settings) if is_staged else judge_patch(_read(str(diff)), repo, settings)
    )
    return {
        **_grouped(judged.report),
        "context": judged.context,
        "commit": judged.commit,
        "error": None,
    }


def _files(paths: list[Path], stdin: Path) -> Iterator[Path | Passed]:
    """Yield what is named; `-` stands for standard input, which goes to the file `stdin` first."""
    from mai.commands.risk_files import find

    for path in paths:
        if str(path) == "-":
            stdin.write_bytes(sys.stdin.buffer.read())
            yield stdin
        else:
            yield from find(path)


def _judge_paths(paths: list[Path]) -> dict[str, Any]:
    from mai import scratch
    from mai.commands.output import progress
    from mai.commands.risk_files import Passed
    from mai.proposal import Level
    from mai.repo_policy import RepoPolicy
    from mai.risk.policy import Policy
    from mai.risk.score import passed_by, score_paths
    from mai.settings import load

    policy = Policy.of(load(), RepoPolicy())
    with scratch.folder("risk") as folder:
        stdin = folder / "stdin.py"
        found = list(_files(paths, stdin))
        files = [each for each in found if isinstance(each, Path)]
        passed = [each for each in found if isinstance(each, Passed)]
        with progress(len(files)) as step:
            reports = list(score_paths(files, policy, progress=step))
    reports += [passed_by(each.path, each.why, policy) for each in passed if not each.is_known]
    not_read = [(report.path, report.unread) for report in reports if report.unread]
    not_read += [(each.path, each.why) for each in passed if each.is_known]
    judged = [
        {
            "path": _shown(report.path, stdin),
            "level": report.level,
            "score": report.score,
            "findings": [
                {**_finding(found), "path": _shown(found.path, stdin)} for found in report.findings
            ],
        }
        for report in reports
    ]
    return {
        "level": Level.highest(report.level for report in reports),
        "score": sum(report.score for report in reports),
        "files": judged,
        "read": len(reports) + sum(each.is_known for each in passed) - len(not_read),
        "not_read": [{"path": _shown(path, stdin), "why": why} for path, why in not_read],
        "error": None,
    }


def _shown(path: Path | str, stdin: Path) -> str:
    return "<stdin>" if str(path) == str(stdin) else str(path)


def _grouped(report: RiskReport) -> dict[str, Any]:
    from mai.proposal import Level
    from mai.risk.report import score_of

    by_path: dict[str, list[Finding]] = {}
    for found in report.findings:
        by_path.setdefault(found.path, []).append(found)
    files = [
        {
            "path": path,
            "level": Level.highest(found.level for found in findings),
            "score": score_of(findings),
            "findings": [_finding(found) for found in findings],
        }
        for path, findings in by_path.items()
    ]
    return {"level": report.level, "score": report.score, "files": files}


def _finding(found: Finding) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(found)


def _print(judged: dict[str, Any]) -> None:
    from mai.commands.output import line
    from mai.commands.show import MARKS
    from mai.text import one_line, path_line
    from mai.words import label

    for file in judged["files"]:
        for found in file["findings"]:
            where = f"{label(found['path'])}:{found['line']}:{found['column']}"
            line(f"{where}: {MARKS[found['level']]} {one_line(found['message'])} [{found['rule']}]")
    if "context" in judged:
        commit = f" {judged['commit'][:12]}" if judged["commit"] else ""
        line(f"{_AGAINST[judged['context']]}{commit}.")
    if "read" in judged:
        line(f"{judged['read']} files read." if judged["read"] != 1 else "1 file read.")
        for each in judged["not_read"]:
            line(f"Not read: {path_line(each['path'])}: {one_line(each['why'])}.")
    line(f"{MARKS[judged['level']]}")


def _read(file: str) -> bytes:
    from mai.errors import UsageError

    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
