"""A card as text: what a person reads on a phone, within Discord's limits, and nothing forged.

Pure: from a proposal to words. What is cut here stands whole in the attachment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from mai.pipeline.message import author_writes, trial_line
from mai.proposal import FileChange, Finding, Level, Opinion, Proposal, State
from mai.surfaces.discord.diffs import short_diff
from mai.surfaces.discord.emoji import NO, YES
from mai.text import chat, chat_line, one_line, plain
from mai.visible import visible_diff
from mai.words import title_line, unformatted

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
_WHY_LINES, _WHY_WIDTH = 6, 90
_LINE, _FILES, _FINDINGS, _NAMES, _CONCERNS = 160, 6, 5, 3, 3
_VERDICTS = 1500


@dataclass(frozen=True, slots=True)
class Face:
    """What a message shows. `headline` is what a locked phone shows too, at most 300 characters.

    `body` has at most 3,900 characters. `answers` says whether 👍, 👎 and the buttons belong to it.
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


def question(proposal: Proposal, diff: str) -> Face:
    """Return the card of a proposal that waits for an answer, or is BLOCKED and cannot have one."""
    is_blocked = proposal.level is Level.BLOCKED or proposal.state is State.BLOCKED
    parts = [
        "\n".join(_files(proposal.files)),
        _bounded([*_risk(proposal), *_trial(proposal), *_review(proposal)]),
        short_diff(diff),
        _words(proposal, _WHY_LINES),
        _blocked(proposal) if is_blocked else _how(proposal),
    ]
    mark = "■" if is_blocked else "●"
    return Face(
        f"{mark} **{_title(proposal)}**   {proposal.short_id} · {LEVELS[proposal.level]}",
        "\n\n".join(part for part in parts if part),
        marker(proposal.id, "" if is_blocked else proposal.digest),
        _COLOURS[proposal.level],
        answers=not is_blocked,
    )


def is_uncut(face: Face) -> bool:
    """Whether a question shows everything, so that a yes to it needs no attachment."""
    shown = face.headline + face.body
    return face.answers and "…" not in shown and "in the attachment" not in shown


def outcome(proposal: Proposal, digest: str) -> Face:
    """Return what becomes of the card once its proposal has ended."""
    is_good = proposal.state is State.LANDED
    parts = [
        "\n".join(_files(proposal.files)),
        _told(proposal),
        _words(proposal, _WHY_LINES // 2),
    ]
    end = _ENDS.get(proposal.state, str(proposal.state))
    return Face(
        f"{end[0]} **{_title(proposal)}**   {proposal.short_id} ·{end[1:]}",
        "\n\n".join(part for part in parts if part),
        over(proposal.id, digest),
        _GREEN if is_good else _GREY,
    )


def superseded(proposal: Proposal, digest: str) -> Face:
    """Return what becomes of a card whose digest is no longer the proposal's."""
    told = f"`{proposal.branch}` moved, and what would land is no longer what this card showed."
    if proposal.state is State.PENDING:
        told += " There is a newer card; answers here count for nothing."
    else:
        told += " Answers here count for nothing."
    return Face(
        f"↻ **{_title(proposal)}**   {proposal.short_id} · superseded",
        told,
        over(proposal.id, digest),
        _GREY,
    )


def whole(proposal: Proposal, diff: str) -> str:
    """Return everything a yes is bound to, uncut and as plain text: the attachment."""
    lines = [one_line(proposal.title, 500), ""]
    lines += [*plain(proposal.why).splitlines(), ""] if proposal.why else []
    lines += [f"id      {proposal.id}", f"branch  {one_line(proposal.branch)}"]
    lines += [f"digest  {proposal.digest or '-'}", f"author  {one_line(proposal.author)}"]
    lines += [f"risk    {proposal.level}"]
    if proposal.risk:
        lines += [f"        {_finding(found, 1000)}" for found in proposal.risk.findings]
    if proposal.trial:
        lines.append(f"trial   {trial_line(proposal.trial)}")
        for name in ("fixed", "broken", "missing", "changed", "flaky"):
            lines += [f"        {name}: {one_line(i, 500)}" for i in getattr(proposal.trial, name)]
        if proposal.trial.message:
            lines.append(f"        {one_line(proposal.trial.message, 1000)}")
    lines.append(f"review  {_verdict(proposal)}")
    if proposal.review:
        lines += [f"        {one_line(concern, 2000)}" for concern in proposal.review.concerns]
    lines += ["", visible_diff(diff)]
    return "\n".join(lines)


def who(by: str) -> str:
    """Return, as a person would say it, on which surface an answer was given."""
    surface, _, name = by.partition(":")
    match surface:
        case "discord":
            return "on Discord"
        case "terminal" | "headless":
            return f"in the terminal by {chat_line(name, 60)}"
        case "setting":
            return "by itself, because it is LOW and you let those land"
        case _:
            return f"by {chat_line(by, 80)}"


def _bounded(lines: Sequence[str]) -> str:
    """Join `lines`, leaving out the last ones where there are too many to read."""
    kept: list[str] = []
    for line in lines:
        if sum(map(len, kept)) + len(line) > _VERDICTS:
            return "\n".join([*kept, "- … there is more in the attachment"])
        kept.append(line)
    return "\n".join(kept)


# --- the parts -------------------------------------------------------------------------------


def _title(proposal: Proposal) -> str:
    return chat_line(title_line(proposal.title), 120).replace("*", "∗")


def _words(proposal: Proposal, most: int) -> str:
    """Return the author's reason, quoted: Mai's facts stand above it."""
    lines = author_writes(proposal, width=_WHY_WIDTH, most=most)
    if not lines:
        return ""
    name, *words = lines
    quotes = (f"> {chat(line.removeprefix('> '), _WHY_WIDTH)}" for line in words if line[0] == ">")
    more = [line for line in words if line[0] != ">"]
    return "\n".join([chat_line(name, 100), *map(unformatted, quotes), *more])


def _files(files: Sequence[FileChange]) -> Iterator[str]:
    for change in files[:_FILES]:
        name = f"{change.old_path} → {change.path}" if change.old_path else change.path
        amount = "binary" if change.is_binary else f"+{change.added} −{change.removed}"
        how = "" if change.status == "modified" else f"  {change.status}"
        modes = change.old_mode and change.new_mode and change.old_mode != change.new_mode
        yield f"`{_code(name, 100)}`  {amount}{how}{'  mode' if modes else ''}"
    if len(files) > _FILES:
        added = sum(change.added for change in files)
        removed = sum(change.removed for change in files)
        yield f"… and {len(files) - _FILES} more; {len(files)} files, +{added} −{removed} in all"


def _risk(proposal: Proposal) -> Iterator[str]:
    findings = proposal.risk.findings if proposal.risk else ()
    yield f"**Risk**  {LEVELS[proposal.level]}{'' if findings else ', gains nothing'}"
    ordered = sorted(findings, key=lambda found: -found.level.rank)
    for found in ordered[:_FINDINGS]:
        said = _finding(found, _LINE, implied=proposal.level)
        yield f"- {chat_line(said, _LINE)}"
    if len(ordered) > _FINDINGS:
        yield f"- … and {len(ordered) - _FINDINGS} more, all in the attachment"


def _trial(proposal: Proposal) -> Iterator[str]:
    trial = proposal.trial
    if trial is None:
        return
    yield f"**Trial**  {chat_line(trial_line(trial).removesuffix('.'), _LINE)}"
    for name in ("broken", "missing", "changed", "flaky"):
        tests: tuple[str, ...] = getattr(trial, name)
        if tests:
            shown = ", ".join(f"`{_code(test, 90)}`" for test in tests[:_NAMES])
            more = f" and {len(tests) - _NAMES} more" if len(tests) > _NAMES else ""
            yield f"- {name}: {shown}{more}"
    if trial.message:
        yield f"- {chat_line(trial.message, _LINE)}"


def _review(proposal: Proposal) -> Iterator[str]:
    if proposal.review is None and proposal.state is State.BLOCKED:
        return  # it never got so far
    yield f"**Review**  {chat_line(_verdict(proposal), _LINE)}"
    concerns = proposal.review.concerns if proposal.review else ()
    for concern in concerns[:_CONCERNS]:
        yield f"- {chat_line(concern, _LINE)}"
    if len(concerns) > _CONCERNS:
        yield f"- … and {len(concerns) - _CONCERNS} more, all in the attachment"


def _verdict(proposal: Proposal) -> str:
    review = proposal.review
    if review is None or (review.verdict is Opinion.NONE and not review.concerns):
        return "none, there is no second model to ask"
    words = {Opinion.APPROVE: "agrees", Opinion.OBJECT: "objects", Opinion.NONE: "failed"}
    reviewer = f"{one_line(review.reviewer, 60)} " if review.reviewer else ""
    return f"{reviewer}{words[review.verdict]}{'' if review.concerns else ', no concerns'}"


def _how(proposal: Proposal) -> str:
    digits = digits_of(proposal.digest)
    yes = f"{YES} lands it"
    if proposal.level >= Level.HIGH:
        yes = f"{YES} and then the digest as a reply lands it"
    signing = f"{chat_line(proposal.signing, 200)}\n" if proposal.signing else ""
    ends = f"ends {_when(proposal.expires_at)} · digest `{digits}`"
    return f"{signing}{yes} · {NO} refuses it\n{ends}"


def _blocked(proposal: Proposal) -> str:
    told = "Nobody can land this from here, and no answer is asked for."
    if proposal.error is None or (proposal.risk and proposal.risk.findings):
        return told  # the findings say why
    return f"{chat_line(proposal.error.message, 300)} {told}"


def _when(expires_at: str | None) -> str:
    if not expires_at:
        return "never"
    # Discord shows this in the reader's own time zone, and keeps it current without an edit.
    return f"<t:{int(datetime.fromisoformat(expires_at).timestamp())}:R>"


def _told(proposal: Proposal) -> str:
    match proposal.state:
        case State.LANDED if proposal.landed:
            where = f"`{_code(proposal.landed.branch, 80)}` as `{proposal.landed.commit[:10]}`"
            said = f", {who(proposal.approval.by)}" if proposal.approval else ""
            note = f"\n{chat_line(proposal.landed.note, 200)}" if proposal.landed.note else ""
            return f"Landed on {where}{said}.{note}"
        case State.ROLLED_BACK:
            return "It had landed and was taken back."
        case State.REJECTED if proposal.error:
            said = proposal.error.message.partition(" by ")[2].partition(": ")[0].rstrip(".")
            reason = f"\nWhy: {chat_line(proposal.reason, 300)}" if proposal.reason else ""
            return f"Refused {who(said) if said else ''}.".replace(" .", ".") + reason
        case State.EXPIRED:
            return "Nobody answered in time, which is a no."
        case _ if proposal.error:
            return chat_line(proposal.error.message, 400)
        case _:
            return f"It is {proposal.state}."


def _finding(found: Finding, limit: int, implied: Level | None = None) -> str:
    """Say what was found; its level too, unless that is `implied` by what stands above it."""
    line = f":{found.line}" if found.line else ""
    level = "" if found.level is implied else f"{LEVELS[found.level]}: "
    where = f"({one_line(found.path, limit // 2)}{line})"
    # What is too long loses the end of its sentence, not the place that it is about.
    what = one_line(f"{level}{found.message}", limit - len(where) - 1)
    return f"{what} {where}"


def _code(text: str, limit: int) -> str:
    return chat_line(text, limit).replace("`", "'")
