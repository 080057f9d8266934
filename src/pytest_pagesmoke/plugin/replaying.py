"""`--pagesmoke-replay`: today's checks, judged by what an earlier report holds. Nothing is asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from pytest_pagesmoke.model import CheckRecord, LeftOut, Target
from pytest_pagesmoke.plan import Planned, PlannedLive
from pytest_pagesmoke.plugin.looking import live_outcome
from pytest_pagesmoke.recorded import BadReport
from pytest_pagesmoke.replay import Report, View, as_kept, read_report
from pytest_pagesmoke.run import CheckResult, judge
from pytest_pagesmoke.say.harmless import harmless
from pytest_pagesmoke.settings import Settings, SetUpError
from pytest_pagesmoke.targets import Selection
from pytest_pagesmoke.verdict import Outcome

#: Why tests that ask for themselves do not run.
ASKS_NOTHING = "a replay asks nothing of any site"
_ONLY_ASKING: Final = frozenset({"url", "headers", "user_agent", "ca_file"})


class Replaying:
    """Stands in for `Looking`: has the answers of ``report`` in the place of a site's."""

    def __init__(self, report: Report, *, note: Callable[[PlannedLive, CheckResult], None]) -> None:
        self._targets = {target.name: target for target in report.targets}
        self._note = note

    def ahead(self, checks: Iterable[Planned]) -> None:
        """Nothing: all answers are there."""

    def look(self, planned: Planned) -> Outcome:
        """Come to a verdict, or to why there can be none."""
        assert isinstance(planned, PlannedLive)  # a replay has no build output
        now = time.time()
        try:
            known = as_kept(planned)
        except LeftOut as why:
            return Outcome(record=_not_judged(planned, now), not_judged=str(why))
        views = self._targets[planned.target.name].views_of(known)
        judged = [_judged(planned, known, view, now) for view in views]
        worst, result = max(judged, key=lambda one: _weight(one[0]))
        if result is not None:
            self._note(planned, result)
        if not worst.block:
            return worst
        same = [view.place for view, (one, _) in zip(views, judged, strict=True) if one.line == worst.line]
        return _only_in(same, worst) if len(same) < len(views) else worst

    def find(self, target: Target) -> Target:
        """The target as it is: no test of one's own gets to ask it."""
        return target

    def stop(self) -> None:
        """Nothing: nobody asks."""


def _judged(planned: PlannedLive, known: PlannedLive, view: View, now: float) -> tuple[Outcome, CheckResult | None]:
    """What comes of a check by what was seen from one place."""
    try:
        result = judge(known, view.seen_by(known), started=now, ended=now)
        return live_outcome(planned, result), result
    except LeftOut as why:
        return Outcome(record=_not_judged(planned, now), not_judged=str(why)), None


def _only_in(places: Sequence[str], outcome: Outcome) -> Outcome:
    """A failure, with the places that saw it, where others did not."""
    where = f" (in {harmless(', '.join(places))})"
    record = replace(outcome.record, actual=f"{outcome.record.actual}{where}")
    return replace(outcome, line=f"{outcome.line}{where}", record=record)


def _weight(outcome: Outcome) -> int:
    """Of what several places saw the worst counts: a failure, then what could not be judged."""
    return 2 if outcome.block else 1 if outcome.not_judged else 0


def _not_judged(planned: PlannedLive, now: float) -> CheckRecord:
    return CheckRecord(
        id=planned.id,
        test=planned.test,
        target=planned.target.name,
        address=planned.target.url,
        column=planned.check.column,
        path=planned.spec.path,
        outcome="skipped",
        started=now,
        ended=now,
    )


def report_in(file: Path, *, option: str) -> Report:
    """The report in ``file``. Raises SetUpError, with the option as it was given, for what is none."""
    try:
        return read_report(file.read_text(encoding="utf-8-sig"))  # some editors put the mark there
    except OSError as error:
        raise SetUpError(f"{option}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SetUpError(f"{option}: is no text") from None
    except BadReport as flaw:
        raise SetUpError(f"{option}: {flaw}") from None


def selection_of(report: Report, settings: Settings) -> Selection:
    """The targets of the report, each as the settings have it today."""
    found = [(one, one.declared_today(settings.targets)) for one in report.targets]
    return Selection(
        targets=tuple(one.target(declared, settings.checks.manners) for one, declared in found),
        dist=None,
        served=Path("dist"),
        declared={one.name: declared.name for one, declared in found if declared},
        used=tuple((declared.name if declared else None, False) for _, declared in found),
    )


def without_need_of_secrets(settings: Settings) -> Settings:
    """The settings, in which no variable is missing that only asking needs: who replays a report may not have its secrets."""
    unset = ((path[2] if path[0] == "targets" else path[0], path, text) for path, text in settings.unset)
    return replace(settings, unset=tuple((path, text) for key, path, text in unset if key not in _ONLY_ASKING))
