"""What becomes of each test that counts for a row of the summary: told by its reports, from whichever process they come."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
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
#: A test's id, and the place that it runs at: one of several with `--dist each`, where every worker runs all and asks for itself; else "".
_Test = tuple[str, str]


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
    vars(report)[_ATTRIBUTE] = [sendable(vars(record)) for record in records]


def attach_ends(report: pytest.TestReport, records: Iterable[CheckRecord]) -> None:
    """Let a report say for what rows fixtures of other tests count that failed where they ended: no rerun of this test repeats that."""
    vars(report)[_ENDS_ATTRIBUTE] = [{**vars(record)} for record in records]


def is_of_a_check(report: pytest.TestReport) -> bool:
    """Whether a report shows the verdict of a built-in check."""
    return any(record["test"] != OWN_TEST for record in getattr(report, _ATTRIBUTE, ()))


def asks_from_each(config: pytest.Config) -> bool:
    """Whether every worker of xdist's runs all tests and asks for itself. Known to the controller alone."""
    return bool(config.getoption("dist", "no") == "each" and config.getoption("tx"))


class Results:
    """Hooks and state. A test is known by its id, its row, as two targets' names can make one id of two tests, and its place."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._expected: defaultdict[str, set[str]] = defaultdict(set)  # by row: ids
        self._records: dict[tuple[str, str, str], CheckRecord] = {}
        self._rows: dict[str, None] = {}  # of these, in the order in which they came
        self._attempts: Counter[tuple[str, str, str]] = Counter()  # before the last one
        self._uncollected: set[str] = set()
        self._crashed: set[_Test] = set()  # with them their worker
        self._skipped: dict[_Test, str] = {}  # built-in checks that came to no verdict: why
        self._places: dict[str, str] = {}  # with `--dist each`, by worker
        self._by_spec: dict[int, str] = {}  # the same, by the identity of what xdist starts a worker from
        self._collected: dict[str, set[str]] = {}  # with `--dist each`: the tests that a place has
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
        return len(self._to_run(row) | self._recorded(row))

    def unfinished(self, row: str) -> set[str]:
        """Those that came to no outcome, or to none that says anything: skipped."""
        judged = {(record.id, record.seen_from) for record in self.of(row) if record.outcome != "skipped"}
        return {test_id for test_id, _ in self._to_run(row) - judged}

    def of(self, row: str) -> tuple[CheckRecord, ...]:
        """What came of the tests of this row that came to an outcome."""
        return tuple(
            # What a check saw it saw, whatever its process ended over.
            replace(record, outcome="failed")
            if record.test == OWN_TEST and (test_id, place) in self._crashed
            else record
            for (test_id, name, place), record in self._records.items()
            if name == row
        )

    def why_unfinished(self, row: str) -> dict[_Test, tuple[str, str]]:
        """Those that came to no outcome at all: what is said of them ("skipped", "not-run"), and why as far as that is known."""
        left = self._to_run(row) - self._recorded(row)
        return {
            test: ("skipped", self._skipped[test]) if test in self._skipped else ("not-run", self._why_not_run(test))
            for test in sorted(left)
        }

    def _to_run(self, row: str) -> set[_Test]:
        """What is to run, and what could not be collected. A place whose worker never came to collecting lacks all that others have."""
        ids, places = self._expected[row], {*self._places.values()} or {""}
        at_places = {(test_id, place) for place in places for test_id in ids & self._collected.get(place, ids)}
        return at_places | {(test_id, "") for test_id in self._uncollected}

    def _recorded(self, row: str) -> set[_Test]:
        return {(test_id, place) for test_id, name, place in self._records if name == row}

    def _why_not_run(self, test: _Test) -> str:
        if test[0] in self._uncollected:
            return "it could not be collected"
        return "its process ended over it" if test in self._crashed else ""

    def collected(self, ids: Iterable[str], node: Any = None) -> None:  # `Any`: xdist's, as below
        """Take note of the tests of a process, and of their order."""
        for test_id in ids:
            self._order.setdefault(test_id, len(self._order))
        if place := self._place(node):
            self._collected.setdefault(place, set()).update(ids)

    @property
    def order(self) -> Mapping[str, int]:
        """The place of each test among those that were collected."""
        return self._order

    @property
    def ids(self) -> set[str]:
        """The tests that came to an outcome."""
        return {test_id for test_id, _, _ in self._records}

    @property
    def left_by_the_crashed(self) -> set[str]:
        """The tests that came to no outcome where a worker ended over one: that, and what nobody ran in its place."""
        skipped = {test_id for test_id, _ in self._skipped}
        return self.missing - skipped if self._crashed else set()

    def take(self, test_id: str, record: CheckRecord) -> None:
        """Take what a check came to of which no worker could tell."""
        self._rows[record.target] = None
        self._records[test_id, record.target, ""] = record

    @property
    def missing(self) -> set[str]:
        """The tests that came to no outcome, at any one place where they were to run."""
        known = {(test_id, place) for test_id, _, place in self._records}
        return {test_id for row in self._expected for test_id, _ in self._to_run(row) - known}

    @pytest.hookimpl(tryfirst=True)  # before pytest's own report, which takes the properties
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        place = self._place(getattr(report, "node", None))  # set by xdist, as is the next
        where = {"xdist_worker": getattr(report, "worker_id", ""), "seen_from": place}
        if report.when not in _PHASES:  # xdist's own, for a test over which its worker ended
            self._crashed.add((report.nodeid, place))
        if report.skipped:
            self._skipped[report.nodeid, place] = _reason(report)
        for each in getattr(report, _ENDS_ATTRIBUTE, ()):
            record = CheckRecord(**{**each, **where})
            ended = replace(record, id=f"{record.id} (the end of a fixture)", outcome="failed")
            self._records[ended.id, ended.target, place] = ended
            self.an_end_failed = True
        for each in getattr(report, _ATTRIBUTE, ()):
            record = CheckRecord(**{**each, **where})
            key = (report.nodeid, record.target, place)
            # "rerun", "retried", …: whatever a plugin calls an attempt that is not the last.
            if report.outcome not in _OUTCOMES:
                self._attempts[key] += 1
                self._records.pop(key, None)
            elif (outcome := _outcome(record, report)) is not None:
                known = self._records.get(key)
                if known is None or _OUTCOMES.index(outcome) >= _OUTCOMES.index(known.outcome):
                    attempts = self._attempts[key] + record.attempts
                    self._rows[record.target] = None
                    self._records[key] = replace(record, outcome=outcome, attempts=attempts)
        if report.when == "teardown" and not self._is_worker:
            of_test = (self._records.get((report.nodeid, row, place)) for row in self._rows)
            report.user_properties += junit.properties(record for record in of_test if record is not None)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.collected(item.nodeid for item in session.items)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._uncollected.add(report.nodeid)

    # xdist: what workers collected, its controller hears at their end. (`Any`: it is optional, and its nodes have no types.)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        if asks_from_each(self._config):
            # Who replaces a worker is started from the very same spec, under a name of his own.
            name = node.gateway.id
            self._places[name] = self._by_spec.setdefault(id(node.gateway.spec), name)

    def _place(self, node: Any) -> str:
        return self._places.get(node.gateway.id, "") if self._places and node is not None else ""

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
