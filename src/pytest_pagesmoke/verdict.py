"""How a built-in test comes to its verdict: in its body, as one exception with a text of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pytest_pagesmoke.model import CheckRecord
from pytest_pagesmoke.plan import Planned


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A finished check: the record for the reports; the failure block and its one line, both empty where it passed.

    ``note`` is worth showing beside a pass: redirects that were followed. ``not_judged`` says why there is no verdict (a replay).
    """

    record: CheckRecord
    line: str = ""
    block: str = ""
    note: str = ""
    not_judged: str = ""


class CheckFailed(AssertionError):
    """A check failed. ``line`` says it in one line, the exception's text is the whole block."""

    def __init__(self, line: str, block: str) -> None:
        super().__init__(block)
        self.line = line


class PendingCheck:
    """A planned check, and how to look: nothing is asked before `look` is called in the test's body."""

    def __init__(self, planned: Planned, look: Callable[[Planned], Outcome]) -> None:
        self._planned = planned
        self._look = look
        self.outcome: Outcome | None = None

    def __repr__(self) -> str:
        return f"<PendingCheck {self._planned.id}>"

    def look(self) -> Outcome:
        """Ask (or wait for what is already asked), and judge."""
        self.outcome = self._look(self._planned)
        return self.outcome


def expect_passed(check: PendingCheck) -> None:
    """Raise CheckFailed unless the check passes."""
    outcome = check.look()
    if outcome.block:
        raise CheckFailed(outcome.line, outcome.block)
