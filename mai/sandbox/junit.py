"""A JUnit report that a command of the repo's own left: somebody else's bytes, read with care."""

from __future__ import annotations

from xml.parsers import expat

from mai.errors import SandboxError
from mai.jobs import TestOutcome
from mai.text import one_line

_DEEPEST = 64
_MOST_TESTS = 100_000
_ID_LIMIT = 1000
_OUTCOME_OF = {
    "failure": TestOutcome.FAILED,
    "error": TestOutcome.ERROR,
    "skipped": TestOutcome.SKIPPED,
}


class _Reader:
    def __init__(self) -> None:
        self.outcomes: dict[str, TestOutcome] = {}
        self._depth = 0
        self._name = ""
        self._outcome = TestOutcome.PASSED

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise SandboxError("The test command's report is nested too deeply.")
        if tag == "testcase":
            place = attributes.get("file") or attributes.get("classname", "")
            self._name = one_line(
                "::".join(filter(None, (place, attributes.get("name", "")))), _ID_LIMIT
            )
            self._outcome = TestOutcome.PASSED
        elif tag in _OUTCOME_OF and self._name and not self._outcome.is_failure:
            # A failure and a skip in one test case: the failure counts.
            self._outcome = _OUTCOME_OF[tag]

    def end(self, tag: str) -> None:
        self._depth -= 1
        if tag == "testcase" and self._name:
            if len(self.outcomes) >= _MOST_TESTS:
                raise SandboxError("The test command's report has too many tests.")
            known = self.outcomes.get(self._name)
            if known is None or not known.is_failure:
                self.outcomes[self._name] = self._outcome
            self._name = ""

    @staticmethod
    def refuse(*_: object) -> None:
        # Entities are what makes a small XML file a large one; no JUnit report has any.
        raise SandboxError("The test command's report has a document type, which none needs.")


def read_junit(data: bytes) -> dict[str, TestOutcome]:
    """Return the outcomes in a JUnit XML report by test id, `classname::name` or `file::name`.

    Raises:
        SandboxError: it is not XML, defines entities, is nested too deeply or too long.
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.EntityDeclHandler = reader.refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    try:
        parser.Parse(data, True)  # noqa: FBT003 - expat takes no keywords
    except expat.ExpatError as error:
        raise SandboxError(
            f"The test command's report cannot be read: {one_line(str(error))}."
        ) from error
    except (LookupError, ValueError) as error:  # an encoding nobody knows
        raise SandboxError("The test command's report has an unknown encoding.") from error
    return reader.outcomes
