"""A card as text: what a person reads on a phone, within Discord's limits, and nothing forged.

Pure: from a proposal to words. What is cut here stands whole in the attachment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from mai.pipeline.message import author_writes, review_line, reviewer_writes, trial_line
from mai.proposal import FileChange, Finding, Level, Opinion, Proposal, State, Verdict
from mai.surfaces.discord.diffs import short_diff
from mai.surfaces.discord.emoji import NO, YES
from mai.text import chat, chat_line
from mai.words import by, chat_label, chat_said, chat_title, label, said, unformatted

DIGITS = 6
LEVELS = {
    Level.LOW: "LOW",
    Level.MEDIUM: "▲ MEDIUM",
    Level.HIGH: "◆ HIGH",
    Level.BLOCKED: "■ BLOCKED",
}
_COLOURS = {
    Level.LOW: 0x2F81F7,
    Level.MEDIUM: 0xD4A72C,
    Level.HIGH: 0xD1242F,
    Level.BLOCKED: 0x6E1219,
}
_GREEN, _GREY = 0x2DA44E, 0x6E7781
_ENDS = {
    State.LANDED: "✓ landed",
    State.ROLLED_BACK: "↶ taken back",
    State.REJECTED: "✗ refused",
    State.EXPIRED: "✗ expired",
    State.WITHDRAWN: "✗ withdrawn",
    State.CONFLICTED: "✗ no longer fits",
    State.FAILED: "✗ failed",
    State.BLOCKED: "■ BLOCKED",
}
_WHY_LINES, _CONCERN_LINES, _WHY_WIDTH = 6, 4, 90
_LINE, _FILES, _FINDINGS, _NAMES = 160, 6, 5, 3
_VERDICTS, _BODY = 1500, 3900
_IN_THE_ATTACHMENT = "… the rest is in the attachment"
_TRIALS = {Verdict.PASS: "✓", Verdict.SKIPPED: "▲"}
_REVIEWS = {Opinion.APPROVE: "✓", Opinion.OBJECT: "▲", Opinion.NONE: "–"}


@dataclass(frozen=True, slots=True)
class Face:
    """What a message shows. `headline` is what a locked phone shows too, at most 300 characters.

    It is Mai's own line of facts, with the quoted title below it. `body` has at most 3,900
    characters. `answers` says whether 👍, 👎 and the buttons belong to it.
    """

    headline: str
    body: str
    footer: str
    colour: int
    answers: bool = False


def marker(proposal_id: str, digest: str) -> str:
    """Return the footer that says whose card a message is, so that it is found after a crash."""
    return f"{proposal_id} · {bare(digest)[:12] or 'no digest'}"


def over(proposal_id: str, digest: str) -> str:
    """Return the footer of a card that is over: never taken for one that can be answered."""
    return f"{marker(proposal_id, digest)} · over"


def bare(digest: str) -> str:
    """Return a digest without `sha256:`."""
    return digest.removeprefix("sha256:")


def digits_of(digest: str) -> str:
    """Return the characters that confirm a HIGH one."""
    return bare(digest)[:DIGITS]


def question(proposal: Proposal, diff: str, repo: str) -> Face:
    """Return the card of a proposal that waits for an answer, or is BLOCKED and cannot have one.

    `repo` is the name of the repo's folder.
    """
    is_blocked = proposal.level is Level.BLOCKED or proposal.state is State.BLOCKED
    facts = [
        "\n".join(_files(proposal.files)),
        _bounded([*_risk(proposal), *_trial(proposal), _review(proposal)]),
        short_diff(diff),
    ]
    return Face(
        _headline(proposal, repo, "■" if is_blocked else "●", LEVELS[proposal.level]),
        _body(facts, proposal, _blocked(proposal) if is_blocked else _how(proposal)),
        marker(proposal.id, "" if is_blocked else proposal.digest),
        _COLOURS[proposal.level],
        answers=not is_blocked,
    )


def is_uncut(face: Face) -> bool:
    """Whether a question shows everything, so that a yes to it needs no attachment."""
    shown = face.headline + face.body
    return face.answers and "…" not in shown and "in the attachment" not in shown


def outcome(proposal: Proposal, digest: str, repo: str) -> Face:
    """Return what becomes of the card once its proposal has ended."""
    is_good = proposal.state is State.LANDED
    mark, _, end = _ENDS.get(proposal.state, f"– {proposal.state}").partition(" ")
    return Face(
        _headline(proposal, repo, mark, end),
        _body(["\n".join(_files(proposal.files)), _told(proposal)], proposal),
        over(proposal.id, digest),
        _GREEN if is_good else _GREY,
    )


def superseded(proposal: Proposal, digest: str, repo: str) -> Face:
    """Return what becomes of a card whose digest is no longer the proposal's."""
    branch = f"`{_code(proposal.branch, 80)}`"
    told = f"{branch} moved, and what would land is no longer what this card showed."
    if proposal.state is State.PENDING:
        told += " There is a newer card; answers here count for nothing."
    else:
        told += " Answers here count for nothing."
    return Face(
        _headline(proposal, repo, "↻", "superseded"), told, over(proposal.id, digest), _GREY
    )


def who(answer: str) -> str:
    """Return, as a person would say it, on which surface an answer was given."""
    surface, _, name = answer.partition(":")
    match surface:
        case "discord":
            return "on Discord"
        case "terminal" | "headless":
            return f"in the terminal by {chat_label(name, 60)}"
        case "setting":
            return "by itself, because it is LOW and you let those land"
        case _:
            return f"by {chat_label(answer, 80)}"


def _bounded(lines: Sequence[str]) -> str:
    """Join `lines`, leaving out the last ones where there are too many to read."""
    kept: list[str] = []
    for line in lines:
        if sum(map(len, kept)) + len(line) > _VERDICTS:
            return "\n".join([*kept, "- … there is more in the attachment"])
        kept.append(line)
    return "\n".join(kept)


# --- the parts -------------------------------------------------------------------------------


def _headline(proposal: Proposal, repo: str, mark: str, state: str) -> str:
    """Return where, how grave and whose it is; its title in a line of its own."""
    branch = chat_label(proposal.branch, 40)
    if branch.casefold().startswith(("everyone", "here")):
        branch = f"\u200b{branch}"
    facts = (
        f"{chat_label(repo, 30)}@{branch}",
        state,
        proposal.short_id,
        chat_label(by(proposal.author), 50),
    )
    return f"{mark} {' · '.join(facts)}\n{chat_title(proposal.title, 72)}"


def _body(facts: Sequence[str], proposal: Proposal, last: str = "") -> str:
    """Return Mai's facts, then the words of others, quoted and as many as fit, then `last`."""
    room = _BODY - sum(len(part) + 2 for part in (*facts, last))
    words = []
    for lines in (
        author_writes(proposal, width=_WHY_WIDTH, most=_WHY_LINES, rest=""),
        reviewer_writes(proposal, width=_WHY_WIDTH, most=_CONCERN_LINES, rest=""),
    ):
        words.append(_fitting([_quote(line) for line in lines], room))
        room -= len(words[-1]) + 2
    return "\n\n".join(part for part in (*facts, *words, last) if part)


def _quote(line: str) -> str:
    """Return a line of `mai.words.writes` as Discord shows it."""
    if line.startswith("> "):
        return f"> {unformatted(chat(line.removeprefix('> '), _WHY_WIDTH))}"
    if line.startswith("… "):
        return _IN_THE_ATTACHMENT
    return chat_label(line, 100)


def _fitting(lines: Sequence[str], room: int) -> str:
    """Return as many of `lines` as have room, and say so where some have none."""
    kept: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < len(_IN_THE_ATTACHMENT):
            return "\n".join([*kept, _IN_THE_ATTACHMENT]) if kept else _IN_THE_ATTACHMENT
        kept.append(line)
    return "\n".join(kept)


def _files(files: Sequence[FileChange]) -> Iterator[str]:
    for change in files[:_FILES]:
        before = f"{label(change.old_path)} → " if change.old_path else ""
        amount = "binary" if change.is_binary else f"+{change.added} −{change.removed}"
        how = "" if change.status == "modified" else f"  {change.status}"
        modes = change.old_mode and change.new_mode and change.old_mode != change.new_mode
        yield f"`{_code(change.path, 100, before)}`  {amount}{how}{'  mode' if modes else ''}"
    if len(files) > _FILES:
        added = sum(change.added for change in files)
        removed = sum(change.removed for change in files)
        yield f"… and {len(files) - _FILES} more; {len(files)} files, +{added} −{removed} in all"


def _risk(proposal: Proposal) -> Iterator[str]:
    findings = proposal.risk.findings if proposal.risk else ()
    yield f"**Risk**  {LEVELS[proposal.level]}{'' if findings else ', gains nothing'}"
    ordered = sorted(findings, key=lambda found: -found.level.rank)
    for found in ordered[:_FINDINGS]:
        yield f"- {_finding(found, _LINE, implied=proposal.level)}"
    if len(ordered) > _FINDINGS:
        yield f"- … and {len(ordered) - _FINDINGS} more, all in the attachment"


def _trial(proposal: Proposal) -> Iterator[str]:
    trial = proposal.trial
    if trial is None:
        return
    mark = _TRIALS.get(trial.verdict, "✗")
    yield f"**Trial**  {mark} {chat_said(trial_line(trial).removesuffix('.'), _LINE)}"
    for name in ("broken", "missing", "changed", "flaky"):
        tests: tuple[str, ...] = getattr(trial, name)
        if tests:
            shown = ", ".join(f"`{_code(test, 90)}`" for test in tests[:_NAMES])
            more = f" and {len(tests) - _NAMES} more" if len(tests) > _NAMES else ""
            yield f"- {name}: {shown}{more}"
    if trial.message:
        yield f"- {chat_said(trial.message, _LINE)}"


def _review(proposal: Proposal) -> str:
    if proposal.review is None and proposal.state is State.BLOCKED:
        return ""  # it never got so far
    opinion = proposal.review.verdict if proposal.review else Opinion.NONE
    return f"**Review**  {_REVIEWS[opinion]} {chat_said(review_line(proposal.review), _LINE)}"


def _how(proposal: Proposal) -> str:
    digits = digits_of(proposal.digest)
    yes = f"{YES} lands it"
    if proposal.level >= Level.HIGH:
        yes = f"{YES} and then the digest as a reply lands it"
    signing = f"{chat_said(proposal.signing, 200)}\n" if proposal.signing else ""
    ends = f"ends {_when(proposal.expires_at)} · digest `{digits}`"
    return f"{signing}{yes} · {NO} refuses it\n{ends}"


def _blocked(proposal: Proposal) -> str:
    told = "Nobody can land this from here, and no answer is asked for."
    if proposal.error is None or (proposal.risk and proposal.risk.findings):
        return told  # the findings say why
    return f"{chat_said(proposal.error.message)} {told}"


def _when(expires_at: str | None) -> str:
    if not expires_at:
        return "never"
    # Discord shows this in the reader's own time zone, and keeps it current without an edit.
    return f"<t:{int(datetime.fromisoformat(expires_at).timestamp())}:R>"


def _told(proposal: Proposal) -> str:
    match proposal.state:
        case State.LANDED if proposal.landed:
            where = f"`{_code(proposal.landed.branch, 80)}` as `{proposal.landed.commit[:10]}`"
            by_whom = f", {who(proposal.approval.by)}" if proposal.approval else ""
            note = f"\n{chat_said(proposal.landed.note, 200)}" if proposal.landed.note else ""
            return f"Landed on {where}{by_whom}.{note}"
        case State.ROLLED_BACK:
            return "It had landed and was taken back."
        case State.REJECTED if proposal.error:
            by_whom = proposal.error.message.partition(" by ")[2].partition(": ")[0].rstrip(".")
            reason = f"\nWhy: “{chat_said(proposal.reason)}”" if proposal.reason else ""
            return f"Refused {who(by_whom) if by_whom else ''}.".replace(" .", ".") + reason
        case State.EXPIRED:
            return "Nobody answered in time, which is a no."
        case _ if proposal.error:
            return chat_said(proposal.error.message, 400)
        case _:
            return f"It is {proposal.state}."


def _finding(found: Finding, limit: int, implied: Level | None = None) -> str:
    """Say what was found; its level too, unless that is `implied` by what stands above it."""
    line = f":{found.line}" if found.line else ""
    level = "" if found.level is implied else f"{LEVELS[found.level]}: "
    where = f"({label(found.path, limit // 2)}{line})"
    # What is too long loses the end of its sentence, not the place that it is about.
    what = said(found.message, limit - len(level) - len(where) - 1)
    return f"{level}{unformatted(chat_line(f'{what} {where}', limit))}"


def _code(text: str, limit: int, before: str = "") -> str:
    return chat_line(f"{before}{label(text, limit)}", limit).replace("`", "'")
