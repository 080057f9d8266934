"""What failed, as GitHub shows it beside a run: workflow commands, one a cause rather than one a test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from pytest_pagesmoke.diagnose import Diagnosis, TargetRun, diagnose, verify_command
from pytest_pagesmoke.model import OWN_TEST, CheckRecord
from pytest_pagesmoke.say.summary import failure_lines, how_much

_MAX_ANNOTATIONS: Final = 10  # of one kind a step: of more GitHub shows none
_MAX_NAMED: Final = 5  # of what failed for the same reason


def commands(
    runs: Sequence[TargetRun], *, own: Sequence[str] = ("--lf",), kept: Callable[[str], str] = lambda text: text
) -> list[str]:
    """A command to GitHub for each cause, and for each rule that was broken for no cause that is known.

    ``own``: with what options the hand-written tests that failed are run again; ``kept`` strikes secrets out of a line.
    """
    verify = f"verify: {verify_command(runs, own=own)}"
    diagnoses = diagnose(runs)
    found = [*_of_causes(diagnoses), *_of_rules(runs, diagnoses), *_of_own_tests(runs), *_incomplete(runs)]
    if len(found) > _MAX_ANNOTATIONS:
        left = found[_MAX_ANNOTATIONS - 1 :]
        found = [*found[: _MAX_ANNOTATIONS - 1], (f"and {len(left)} more", [title for title, _ in left])]
    # Before they are escaped, which would make one word of several lines.
    return [_command(kept(title), [*map(kept, lines), kept(verify)]) for title, lines in found]


_Annotation = tuple[str, list[str]]  # its title, and its lines


def _of_causes(diagnoses: Iterable[Diagnosis]) -> Iterator[_Annotation]:
    for diagnosis in diagnoses:
        steps = [("next: " if index == 0 else "") + step for index, step in enumerate(diagnosis.next)]
        yield (
            f"{diagnosis.cause} ({', '.join(diagnosis.where)})",
            [f"{diagnosis.text} ({how_much(diagnosis)})", *steps],
        )


def _of_rules(runs: Sequence[TargetRun], diagnoses: Iterable[Diagnosis]) -> Iterator[_Annotation]:
    told = {id(record) for diagnosis in diagnoses for record in diagnosis.explained}
    by_rule: dict[str, list[CheckRecord]] = {}
    for record in (record for run in runs for record in run.failed if id(record) not in told):
        by_rule.setdefault(record.rule, []).append(record)
    for rule, records in by_rule.items():
        targets = dict.fromkeys(record.target for record in records)
        yield f"{rule} ({', '.join(targets)})", _named(records)


def _of_own_tests(runs: Sequence[TargetRun]) -> Iterator[_Annotation]:
    failed = [record for run in runs for record in run.failures if record.test == OWN_TEST]
    if failed:
        yield "tests of your own failed", _named(failed)


def _named(records: Sequence[CheckRecord]) -> list[str]:
    lines = failure_lines(records)
    more = [f"and {len(lines) - _MAX_NAMED} more"] if len(lines) > _MAX_NAMED else []
    return [*lines[:_MAX_NAMED], *more]


def _incomplete(runs: Sequence[TargetRun]) -> Iterator[_Annotation]:
    """What is red without a failure: tests that were to run, and came to no verdict."""
    names = [run.name for run in runs if run.verdict == "INCOMPLETE"]
    if names:
        yield f"incomplete ({', '.join(names)})", ["not all that was to be checked came to a verdict"]


def _command(title: str, lines: Sequence[str]) -> str:
    return f"::error title={_property(f'pagesmoke: {title}')}::{_message(chr(10).join(lines))}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
