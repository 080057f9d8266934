"""What a run comes to: a row a target, then why, what to do next, and how to see that it helped. Each report lays it out its own way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_pagesmoke.diagnose import Diagnosis, TargetRun, diagnose, verify_command, with_places, worst
from pytest_pagesmoke.model import OWN_TEST, CheckRecord
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
_MAX_NAMED = 3  # of checks that failed in the same workers


@dataclass(frozen=True, kw_only=True)
class Row:
    """What became of one target. ``cells`` are those of the summary's columns, "-" where nothing came to a verdict."""

    name: str
    address: str
    verdict: str
    cells: tuple[str, ...]
    time: str

    @property
    def is_good(self) -> bool:
        return self.verdict == "GOOD"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line below the table. ``is_command``: what it says is for copying, or leads to what is, and stays whole.

    ``continues`` the entry before it, under whose label it stands.
    """

    label: str
    text: str
    is_command: bool = False
    continues: bool = False


@dataclass(frozen=True, kw_only=True)
class Summary:
    """All that is said at the end of a run; text from outside in it is harmless in a line of a terminal."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    entries: tuple[Entry, ...]
    failures: tuple[CheckRecord, ...]
    verdict: str  # of the whole run


def summarize(
    runs: Sequence[TargetRun],
    *,
    settings: str,
    notes: Sequence[Entry] = (),
    own: Sequence[str] = ("--lf",),
) -> Summary:
    """The summary of a run. ``settings`` is empty where no built-in check ran; ``notes`` are what is to be said besides.

    ``own``: with what options the hand-written tests that failed are run again.
    """
    columns = tuple(name for name in _COLUMNS if any(record.column == name for run in runs for record in run.records))
    said = [Entry(label="settings", text=settings)] if settings else []
    return Summary(
        columns=columns,
        rows=tuple(_row(run, columns) for run in runs),
        entries=(*said, *notes, *_entries(runs, own)),
        failures=tuple(record for run in runs for record in run.failures),
        verdict=worst(run.verdict for run in runs),
    )


def failure_line(record: CheckRecord) -> str:
    """A failure in one line; of a hand-written test that it failed is all that is known here."""
    why = "" if record.test == OWN_TEST else f" - {record.rule}: expected {record.expected}, got {record.actual}"
    return harmless(f"{record.id}{why}", limit=500)


def failure_lines(records: Iterable[CheckRecord]) -> list[str]:
    """A line a failure; where workers saw the same, one for them all."""
    return with_places((failure_line(record), record) for record in records)


def how_much(diagnosis: Diagnosis) -> str:
    """What a cause explains, on which targets."""
    return f"{', '.join(diagnosis.where)}; explains {diagnosis.explains} of {diagnosis.failed} failures"


def left_out(counts: Mapping[tuple[str, str], int], slips: Mapping[str, str]) -> list[Entry]:
    """What the markers of hand-written tests kept from running, and what in them looks like a slip.

    ``counts`` are numbers by target and reason, ``slips`` names that nothing is called and which may be meant.
    """
    kept = [f"{count} own test{'s' if count > 1 else ''} on {name}: {why}" for (name, why), count in counts.items()]
    meant = [
        f"{name!r} is no kind, nor a target of this run or of the settings: did you mean {near!r}?"
        for name, near in slips.items()
    ]
    return [
        Entry(label=label, text=text, continues=index > 0)
        for label, texts in (("left out", kept), ("marker", meant))
        for index, text in enumerate(texts)
    ]


def _entries(runs: Sequence[TargetRun], own: Sequence[str]) -> Iterator[Entry]:
    for run in runs:
        warnings = (
            (f"{run.name} {harmless(record.path)}: {harmless(warning)}", record)
            for record in run.records
            for warning in record.warnings
        )
        for text in with_places(warnings):
            yield Entry(label="warning", text=text)
        for label, text in retried(run):
            yield Entry(label=label, text=text)
        for text in _seen_differently(run):
            yield Entry(label="workers", text=text)
    diagnoses = diagnose(runs)
    for diagnosis in diagnoses:
        yield Entry(label="cause", text=f"{diagnosis.cause}: {diagnosis.text} ({how_much(diagnosis)})")
        for index, step in enumerate(diagnosis.next):
            yield Entry(label="next", text=_command(step), is_command=True, continues=index > 0)
    yield from _what_to_do(runs, told={name for diagnosis in diagnoses for name in diagnosis.targets}, own=own)


def _seen_differently(run: TargetRun) -> Iterator[str]:
    """What failed as seen from some places, and passed from others."""
    if len(run.places) < 2:
        return
    failed: dict[str, list[str]] = {}
    for record in run.failures:
        failed.setdefault(record.id, []).append(record.seen_from)
    passed = {record.id for record in run.records if record.outcome == "passed"}
    by_places: dict[str, list[str]] = {}
    for name, places in failed.items():
        if name in passed:
            where = ", ".join(places) + " alone" * (len(places) == 1)
            by_places.setdefault(where, []).append(harmless(name.partition("::")[2] or name))
    for where, names in by_places.items():
        more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
        yield f"{run.name}: failed in {where}: {', '.join(names[:_MAX_NAMED])}{more}"


def _what_to_do(runs: Sequence[TargetRun], *, told: Collection[str], own: Sequence[str]) -> Iterator[Entry]:
    bad = [run for run in runs if run.verdict != "GOOD"]
    read = ""
    if any(run.failed and run.name not in told for run in bad):
        read = "read the failures: each says what usually causes it, and the fix"
    elif any(len(run.failures) > len(run.failed) or run.own_unfinished for run in bad):
        read = "read the failures of your own tests"
    if read:
        yield Entry(label="next", text=read)
    if bad:
        yield Entry(label="verify", text=_command(verify_command(runs, own=own)), is_command=True)


def _command(text: str) -> str:
    """Whole: an address that is longer reaches no server."""
    return harmless(text, limit=4000)


def _row(run: TargetRun, columns: Sequence[str]) -> Row:
    return Row(
        name=run.name,
        address=harmless(run.address),
        verdict=run.verdict,
        cells=tuple(_cell(name, [record for record in run.records if record.column == name]) for name in columns),
        time=_time(run.records),
    )


def _cell(column: str, records: Sequence[CheckRecord]) -> str:
    # Checks, from however many places they were looked at: one that failed at any has failed. Repeated ones count each time.
    times = Counter[tuple[str, str]]()
    judged: set[tuple[str, int]] = set()
    failed: set[tuple[str, int]] = set()
    for record in records:
        if record.outcome != "skipped":
            test = record.id, times[record.id, record.seen_from]
            times[record.id, record.seen_from] += 1
            judged.add(test)
            if record.outcome == "failed":
                failed.add(test)
    if not judged:
        return "-"
    if column != "health":
        return f"{len(judged - failed)}/{len(judged)}"
    worst = next((record for record in records if record.outcome == "failed"), None)
    if worst is None:
        return "healthy"
    return str(worst.status) if worst.rule == "health-status" else worst.rule.removeprefix("health-")


def _time(records: Sequence[CheckRecord]) -> str:
    if not records:
        return "-"
    return f"{max(record.ended for record in records) - min(record.started for record in records):.1f} s"
