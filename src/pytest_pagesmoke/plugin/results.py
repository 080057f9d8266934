"""What becomes of each test that counts for a row of the summary: told by its reports, from whichever process they come."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any, Final

import pytest

from pytest_pagesmoke.model import OWN_TEST, CheckRecord
from pytest_pagesmoke.plugin import junit

_ATTRIBUTE: Final = "pagesmoke"  # of a TestReport
_ENDS_ATTRIBUTE: Final = "pagesmoke_ends"
_WORKEROUTPUT_KEY: Final = "pagesmoke_results"
_PHASES: Final = ("setup", "call", "teardown")
#: By how much they weigh: of several reports of one test the worst counts.
_OUTCOMES: Final = ("skipped", "passed", "failed")


def sendable(value: Any) -> Any:
    """``value`` as it can travel between xdist's processes. (`Any`: builtins of any kind.) Half a character, which JSON can name, cannot."""
    if isinstance(value, str):
        return value.encode("utf-8", errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {key: sendable(part) for key, part in value.items()}
    return [sendable(part) for part in value] if isinstance(value, list) else value


def attach(report: pytest.TestReport, records: Iterable[CheckRecord]) -> None:
    """Let a report say what rows its test counts for. Whoever makes it does not know yet what becomes of it: subtests, reruns."""
    # Builtins only: anything else would kill an xdist worker.
    vars(report)[_ATTRIBUTE] = [sendable(asdict(record)) for record in records]


def attach_ends(report: pytest.TestReport, records: Iterable[CheckRecord]) -> None:
    """Let a report say for what rows fixtures of other tests count that failed where they ended: no rerun of this test repeats that."""
    vars(report)[_ENDS_ATTRIBUTE] = [asdict(record) for record in records]


def is_of_a_check(report: pytest.TestReport) -> bool:
    """Whether a report shows the verdict of a built-in check."""
    return any(record["test"] != OWN_TEST for record in getattr(report, _ATTRIBUTE, ()))


class Results:
    """Hooks and state. A test is known by its id and its row: two targets' names can make one id of two tests."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._expected: defaultdict[str, set[str]] = defaultdict(set)  # by row: ids
        self._records: dict[tuple[str, str], CheckRecord] = {}
        self._rows: dict[str, None] = {}  # of these, in the order in which they came
        self._attempts: Counter[tuple[str, str, str]] = Counter()  # before the last one, in each worker
        self._uncollected: set[str] = set()
        self._crashed: set[str] = set()  # with them their worker
        self._skipped: dict[str, str] = {}  # built-in checks that came to no verdict: why
        self._is_worker = hasattr(config, "workerinput")
        self._order: dict[str, int] = {}  # of the tests, as they were collected
        #: Whether a fixture failed where it ended, which may be behind a test that a rerun lets pass.
        self.an_end_failed = False

    def expect(self, test_id: str, row: str) -> None:
        """Count a test that is to run for this row."""
        self._expected[row].add(test_id)

    def counts(self, row: str) -> bool:
        """Whether any test counts for this row."""
        return bool(self._expected[row]) or bool(self.of(row))

    def expected(self, row: str) -> int:
        """How many tests were to run, as far as it is known; what could not be collected among them."""
        recorded = {test_id for test_id, name in self._records if name == row}
        return len(self._expected[row] | recorded | self._uncollected)

    def unfinished(self, row: str) -> set[str]:
        """Those that came to no outcome, or to none that says anything: skipped."""
        judged = {record.id for record in self.of(row) if record.outcome != "skipped"}
        return (self._expected[row] | self._uncollected) - judged

    def of(self, row: str) -> tuple[CheckRecord, ...]:
        """What came of the tests of this row that came to an outcome."""
        return tuple(
            replace(record, outcome="failed") if test_id in self._crashed else record
            for (test_id, name), record in self._records.items()
            if name == row
        )

    def why_unfinished(self, row: str) -> dict[str, tuple[str, str]]:
        """Those that came to no outcome at all: what is said of them ("skipped", "not-run"), and why as far as that is known."""
        left = (self._expected[row] | self._uncollected) - {test_id for test_id, name in self._records if name == row}
        return {
            test_id: ("skipped", self._skipped[test_id])
            if test_id in self._skipped
            else ("not-run", self._why_not_run(test_id))
            for test_id in sorted(left)
        }

    def _why_not_run(self, test_id: str) -> str:
        if test_id in self._uncollected:
            return "it could not be collected"
        return "its process ended over it" if test_id in self._crashed else ""

    def collected(self, ids: Iterable[str]) -> None:
        """Take note of the order of the tests."""
        for test_id in ids:
            self._order.setdefault(test_id, len(self._order))

    @property
    def order(self) -> Mapping[str, int]:
        """The place of each test among those that were collected."""
        return self._order

    @property
    def ids(self) -> set[str]:
        """The tests that came to an outcome."""
        return {test_id for test_id, _ in self._records}

    @pytest.hookimpl(tryfirst=True)  # before pytest's own report, which takes the properties
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when not in _PHASES:  # xdist's own, for a test over which its worker ended
            self._crashed.add(report.nodeid)
        if report.skipped:
            self._skipped[report.nodeid] = _reason(report)
        for each in getattr(report, _ENDS_ATTRIBUTE, ()):
            record = CheckRecord(**each)
            ended = replace(record, id=f"{record.id} (the end of a fixture)", outcome="failed")
            self._records[ended.id, ended.target] = ended
            self.an_end_failed = True
        for each in getattr(report, _ATTRIBUTE, ()):
            record = CheckRecord(**each)
            key = (report.nodeid, record.target)
            worker = getattr(report, "worker_id", "")  # set by xdist
            # "rerun", "retried", …: whatever a plugin calls an attempt that is not the last.
            if report.outcome not in _OUTCOMES:
                self._attempts[*key, worker] += 1
                self._records.pop(key, None)
            elif (outcome := _outcome(record, report)) is not None:
                known = self._records.get(key)
                if known is None or _OUTCOMES.index(outcome) >= _OUTCOMES.index(known.outcome):
                    attempts = self._attempts[*key, worker] + record.attempts
                    self._rows[record.target] = None
                    self._records[key] = replace(record, outcome=outcome, attempts=attempts, xdist_worker=worker)
        if report.when == "teardown" and not self._is_worker:
            of_test = (self._records.get((report.nodeid, row)) for row in self._rows)
            report.user_properties += junit.properties(record for record in of_test if record is not None)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.collected(item.nodeid for item in session.items)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._uncollected.add(report.nodeid)

    # xdist: what workers collected, its controller hears at their end.

    def pytest_sessionfinish(self) -> None:
        output: dict[str, Any] | None = getattr(self._config, "workeroutput", None)
        if output is not None:
            output[_WORKEROUTPUT_KEY] = {row: sorted(ids) for row, ids in self._expected.items()}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        for row, ids in getattr(node, "workeroutput", {}).get(_WORKEROUTPUT_KEY, {}).items():
            self._expected[row].update(ids)


def _reason(report: pytest.TestReport) -> str:
    """Why a test was skipped, in pytest's own words but one."""
    said = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr or "")
    return said.removeprefix("Skipped: ")


def _outcome(record: CheckRecord, report: pytest.TestReport) -> str | None:
    """What a report makes of its test; None where it is not for it to say. A built-in check has come to its own verdict."""
    if record.test != OWN_TEST:
        return record.outcome
    # A test that is skipped at its end, by a fixture of its own, has come to its outcome before.
    says = report.when == "call" or report.failed or (report.skipped and report.when == "setup")
    return report.outcome if says else None
