"""What is said of asking more than once: while it goes on, in a failure's block, and in the summary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pytest_pagesmoke.model import CheckRecord
from pytest_pagesmoke.say.harmless import harmless

if TYPE_CHECKING:  # what tells of the waiting itself is there before what explains a run
    from pytest_pagesmoke.diagnose import TargetRun
    from pytest_pagesmoke.settle import History, Progress

_MAX_NAMED = 3  # of those that still fail; a site that is down fails in all


def how_it_was_asked(*, elapsed_s: float, attempts: int = 1, history: History | None = None, given_up: str = "") -> str:
    """How often, and for how long, in one line of a failure's block. ``elapsed_s`` is the time of the exchange that is shown."""
    shown = f"{elapsed_s:.2f} s"
    if history is None:
        return f"once, {shown}" if attempts == 1 else f"twice, {shown}: the first connection broke before any answer"
    often = "once" if history.tries == 1 else f"{history.tries} times over {history.over_s:.1f} s"
    text = f"{often}, {shown}" if history.tries == 1 else often
    if history.failures < history.tries:
        text += f": {history.failures} failed, {history.tries - history.failures} passed"
        if history.needed is not None:
            text += ", the last too late to count"
    elif history.tries > 1:
        text += ", and failed each time"
    return f"{text}; {given_up}" if given_up else text


def progress_line(progress: Progress, *, now: float) -> str:
    """Where the waiting for one target stands. ``now`` is time.monotonic()."""
    left = f"{max(0, progress.ends - now):.0f} s left"
    if not progress.rounds:
        return f"{progress.target}: asking for the first time, {left}"
    if not progress.failing:
        return f"{progress.target}: all {progress.checks} pass, asking once more to be sure, {left}"
    names = [harmless(name.partition("::")[2] or name) for name in progress.failing]
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return f"{progress.target}: {len(names)} of {progress.checks} fail, {left}: {', '.join(names[:_MAX_NAMED])}{more}"


def retried(run: TargetRun) -> Iterator[tuple[str, str]]:
    """What passed late or flapped, and that a target has settled: a label and a text each."""
    for record in run.records:
        if record.flapped:
            yield "flapped", f"{_named(record)}: it failed after it had passed{_at_last(record)}"
        elif record.attempts > 1 and record.outcome == "passed":
            yield "retried", f"{_named(record)}:{_passed(record)}"
    if given_up := [record for record in run.records if record.given_up]:
        took = max(record.ended for record in given_up) - min(record.started for record in given_up)
        yield "gave up", f"{run.name}: after {took:.1f} s, {given_up[0].given_up}"
    settled = [record.settled_after_s for record in run.records if record.settled_after_s is not None]
    if settled and run.verdict == "GOOD" and run.target is not None:
        yield (
            "settled",
            f"{run.name}: nothing failed from {max(settled):.1f} s on, in {run.target.manners.settle_rounds} whole rounds in a row",
        )


def _named(record: CheckRecord) -> str:
    return harmless(record.id) + (f" in {record.seen_from}" if record.seen_from else "")


def _passed(record: CheckRecord) -> str:
    after = "" if record.settled_after_s is None else f", after {record.settled_after_s:.1f} s"
    return f" passed at attempt {record.attempts}{after}"


def _at_last(record: CheckRecord) -> str:
    return f", and{_passed(record)}" if record.outcome == "passed" else f", {record.attempts} attempts"
