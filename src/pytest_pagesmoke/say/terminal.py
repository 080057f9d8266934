"""The summary at the end of a run: a row a target, then why, what to do next, and how to see that it helped."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_pagesmoke.diagnose import TargetRun, diagnose, verify_command
from pytest_pagesmoke.model import CheckRecord
from pytest_pagesmoke.say.harmless import harmless
from pytest_pagesmoke.say.waiting import retried

_COLUMNS = (
    "build",
    "health",
    "pages",
    "assets",
    "linked",
    "answers",
    "redirects",
    "not found",
    "same as",
    "dist",
    "own tests",
)
_LABEL_WIDTH = 10
_WIDTH = 80


@dataclass(frozen=True)
class Line:
    """A line of the summary; ``tone`` is "good", "bad" or empty."""

    text: str
    tone: str = ""


def summary(
    runs: Sequence[TargetRun],
    *,
    settings: str,
    deselected: Sequence[tuple[str, str]] = (),
    own: Sequence[str] = ("--lf",),
) -> Iterator[Line]:
    """The whole summary, line by line. ``settings`` is empty where no built-in check ran, ``deselected`` from `left_out`.

    ``own``: with what options the hand-written tests that failed are run again.
    """
    yield from _table(runs)
    yield Line("")
    if settings:
        yield from _prose("settings", settings, "")
    for index, (label, text) in enumerate(deselected):
        yield Line(_labelled("" if index and deselected[index - 1][0] == label else label, text))
    for run in runs:
        for record in run.records:
            for warning in record.warnings:
                yield Line(_labelled("warning", f"{run.name} {harmless(record.path)}: {harmless(warning)}"))
        for label, text in retried(run):
            yield Line(_labelled(label, text))
    diagnoses = diagnose(runs)
    for diagnosis in diagnoses:
        explained = f"{', '.join(diagnosis.targets)}; explains {diagnosis.explains} of {diagnosis.failed} failures"
        yield from _prose("cause", f"{diagnosis.cause}: {diagnosis.text} ({explained})", "bad")
        for index, step in enumerate(diagnosis.next):
            yield Line(_labelled("next" if index == 0 else "", step))
    yield from _what_to_do(runs, told={name for diagnosis in diagnoses for name in diagnosis.targets}, own=own)


def _what_to_do(runs: Sequence[TargetRun], *, told: Collection[str], own: Sequence[str]) -> Iterator[Line]:
    bad = [run for run in runs if run.verdict != "GOOD"]
    if any(run.failed and run.name not in told for run in bad):
        yield Line(_labelled("next", "read the failures above: each says what usually causes it, and the fix"))
    elif any(len(run.failures) > len(run.failed) or run.own_unfinished for run in bad):
        yield Line(_labelled("next", "read the failures of your own tests above"))
    if bad:
        yield Line(_labelled("verify", verify_command(runs, own=own)))


def left_out(counts: Mapping[tuple[str, str], int], slips: Mapping[str, str]) -> list[tuple[str, str]]:
    """What the markers of hand-written tests kept from running, and what in them looks like a slip: a label and a text each.

    ``counts`` are numbers by target and reason, ``slips`` names that nothing is called and which may be meant.
    """
    kept = [
        ("left out", f"{count} own test{'s' if count > 1 else ''} on {name}: {why}")
        for (name, why), count in counts.items()
    ]
    meant = [
        ("marker", f"{name!r} is no kind, nor a target of this run or of the settings: did you mean {near!r}?")
        for name, near in slips.items()
    ]
    return kept + meant


def _labelled(label: str, text: str) -> str:
    return f"{label:<{_LABEL_WIDTH}}{text}"


def _prose(label: str, text: str, tone: str) -> Iterator[Line]:
    """Text without commands, which must stay whole to be copied, in lines that a terminal of 80 columns does not break."""
    for index, line in enumerate(textwrap.wrap(text, _WIDTH - _LABEL_WIDTH, break_on_hyphens=False)):
        yield Line(_labelled("" if index else label, line), tone)


def _table(runs: Sequence[TargetRun]) -> Iterator[Line]:
    columns = [name for name in _COLUMNS if any(record.column == name for run in runs for record in run.records)]
    rows = [["target", "address", "verdict", *columns, "time"]]
    for run in runs:
        cells = [_cell(name, [record for record in run.records if record.column == name]) for name in columns]
        rows.append([run.name, harmless(run.address), run.verdict, *cells, _time(run.records)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for index, row in enumerate(rows):
        text = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        yield Line(text, "" if index == 0 else "good" if runs[index - 1].verdict == "GOOD" else "bad")


def _cell(column: str, records: Sequence[CheckRecord]) -> str:
    judged = [record for record in records if record.outcome != "skipped"]
    if not judged:
        return "-"
    passed = [record for record in judged if record.outcome == "passed"]
    if column != "health":
        return f"{len(passed)}/{len(judged)}"
    worst = next((record for record in records if record.outcome == "failed"), None)
    if worst is None:
        return "healthy"
    return str(worst.status) if worst.rule == "health-status" else worst.rule.removeprefix("health-")


def _time(records: Sequence[CheckRecord]) -> str:
    if not records:
        return "-"
    return f"{max(record.ended for record in records) - min(record.started for record in records):.1f} s"
