"""`mai risk`: the scorer alone, for pre-commit and CI."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from mai.cli.options import JsonOption, RepoOption

if TYPE_CHECKING:
    from mai.proposal import Finding, RiskReport


def risk(
    paths: Annotated[
        Optional[list[Path]],  # noqa: UP045 - typer reads the annotation at run time
        typer.Argument(metavar="PATH…", help="Files and folders, each judged as wholly new."),
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
    repo: RepoOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score what code could do: LOW, MEDIUM, HIGH or BLOCKED."""
    from mai.cli.output import Exit, answering, print_json

    empty: dict[str, Any] = {"level": None, "score": 0, "files": []}
    with answering(as_json, lambda: empty):
        limit = _level(fail_on)
        judged = _judge(paths or [], diff, repo, is_staged=staged)
        if as_json:
            print_json(judged)
        else:
            _print(judged)
        if limit is not None and limit <= judged["level"]:
            raise Exit(3)


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

    if sum((bool(paths), diff is not None, is_staged)) != 1:
        raise UsageError("Give paths, or --diff FILE, or --staged: one of the three.")
    if paths:
        return _judge_paths(paths)
    from mai.pipeline.judge_patch import judge_patch, judge_staged
    from mai.settings import load

    settings = load()
    report = (
        judge_staged(repo, settings) if is_staged else judge_patch(_read(str(diff)), repo, settings)
    )
    return {**_grouped(report), "context": report.context, "error": None}


def _files(paths: list[Path]) -> list[Path]:
    """Return the files named, and for a folder every Python file in it, none of them a link out."""
    from mai.errors import UsageError

    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = (file for file in path.rglob("*") if file.suffix in {".py", ".pyi", ".ipynb"})
            found += sorted(file for file in inside if file.is_file() and not file.is_symlink())
        elif path.is_file():
            found.append(path)
        else:
            raise UsageError(f"There is no file {path}.")
    return found


def _judge_paths(paths: list[Path]) -> dict[str, Any]:
    from mai.proposal import Level
    from mai.repo_policy import RepoPolicy
    from mai.risk.policy import Policy
    from mai.risk.score import score_paths
    from mai.settings import load

    reports = list(score_paths(_files(paths), Policy.of(load(), RepoPolicy()), progress=None))
    files = [
        {
            "path": str(report.path),
            "level": report.level,
            "score": report.score,
            "findings": [_finding(found) for found in report.findings],
        }
        for report in reports
    ]
    return {
        "level": Level.highest(report.level for report in reports),
        "score": sum(report.score for report in reports),
        "files": files,
        "error": None,
    }


def _grouped(report: RiskReport) -> dict[str, Any]:
    from mai.proposal import Level

    by_path: dict[str, list[Finding]] = {}
    for found in report.findings:
        by_path.setdefault(found.path, []).append(found)
    files = [
        {
            "path": path,
            "level": Level.highest(found.level for found in findings),
            "score": 0,
            "findings": [_finding(found) for found in findings],
        }
        for path, findings in by_path.items()
    ]
    return {"level": report.level, "score": report.score, "files": files}


def _finding(found: Finding) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(found)


def _print(judged: dict[str, Any]) -> None:
    from mai.cli.output import line
    from mai.cli.show import MARKS
    from mai.text import one_line

    for file in judged["files"]:
        for found in file["findings"]:
            where = f"{one_line(found['path'])}:{found['line']}:{found['column']}"
            line(f"{where}: {MARKS[found['level']]} {one_line(found['message'])} [{found['rule']}]")
    line(f"{MARKS[judged['level']]}")


def _read(file: str) -> bytes:
    from mai.errors import UsageError

    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
