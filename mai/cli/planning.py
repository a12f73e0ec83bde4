"""A plan at the terminal, before any code is written: go on, change it, or stop."""

from __future__ import annotations

from mai.agent.task import Plan
from mai.commands.output import ask, note
from mai.errors import UsageError


def ask_plan(plan: Plan) -> Plan | None:
    """Show a plan and return it as the person wants it, or None where they do not.

    An empty answer, or the end of input, is a no: silence is never a yes.
    """
    while True:
        note(f"\n{plan.as_text()}\n")
        answer = ask("Go on with this plan? [y/edit/n] › ").lower()
        if answer in {"y", "yes"}:
            return plan
        if answer not in {"e", "edit"}:
            return None
        plan = _edited(plan)


def _edited(plan: Plan) -> Plan:
    """Let the person's own editor change the plan; what cannot be read leaves it as it was."""
    from click import ClickException, edit

    try:
        text = edit(plan.as_text(), extension=".txt")
        return plan if text is None else Plan.from_text(text)
    except ClickException as error:
        note(f"The editor did not work: {error.format_message()}")
    except UsageError as error:
        note(error.sentence)
    return plan
