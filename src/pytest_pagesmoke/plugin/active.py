"""A run that checks: the hooks that tie planning, asking, judging and saying to pytest's own course."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_pagesmoke.model import CheckRecord
from pytest_pagesmoke.observe.background import Background
from pytest_pagesmoke.plan import DIST_TARGET, Planned, PlannedDist, PlannedLive
from pytest_pagesmoke.plugin import asking, set_up, verify_url
from pytest_pagesmoke.plugin.activation import DEPLOYMENTS_KEY, Activation, for_workers
from pytest_pagesmoke.plugin.asking import Controller
from pytest_pagesmoke.plugin.collection import (
    DIST_FIXTURE,
    LIVE_FIXTURE,
    OVERRIDES_FIXTURE,
    CheckItem,
    collect_checks,
    needs,
    parametrize,
    shield,
)
from pytest_pagesmoke.plugin.every_run import ACTIVE, WORKERINPUT_KEY
from pytest_pagesmoke.plugin.heard import Heard
from pytest_pagesmoke.plugin.looking import Looking
from pytest_pagesmoke.plugin.overrides import Overrides
from pytest_pagesmoke.plugin.own_tests import EarlyReaders, OwnTests
from pytest_pagesmoke.plugin.progress import ProgressLine
from pytest_pagesmoke.plugin.reporting import Reporting
from pytest_pagesmoke.plugin.results import Results, asks_from_each, attach
from pytest_pagesmoke.plugin.set_up import SetUp
from pytest_pagesmoke.plugin.wishes import left_out_of
from pytest_pagesmoke.say.harmless import harmless
from pytest_pagesmoke.settings import FILE_NAME, SetUpError
from pytest_pagesmoke.verdict import Outcome, PendingCheck

if TYPE_CHECKING:
    from pytest_pagesmoke.plugin.local import LocalAddress
    from pytest_pagesmoke.plugin.replaying import Replaying
    from pytest_pagesmoke.plugin.telling import Telling
    from pytest_pagesmoke.settle import Progress


def activate(config: pytest.Config, activation: Activation) -> None:
    """Set the run up. Raises pytest.UsageError (exit status 4) for whatever is set up wrongly, before anything is asked."""
    try:
        active = ActiveRun(config, activation)
    except SetUpError as error:
        raise pytest.UsageError(f"pagesmoke: {error}") from None
    config.stash[ACTIVE] = active
    config.pluginmanager.register(active, "pagesmoke-active")
    config.pluginmanager.register(active.own, "pagesmoke-own-tests")
    config.pluginmanager.register(EarlyReaders(active.own), "pagesmoke-early-readers")
    config.pluginmanager.register(active.results, "pagesmoke-results")
    config.pluginmanager.register(active.reporting, "pagesmoke-reporting")
    config.pluginmanager.register(active.heard, "pagesmoke-heard")
    if active.multiplies:
        theirs = sys.modules.get("pytest_base_url.plugin")
        if theirs is not None and config.pluginmanager.is_registered(theirs):
            config.pluginmanager.register(verify_url, "pagesmoke-verify-url")
    if active.collect == "yes":
        # Ours are collected by us; an argument list that is now empty must not turn into "the current directory".
        config.args[:] = activation.other_args


class ActiveRun:
    """The state of an active run, and its hooks. In xdist there is one in the controller and one in each worker."""

    def __init__(self, config: pytest.Config, activation: Activation) -> None:
        self._config = config
        self._activation = activation
        self._is_worker = hasattr(config, "workerinput")
        self._set_up = made = SetUp(config, activation)
        selection = made.selection
        self._settings = made.settings
        self._secrets = made.secrets
        self._planned = made.planned
        self._by_id = {check.id: check for check in made.planned}
        self._replay = made.replay
        self._targets = {target.name: target for target in selection.targets}
        # With --base-url alone the project's own tests keep their ids, and base_url the fixture that it is.
        self.multiplies = len(selection.targets) > bool(activation.base_url)
        self.collect = self._what_to_collect()

        served = Path(made.here if selection.folder_typed else made.project, selection.served)
        self._dist_shown = selection.served.as_posix()  # as the user wrote it, not where it lies
        starting = (target.name for target in selection.targets if target.starts_here and not self._replay)
        serving = next(starting, None)
        self._local: LocalAddress | None = None
        if serving:
            from pytest_pagesmoke.plugin.local import local_address

            self._local = local_address(config, folder=served, shown=selection.served, project=made.project)
        background = Background()
        built = None
        if selection.dist is not None:
            from pytest_pagesmoke.plugin.built import BuildOutput

            built = BuildOutput(served, shown=self._dist_shown, project=made.project, secrets=self._secrets)
        self.heard = Heard(config, self._secrets)
        self._progress_line = ProgressLine(config)
        self.reporting = Reporting(config, made.files, secrets=self._secrets)
        self._looking: Looking | Replaying = Looking(
            project=made.project,
            dist=served,
            secrets=self._secrets,
            local=self._local,
            background=background,
            settle_s=activation.settle_s,
            progress=self._while_waiting,
            built=built,
            note=self.reporting.note if self.reporting.wants_all else None,
        )
        asks_nothing = ""
        if self._replay is not None:
            from pytest_pagesmoke.plugin.replaying import ASKS_NOTHING as asks_nothing  # noqa: N811
            from pytest_pagesmoke.plugin.replaying import Replaying

            self._looking = Replaying(self._replay, note=self.reporting.note)
        self._controller = Controller.of(config)
        self.results = Results(config)
        self.own = OwnTests(
            config,
            targets=selection.targets,
            multiplies=self.multiplies,
            dist=served if serving or selection.dist is not None else None,
            dist_row=DIST_TARGET if selection.dist is not None else serving or "",
            declared=self._settings.targets,
            protected=made.known_production(),
            secrets=self._secrets,
            find=self._looking.find,
            background=background,
            results=self.results,
            asks_nothing=asks_nothing,
        )

        self._beginning = threading.Lock()  # the controller looks for several workers at once
        self._asked_ahead: set[str] = set()  # names of targets
        self._by_target = False
        self._selected: dict[str, Planned] = {}  # by test id: the built-in checks that are to run
        self._collected = False
        self._left_out = False
        self._asks_for_workers = False
        #: Controller: what becomes of the checks that workers ask for, with the worker, how they asked for those of each row, and
        #: the workers that have ended.
        self._asked_for: dict[str, tuple[str, Future[Outcome]]] = {}
        self._asked_how: dict[str, tuple[Overrides, bool]] = {}
        self._ended: set[str] = set()
        self._looked_for: list[CheckRecord] = []  # what workers left that ended
        self._annotates = False  # before the session's end there is nothing to say

    def _what_to_collect(self) -> str:
        """As the activation has it, but that a settings file is collected like a test file: with the folder that it is in."""
        file, collect = self._settings.file, self._activation.collect
        if file is None or collect == "yes":
            return collect
        if collect == "if-alone":
            return "yes"
        folders = [Path(self._set_up.here, arg).resolve() for arg in self._activation.other_args]
        return "yes" if any(folder.is_dir() and file.resolve().is_relative_to(folder) for folder in folders) else "no"

    def _collect(self, session: pytest.Session, chosen: Sequence[str]) -> list[pytest.Item]:
        file = self._settings.file
        place = file if file is not None and file.name == FILE_NAME else self._config.rootpath / FILE_NAME
        return collect_checks(session, self._planned, chosen, file=place)

    def pytest_report_header(self) -> list[str]:
        return self._header() if self._is_ours else []

    def pytest_report_collectionfinish(self, items: Sequence[pytest.Item]) -> list[str]:
        """The same, where only now it shows whose run this is."""
        return self._header() if not self._is_ours and any(isinstance(item, CheckItem) for item in items) else []

    @property
    def _is_ours(self) -> bool:
        """Not one with a base URL that may be for the project's own tests alone, which are none of our business."""
        return bool(self._activation.what or self._replay or self.collect == "yes")

    def _header(self) -> list[str]:
        file = self._settings.file
        settings = f"settings {self._set_up.shown(file)}" if file else "no settings file, so the built-in checklist"
        replay = [f"report {self._activation.replay}"] if self._replay else []
        said = (settings, *replay, *self._what())
        return [f"pagesmoke: {self._secrets.out_of_kept(harmless(text, limit=1000))}" for text in said]

    def _what(self) -> Iterator[str]:
        """What is looked at, and as what: known before anything is asked."""
        if self._set_up.selection.dist is not None:
            yield f"{DIST_TARGET} {self._dist_shown}"
        for name, target in self._targets.items():
            known = []
            if recorded := self._set_up.selection.recorded.get(name):
                at = f" at {recorded.recorded_at}" * bool(recorded.recorded_at)
                alias = f", for {recorded.alias}" * bool(recorded.alias)
                known.append(f"recorded by wrangler{at}{alias}")
            if build := self._set_up.builds.get(name):
                known.append(f"build {build}")
            shown = f" ({', '.join(known)})" if known else ""
            yield f"{name} {target.url or f'wrangler pages dev {self._dist_shown}'}{shown}"

    # Collection: nothing is asked of any site here.

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        # Items and no collector: --lf would skip a file that it does not find on the disk.
        if isinstance(collector, pytest.Session) and self.collect == "yes" and report.passed:
            report.result = [*report.result, *self._collect(collector, self._activation.chosen)]
        return report

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        parametrize(metafunc, self._planned)

    # Around all others: they choose among what is added, and may have an order of their own.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> Generator[None, object, object]:
        if self.collect == "if-alone":
            self._left_out = bool(items)
            if not items:
                self._add_checks(session, items)
        outcome = yield
        if self._activation.settle_s is not None:
            # Tests of the project's own look at a site once: they wait for it behind the checks that do.
            items.sort(key=lambda item: not isinstance(item, CheckItem))
        return outcome

    def _add_checks(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        added = self._collect(session, ())
        for item in added:
            item.ihook.pytest_itemcollected(item=item)
        report = pytest.CollectReport(nodeid=FILE_NAME, outcome="passed", longrepr=None, result=[*added])
        session.ihook.pytest_collectreport(report=report)  # so that they are counted
        items.extend(added)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._collected = True
        mine = [item for item in session.items if isinstance(item, CheckItem)]
        # What a conftest.py lays over the settings may differ from target to target, or be the same for all. All checks of sites
        # stand in one place, so that one of them tells.
        live = next((item for item in mine if OVERRIDES_FIXTURE in item.fixturenames), None)
        self._by_target = live is not None and needs(live._fixtureinfo, [OVERRIDES_FIXTURE])  # noqa: SLF001
        for item in mine:
            shield(item)
            params = item.callspec.params
            self._select(item.nodeid, params[LIVE_FIXTURE if LIVE_FIXTURE in params else DIST_FIXTURE])

    def _select(self, test_id: str, check: Any) -> None:
        """``check``: a Planned, which pytest, having carried it as a parameter, knows as any object."""
        self._selected[test_id] = check
        self.results.expect(test_id, check.row)

    # Running.

    def pending(self, planned: Planned, overrides: Overrides | None = None) -> PendingCheck:
        """A check that is ready to be looked at, with what a conftest.py lays over the settings."""
        overrides = overrides or Overrides()
        return PendingCheck(_with(planned, overrides), lambda check: self._look(check, overrides))

    def _look(self, planned: Planned, overrides: Overrides) -> Outcome:
        """Come to a verdict on one check: the controller's, where there is one, for what lies on a network."""
        if self._controller is not None and isinstance(planned, PlannedLive):
            outcome = self._controller.look(planned, overrides, by_target=self._by_target)
        else:
            outcome = self._look_here(planned, overrides, by_target=self._by_target)
        if outcome.not_judged:
            # Else the place that is shown would be this one. pytest has no public way; its own marks do the same.
            raise pytest.skip.Exception(outcome.not_judged, _use_item_location=True)
        return outcome

    def _look_here(self, planned: Planned, overrides: Overrides, *, by_target: bool) -> Outcome:
        """Look in this process; the first check asks for all that the run has, as far as it is known how."""
        with self._beginning:
            if planned.row not in self._asked_ahead and self._controller is None:
                checks = [*self._selected.values()]
                if by_target:
                    checks = [check for check in checks if check.row == planned.row]
                self._asked_ahead |= {check.row for check in checks}
                self._looking.ahead(_with(check, overrides) for check in checks)
        return self._looking.look(planned)

    def _look_for_worker(self, worker: str, check_id: str, overrides: Overrides, by_target: bool) -> Outcome:
        self._secrets.learn(overrides.headers)
        planned = self._by_id[check_id]
        self._asked_how[planned.row] = overrides, by_target
        before, known = self._asked_for.get(check_id, ("", None))
        if before not in self._ended:
            known = None  # a rerun, if any. (What a worker was at when it crashed, xdist gives out again in some modes: that is none.)
        coming: Future[Outcome] = known or Future()
        self._asked_for[check_id] = worker, coming
        if coming is not known:
            try:
                coming.set_result(self._look_here(_with(planned, overrides), overrides, by_target=by_target))
            except BaseException as error:  # noqa: BLE001 - raised below
                coming.set_exception(error)
        return coming.result()

    def _look_for_the_crashed(self) -> None:
        """Come to the verdicts on checks that a worker left when it ended, as if it had not: what they ask is asked, in this process."""
        left = self.results.left_by_the_crashed
        for test_id in [test_id for test_id in self._selected if test_id in left]:
            planned = self._selected[test_id]
            with suppress(Exception):  # stopped, or an error of ours: it is told as not run
                _, coming = self._asked_for.get(planned.id, ("", None))
                if coming is not None:
                    outcome = coming.result()  # bounded, as everything that asks is
                elif isinstance(planned, PlannedDist):
                    outcome = self._looking.look(planned)
                else:
                    overrides, by_target = self._asked_how[planned.row]
                    outcome = self._look_here(_with(planned, overrides), overrides, by_target=by_target)
                self.results.take(test_id, outcome.record)
                self._looked_for.append(outcome.record)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        known = item.funcargs if isinstance(item, CheckItem) and call.when == "call" else {}
        check = known.get(LIVE_FIXTURE) or known.get(DIST_FIXTURE)
        if isinstance(check, PendingCheck) and check.outcome is not None:
            attach(report, [check.outcome.record])
            if self._is_worker:
                self.reporting.send(report, check.outcome.record)
            if check.outcome.note:
                report.sections.append(("pagesmoke", check.outcome.note))
        return report

    # xdist: the controller has the server, and hears what the workers collected and found.

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput[WORKERINPUT_KEY] = for_workers(self._activation)
        node.workerinput[DEPLOYMENTS_KEY] = set_up.for_workers(self._set_up.deployments)
        if not asks_from_each(self._config):
            self._asks_for_workers = True
            asking.serve(node, partial(self._look_for_worker, node.gateway.id))
        if self._local is not None:
            from pytest_pagesmoke.plugin.local import share

            share(self._local, node)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Iterable[str]) -> None:
        self._collected = True
        ids = [*ids]
        self.results.collected(ids, node)
        for test_id in ids:
            known = test_id
            while known not in self._by_id and "-" in known:  # who has tests repeated (pytest-repeat) adds to their ids
                known = f"{known.rpartition('-')[0]}]"
            if known in self._by_id:
                self._select(test_id, self._by_id[known])

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._ended.add(node.gateway.id)
        self._left_out = self._left_out or getattr(node, "workeroutput", {}).get("pagesmoke_left_out", False)

    # The end.

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(
        self, session: pytest.Session, exitstatus: int | pytest.ExitCode
    ) -> Generator[None, object, object]:
        if self._is_worker:
            self._config.workeroutput["pagesmoke_left_out"] = self._left_out  # type: ignore[attr-defined]  # set by xdist in its workers
        elif exitstatus == pytest.ExitCode.OK and not self._only_lists():
            session.exitstatus = self._exit_status()
        if not self._is_worker and not self._only_lists():
            if self._asks_for_workers and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
                self._look_for_the_crashed()
            self._telling.write()
            self._annotates = os.environ.get("GITHUB_ACTIONS") == "true"
            if self.reporting.failed and session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED  # what was asked for is not there
        if self._asks_for_workers:
            self._looking.stop()  # after -x workers may still wait, and xdist for them
        try:
            return (yield)
        finally:
            self._stop()  # not before: after -x it is here that fixtures of the session end, and they may ask once more

    def pytest_unconfigure(self) -> None:
        self._stop()  # also where the session never came to its end
        if self._annotates:
            self._annotate()

    def _annotate(self) -> None:
        """Tell GitHub what failed. Behind all else, and at the beginning of a line, where alone it looks for commands."""
        terminal: pytest.TerminalReporter | None = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None:
            terminal.ensure_newline()
            for line in self._telling.annotations():
                terminal.write_line(line)

    def _while_waiting(self, progress: list[Progress]) -> None:
        _ = self._telling  # imported now, while there is time
        self._progress_line(progress)

    @cached_property
    def _telling(self) -> Telling:
        from pytest_pagesmoke.plugin.telling import Telling

        return Telling(
            self._config,
            activation=self._activation,
            set_up=self._set_up,
            results=self.results,
            reporting=self.reporting,
            selected=self._selected,
            looked_for=self._looked_for,
            dist_shown=self._dist_shown,
            multiplies=self.multiplies,
        )

    def _stop(self) -> None:
        self._looking.stop()
        if self._local is not None:
            self._local.stop()

    def _only_lists(self) -> bool:
        return any(self._config.getoption(name, False) for name in ("collectonly", "setuponly", "setupplan"))

    def _exit_status(self) -> pytest.ExitCode:
        """Never 0 for checks that were to run and came to no verdict: a crashed worker and an all-skipped run would be."""
        never_collected = self.collect == "yes" and not self._collected
        missing = self._selected.keys() & self.results.missing
        if self.results.an_end_failed:
            return pytest.ExitCode.TESTS_FAILED
        if never_collected or (missing and not self._selected.keys() & self.results.ids):
            return pytest.ExitCode.NO_TESTS_COLLECTED
        return pytest.ExitCode.TESTS_FAILED if missing else pytest.ExitCode.OK

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Generator[None]:
        yield  # after pytest's own: the verdict is what a person looks for at the bottom
        if self._left_out:
            terminalreporter.write_line(
                f"pagesmoke: --base-url reached your own tests only; the built-in checks as well: {self._telling.command_for_all}"
            )
        runs = [] if self._only_lists() else self._telling.runs()
        if not runs:
            left_out_of(self._config).write(terminalreporter)
            if not self._planned:
                terminalreporter.write_line(
                    f"pagesmoke: {self._set_up.shown(self._settings.file)} names nothing to check on {', '.join(self._targets)}{self._set_up.idle_build()}"
                )
            return
        terminalreporter.ensure_newline()
        terminalreporter.section("pagesmoke")
        live = any(isinstance(check, PlannedLive) for check in self._selected.values())
        if self._activation.settle_s is not None and not live:
            terminalreporter.write_line(
                "pagesmoke: --pagesmoke-settle waited for nothing: no built-in check of a site ran"
            )
        tones = {"good": {"green": True}, "bad": {"red": True}}
        width = self._config.get_terminal_writer().fullwidth
        for line in self._telling.lines(runs, width=width):
            terminalreporter.write_line(line.text, **tones.get(line.tone, {}))


def _with(planned: Planned, overrides: Overrides) -> Planned:
    if not isinstance(planned, PlannedLive):
        return planned
    target = overrides.on(planned.target)
    return planned if target is planned.target else replace(planned, target=target)
