"""Findings as SARIF 2.1.0, for code-scanning viewers.

The format: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html.
"""

from __future__ import annotations

import hashlib
import urllib.parse
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from mai.proposal import Finding, Level
from mai.risk.rules import RULE

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Level.LOW: "note", Level.MEDIUM: "warning", Level.HIGH: "error", Level.BLOCKED: "error"}
# What GitHub's viewer sorts by: a CVSS-like number as text, where 7.0 and up reads "high".
_SEVERITY = {Level.LOW: "2.0", Level.MEDIUM: "5.0", Level.HIGH: "8.0", Level.BLOCKED: "9.5"}


def sarif(
    findings: Iterable[Finding], version: str, not_read: Iterable[tuple[str, str]] = ()
) -> dict[str, Any]:
    """Return a SARIF log with one run; `version` is Mai's.

    Columns count from 1 there. A finding about a path alone has no region. What was `not_read`,
    with its reason, becomes notifications of the run.
    """
    findings = list(findings)
    ids = sorted({finding.rule for finding in findings})
    driver = {
        "name": "mai risk",
        "semanticVersion": version,
        "rules": [_rule(rule_id, findings) for rule_id in ids],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, ids) for finding in findings],
    }
    if notices := [_notice(path, why) for path, why in not_read]:
        run["invocations"] = [{"executionSuccessful": True, "toolExecutionNotifications": notices}]
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule_id: str, findings: list[Finding]) -> dict[str, Any]:
    known = RULE.get(rule_id)
    first = next(finding for finding in findings if finding.rule == rule_id)
    level = known.level if known else first.level
    return {
        "id": rule_id,
        "shortDescription": {"text": known.summary if known else first.message},
        "defaultConfiguration": {"level": _LEVELS[level]},
        "properties": {
            "tags": ["security", first.capability],
            "security-severity": _SEVERITY[level],
        },
    }


def _result(finding: Finding, ids: list[str]) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": _uri(finding.path)}}
    if finding.line > 0:
        region = {"startLine": finding.line, "startColumn": finding.column + 1}
        location["region"] = region
    return {
        "ruleId": finding.rule,
        "ruleIndex": ids.index(finding.rule),
        "level": _LEVELS[finding.level],
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"mai/v1": _fingerprint(finding)},
        "properties": {"level": finding.level.value, "capability": finding.capability},
    }


def _notice(path: str, why: str) -> dict[str, Any]:
    location = {"physicalLocation": {"artifactLocation": {"uri": _uri(path)}}}
    return {
        "level": "warning",
        "message": {"text": f"Not read: {why}."},
        "locations": [location],
    }


def _uri(path: str) -> str:
    quoted = urllib.parse.quote(PurePosixPath(path).as_posix(), errors="surrogateescape")
    return f"file://{quoted}" if path.startswith("/") else quoted


def _fingerprint(finding: Finding) -> str:
    # Without the line, so that code above it may move without making it a new finding.
    text = f"{finding.rule}\0{finding.path}\0{finding.message}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
