"""What is told of a run at its end: in the terminal, in reports, to a CI. Imported while the answers are on their way."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from pytest_pagesmoke.addresses import without_credentials
from pytest_pagesmoke.diagnose import COMMAND, TargetRun
from pytest_pagesmoke.model import OWN_TEST, CheckRecord
from pytest_pagesmoke.plan import DIST_TARGET, Planned, PlannedLive
from pytest_pagesmoke.plugin import junit
from pytest_pagesmoke.plugin.activation import Activation
from pytest_pagesmoke.plugin.reporting import Reporting
from pytest_pagesmoke.plugin.results import Results, asks_from_each
from pytest_pagesmoke.plugin.set_up import SetUp
from pytest_pagesmoke.plugin.wishes import left_out_of
from pytest_pagesmoke.say import github, terminal
from pytest_pagesmoke.say.harmless import harmless
from pytest_pagesmoke.say.summary import Entry, Summary, failure_line, left_out, summarize
from pytest_pagesmoke.settings import FILE_NAME

_CHECKLIST: Final = "none, so the built-in checklist: pages / and /login, health /api/health/status, asset /static/app.js; dist with worker and routes"


class Telling:
    """``selected`` are the built-in checks that are to run, by test id; ``looked_for`` what workers left that ended, both as they are at the time."""

    def __init__(
        self,
        config: pytest.Config,
        *,
        activation: Activation,
        set_up: SetUp,
        results: Results,
        reporting: Reporting,
        selected: Mapping[str, Planned],
        looked_for: Sequence[CheckRecord],
        dist_shown: str,
        multiplies: bool,
    ) -> None:
        self._config = config
        self._activation = activation
        self._set_up = set_up
        self._results = results
        self._reporting = reporting
        self._selected = selected
        self._looked_for = looked_for
        self._dist_shown = dist_shown
        self._multiplies = multiplies
        self._targets = {target.name: target for target in set_up.selection.targets}

    def write(self) -> None:
        """Write the reports that are wanted, and the causes into pytest's own."""
        runs, file = self.runs(), self._set_up.settings.file
        self._reporting.write(
            runs,
            self._summary(runs),
            settings=self._set_up.shown(file) if file else None,
            replay_of=self._activation.replay or None,
        )
        junit.add_causes(self._config, runs, kept=self._set_up.secrets.out_of_kept)

    def lines(self, runs: Sequence[TargetRun], *, width: int) -> Iterable[terminal.Line]:
        """The summary, for a terminal of so many columns."""
        return terminal.lines(self._summary(runs), width=width)

    def annotations(self) -> Iterable[str]:
        """What failed, as GitHub's commands."""
        return github.commands(self.runs(), own=self._options_of_own_tests(), kept=self._set_up.secrets.out_of_kept)

    @property
    def command_for_all(self) -> str:
        """What has the built-in checks as well, where `--base-url` was for the project's own tests."""
        address = next(iter(self._targets.values())).url  # without the credentials that the option may hold
        return f"{COMMAND} --base-url={address}"

    def _command(self) -> str:
        """How these checks are run again: from here the nearest settings are found by their bare name."""
        file, here = self._activation.file, self._set_up.here
        near = not file or any(Path(file).parent == folder.resolve() for folder in (here, *here.parents))
        return COMMAND if near else f"pytest {shlex.quote(os.path.relpath(file, here))}"

    def _summary(self, runs: Sequence[TargetRun]) -> Summary:
        kept = left_out_of(self._config)
        return summarize(
            runs,
            settings=self._shown_settings() if self._selected else "",
            notes=[*self._said_of_the_crashed(), *self._said_of_reports(runs), *left_out(kept.counts, kept.slips)],
            own=self._options_of_own_tests(),
        )

    def _said_of_the_crashed(self) -> Iterator[Entry]:
        """What pytest does not show, which says only that a worker ended."""
        if self._looked_for:
            count = f"{len(self._looked_for)} check{'s' if len(self._looked_for) > 1 else ''}"
            yield Entry(label="workers", text=f"one ended before it could tell of {count}: judged without it")
            for record in self._looked_for:
                if record.outcome == "failed":
                    yield Entry(label="workers", text=failure_line(record), continues=True)

    def _said_of_reports(self, runs: Iterable[TargetRun]) -> Iterator[Entry]:
        for name in self._set_up.without_commit():
            yield Entry(
                label="build", text=f"{name}: wrangler recorded no commit, so it was not asked which build it is"
            )
        if self._set_up.replay is not None:
            when = f"{self._set_up.replay.started:%Y-%m-%d %H:%M} UTC"
            then = f", of a run that was {self._set_up.replay.verdict.upper()}" if self._set_up.replay.verdict else ""
            yield Entry(label="replay", text=f"{harmless(self._activation.replay)} of {when}{then}: nothing was asked")
            if self._set_up.replay.failed_beside:
                beside = f"failed then, and not judged again: {', '.join(self._set_up.replay.failed_beside)}"
                yield Entry(label="replay", text=beside, continues=True)
            for run in runs:
                for record in run.unfinished:
                    if record.test != OWN_TEST and record.actual:
                        yield Entry(label="skipped", text=f"{harmless(record.id)}: {harmless(record.actual)}")
        for failed in (*self._reporting.failed, *self._reporting.not_added):
            yield Entry(label="report", text=f"could not be written: {failed}", is_command=True)

    def _options_of_own_tests(self) -> list[str]:
        remembers = self._config.pluginmanager.has_plugin("cacheprovider")  # it knows what failed, unless it is blocked
        writes: bool = self._config.getoption("pagesmoke_allow_writes")
        return ["--lf"] * remembers + ["--pagesmoke-allow-writes"] * writes

    def _options_of_each(self) -> Iterator[str]:
        """By what options of xdist's every worker asks for itself in this run, as far as they were typed."""
        if asks_from_each(self._config):
            yield "--dist=each"
            if count := self._config.getoption("numprocesses"):
                yield f"--numprocesses={count}"
                return
            typed = [
                *map(str, self._config.invocation_params.args)
            ]  # of several `--tx` all count, those of addopts, too
            yield from (f"--tx={spec}" for spec in self._config.getoption("tx") if any(spec in arg for arg in typed))

    def runs(self) -> list[TargetRun]:
        """What was seen of the build output, and of each target in the order in which they were given."""
        return [
            self._target_run(row) for row in dict.fromkeys((DIST_TARGET, *self._targets)) if self._results.counts(row)
        ]

    def _target_run(self, row: str) -> TargetRun:
        records = self._results.of(row)
        target = self._targets.get(row)
        address = target.url if target else self._dist_shown
        return TargetRun(
            name=row,
            # The local server's address is known to those alone who have asked there.
            address=address or next((record.address for record in records if record.address), "(not started)"),
            target=target,
            planned=self._results.expected(row),
            records=records,
            option=self._set_up.selection.options.get(row, ""),
            file=self._set_up.selection.files.get(row, ""),
            declared=self._set_up.selection.declared.get(row),
            plain_ids=not self._multiplies,
            build=self._set_up.secrets.out_of(self._set_up.builds.get(row, "")),
            build_typed=bool(self._activation.build),
            command=self._command(),
            by_checklist=self._set_up.settings.file is None,
            settle_s=self._activation.settle_s,
            same_as=without_credentials(self._activation.same_as) if target else "",
            workers=tuple(self._options_of_each()),
            own_unfinished=bool(self._results.unfinished(row) - self._selected.keys()),
            replay=self._activation.replay,
            unfinished=tuple(self._unfinished(row)),
            order=self._results.order,
        )

    def _unfinished(self, row: str) -> Iterator[CheckRecord]:
        """A record of each test that came to no outcome."""
        for (test_id, place), (outcome, why) in self._results.why_unfinished(row).items():
            check = self._selected.get(test_id)
            yield CheckRecord(
                id=check.id if check else test_id,
                test=check.test if check else OWN_TEST,
                target=row,
                address="",
                column="",
                path="" if check is None else check.spec.path if isinstance(check, PlannedLive) else check.param,
                outcome=outcome,
                actual=why,
                attempts=0,
                xdist_worker=place,
                seen_from=place,
            )

    def _shown_settings(self) -> str:
        file = self._set_up.settings.file
        if file is None:
            return _CHECKLIST
        shown = harmless(self._set_up.shown(file), limit=1000)
        return shown if file.name == FILE_NAME else f"[tool.pagesmoke] in {shown}"
