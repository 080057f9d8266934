"""A run that checks: the hooks that tie planning, asking, judging and saying to pytest's own course."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import asdict
from typing import Any, Final

import pytest

from pytest_pagesmoke.diagnose import COMMAND, TargetRun
from pytest_pagesmoke.model import CheckRecord
from pytest_pagesmoke.plan import Planned, PlannedLive, plan
from pytest_pagesmoke.plugin import local
from pytest_pagesmoke.plugin.activation import WORKERINPUT_KEY, Activation, for_workers
from pytest_pagesmoke.plugin.collection import CHECK_FIXTURE, CheckItem, collect_checks, is_chosen, parametrize, shield
from pytest_pagesmoke.plugin.looking import Looking
from pytest_pagesmoke.say.terminal import summary
from pytest_pagesmoke.settings import FILE_NAME, SetUpError, checklist, refuse_settings_file
from pytest_pagesmoke.targets import Selection, select
from pytest_pagesmoke.verdict import Outcome, PendingCheck
from pytest_pagesmoke.wrangler.server import LocalServer
from pytest_pagesmoke.wrangler.tools import find_wrangler

ACTIVE: Final = pytest.StashKey["ActiveRun"]()
RECORD_ATTRIBUTE: Final = "pagesmoke"  # of a TestReport
_CHECKLIST: Final = "none, so the built-in checklist: pages / and /login, health /api/health/status, asset /static/app.js; dist with worker and routes"


def activate(config: pytest.Config, activation: Activation) -> None:
    """Set the run up. Raises pytest.UsageError (exit status 4) for whatever is set up wrongly, before anything is asked."""
    try:
        active = ActiveRun(config, activation)
    except SetUpError as error:
        raise pytest.UsageError(f"pagesmoke: {error}") from None
    config.stash[ACTIVE] = active
    config.pluginmanager.register(active, "pagesmoke-active")

    from pytest_pagesmoke.plugin import fixtures  # needs ACTIVE

    config.pluginmanager.register(fixtures, "pagesmoke-fixtures")
    if activation.chosen or activation.collect == "yes":
        # Ours are collected by us; an argument list that is now empty must not turn into "the current directory".
        config.args[:] = activation.other_args


class ActiveRun:
    """The state of an active run, and its hooks. In xdist there is one in the controller and one in each worker."""

    def __init__(self, config: pytest.Config, activation: Activation) -> None:
        self._config = config
        self._activation = activation
        self._is_worker = hasattr(config, "workerinput")
        self._project = config.invocation_params.dir
        refuse_settings_file(self._project)
        selection = select(activation.what, base_url=activation.base_url)
        self._settings = checklist(selection.served)
        self._planned = plan(self._settings, selection)
        names = [check.id.partition("::")[2] for check in self._planned]
        for choice in activation.chosen:
            if not any(is_chosen(name, [choice]) for name in names):
                raise SetUpError(
                    f"{FILE_NAME}::{choice}: no such test in this run, which has:\n  " + "\n  ".join(names)
                )

        self._server = self._local_server(selection) if not self._is_worker else None
        address = local.SharedAddress(config) if self._is_worker else self._server
        self._looking = Looking(self._settings, project=self._project, local=address)

        self._asked_ahead = False
        self._selected: set[str] = set()  # ids of built-in checks that are to run
        self._collected = False
        self._left_out = False
        self._records: dict[str, CheckRecord] = {}

    def _local_server(self, selection: Selection) -> LocalServer | None:
        if not any(target.starts_here for target in selection.targets):
            return None
        wrangler = find_wrangler(self._project)
        if wrangler is None:
            raise SetUpError(
                "--pagesmoke=local needs wrangler, and there is none in node_modules here or above, nor on the PATH. "
                "Install it: npm install --save-dev wrangler"
            )
        return LocalServer(wrangler, folder=selection.served, project=self._project)

    # Collection: nothing is asked of any site here.

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        # Items and no collector: --lf would skip a file that it does not find on the disk.
        if isinstance(collector, pytest.Session) and self._activation.collect == "yes" and report.passed:
            report.result = [*report.result, *collect_checks(collector, self._planned, self._activation.chosen)]
        return report

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        parametrize(metafunc, self._planned)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        if self._activation.collect != "if-alone":
            return
        if items:
            self._left_out = True
            return
        added = collect_checks(session, self._planned, ())
        for item in added:
            item.ihook.pytest_itemcollected(item=item)
        report = pytest.CollectReport(nodeid=FILE_NAME, outcome="passed", longrepr=None, result=[*added])
        session.ihook.pytest_collectreport(report=report)  # so that they are counted
        items.extend(added)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._collected = True
        mine = [item for item in session.items if isinstance(item, CheckItem)]
        for item in mine:
            shield(item)
        self._selected = {item.nodeid for item in mine}

    # Running.

    def look(self, planned: Planned) -> Outcome:
        """Come to a verdict on one check; the first one asks for all that this process will run."""
        if not self._asked_ahead and not self._is_worker:  # a worker does not know which of them it will be given
            self._asked_ahead = True
            self._looking.ahead(check for check in self._planned if check.id in self._selected)
        return self._looking.look(planned)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        check = item.funcargs.get(CHECK_FIXTURE) if isinstance(item, CheckItem) and call.when == "call" else None
        if isinstance(check, PendingCheck) and check.outcome is not None:
            # Builtins only: anything else would kill an xdist worker.
            vars(report)[RECORD_ATTRIBUTE] = asdict(check.outcome.record)
            if check.outcome.note:
                report.sections.append(("pagesmoke", check.outcome.note))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        record: dict[str, Any] | None = getattr(report, RECORD_ATTRIBUTE, None)
        if record is not None:
            self._records[report.nodeid] = CheckRecord(**record)

    # xdist: the controller has the server, and hears what the workers collected and found.

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput[WORKERINPUT_KEY] = for_workers(self._activation)
        if self._server is not None:
            local.share(self._server, node)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Iterable[str]) -> None:
        self._collected = True
        self._selected |= {check.id for check in self._planned} & set(ids)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._left_out = self._left_out or getattr(node, "workeroutput", {}).get("pagesmoke_left_out", False)

    # The end.

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
        self._stop()
        if self._is_worker:
            self._config.workeroutput["pagesmoke_left_out"] = self._left_out  # type: ignore[attr-defined]  # set by xdist in its workers
        elif exitstatus == pytest.ExitCode.OK and not self._only_lists():
            session.exitstatus = self._exit_status()

    def pytest_unconfigure(self) -> None:
        self._stop()  # also where the session never came to its end

    def _stop(self) -> None:
        self._looking.stop()
        if self._server is not None:
            self._server.stop()

    def _only_lists(self) -> bool:
        return any(self._config.getoption(name) for name in ("collectonly", "setuponly", "setupplan"))

    def _exit_status(self) -> pytest.ExitCode:
        """Never 0 for checks that were to run and came to no verdict: a crashed worker and an all-skipped run would be."""
        never_collected = self._activation.collect == "yes" and not self._collected
        missing = self._selected - self._records.keys()
        if never_collected or (missing and missing == self._selected):
            return pytest.ExitCode.NO_TESTS_COLLECTED
        return pytest.ExitCode.TESTS_FAILED if missing else pytest.ExitCode.OK

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Generator[None]:
        yield  # after pytest's own: the verdict is what a person looks for at the bottom
        if self._left_out:
            address = self._planned[0].address  # without the credentials that the option may hold
            command = f"{COMMAND} --base-url={address}"
            terminalreporter.write_line(
                f"pagesmoke: --base-url reached your own tests only; the built-in checks as well: {command}"
            )
        if self._selected and not self._only_lists():
            terminalreporter.ensure_newline()
            terminalreporter.section("pagesmoke")
            tones = {"good": {"green": True}, "bad": {"red": True}}
            for line in summary(self._target_runs(), settings=_CHECKLIST):
                terminalreporter.write_line(line.text, **tones.get(line.tone, {}))

    def _target_runs(self) -> list[TargetRun]:
        """What was seen of each target, in the order in which they were given."""
        rows: dict[str, list[Planned]] = {}
        for check in self._planned:
            if check.id in self._selected:
                rows.setdefault(check.row, []).append(check)
        return [self._target_run(name, checks) for name, checks in rows.items()]

    def _target_run(self, name: str, checks: Sequence[Planned]) -> TargetRun:
        first = checks[0]
        records = tuple(self._records[check.id] for check in checks if check.id in self._records)
        # The local server's address is known to those alone who have asked there.
        address = first.address or next((record.address for record in records if record.address), "(not started)")
        target = first.target if isinstance(first, PlannedLive) else None
        return TargetRun(name=name, address=address, target=target, planned=len(checks), records=records)
