"""A run that waits: asks round by round, until `settle` decides that what is there is stable, or that the time is up."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Final

from pytest_pagesmoke.checks.build import BuildCheck
from pytest_pagesmoke.model import NoAnswer, Observation, Probe, Reason, Recorded, Seen
from pytest_pagesmoke.observe.background import Background
from pytest_pagesmoke.plan import PlannedLive
from pytest_pagesmoke.run import Asked, CheckResult, Observer, Run, asked_of, judge
from pytest_pagesmoke.settle import AskAgain, GivenUp, Patience, Progress, Round, Settled, decide, failure_of, history

#: Of its own: a project seeds Python's before each test (pytest-randomly), and counts on what comes out of that.
_CHANCE: Final = random.Random()


class SettlingRun(Run):
    """Asks each target until that has settled, or ``settle_s`` seconds are over. What is asked ahead is the whole set.

    What was waited for in vain is not asked anew: one good answer more would be no proof that it has settled, and the time is up.
    """

    def __init__(
        self,
        make_observer: Callable[[], Observer],
        background: Background,
        *,
        settle_s: float,
        remembers: bool = False,
    ) -> None:
        super().__init__(make_observer, background, remembers=remembers)
        self.settle_s = settle_s
        self._given_up: dict[str, CheckResult] = {}
        self._progress: dict[str, Progress] = {}

    def result(self, check: PlannedLive, meanwhile: Callable[[list[Progress]], None] = lambda _: None) -> CheckResult:
        if check.id in self._given_up:
            return self._given_up[check.id]
        result = super().result(check, meanwhile)
        if result.given_up is not None:
            self._given_up[check.id] = result
        return result

    def report(self, target: str, progress: Progress | None) -> None:
        """Take note of how the waiting for a target goes; None where it is over."""
        if progress is None:
            self._progress = {name: one for name, one in self._progress.items() if name != target}
        else:
            self._progress = {**self._progress, target: progress}  # whole, because another thread reads it

    def _begin(self, checks: Mapping[str, PlannedLive]) -> dict[str, Future[CheckResult]]:
        promised: dict[str, Future[CheckResult]] = {name: Future() for name in checks}
        by_target: dict[str, list[PlannedLive]] = {}
        for check in checks.values():
            by_target.setdefault(check.target.name, []).append(check)
        for theirs in by_target.values():
            whole = self._background.submit(Settling(self, theirs).settle())
            whole.add_done_callback(partial(_hand_out, {check.id: promised[check.id] for check in theirs}))
        return promised

    def _waiting_for(self) -> list[Progress]:
        return [*self._progress.values()]


class Settling:
    """Asks the checks of one target round by round, as `settle` decides."""

    def __init__(self, run: SettlingRun, checks: Iterable[PlannedLive]) -> None:
        self._run = run
        self._checks = {check.id: check for check in checks}
        self._build = frozenset(name for name, check in self._checks.items() if check.check.test == BuildCheck.test)
        target = next(iter(self._checks.values())).target
        self._target = target.name
        self._patience = Patience(
            seconds=run.settle_s,
            rounds=target.manners.settle_rounds,
            round_s=max(one.target.manners.timeout_s for one in self._checks.values()),
        )
        self._began = time.time()
        self._rounds: list[Round] = []
        self._last: dict[str, CheckResult] = {}
        self._last_failed: dict[str, CheckResult] = {}

    async def settle(self) -> Mapping[str, CheckResult]:
        """The results: of the last round where it settled; else what failed, as it last failed."""
        clock = asyncio.get_running_loop().time
        try:
            while True:
                decision = decide(
                    frozenset(self._checks),
                    self._rounds,
                    now=clock(),
                    patience=self._patience,
                    chance=_CHANCE.random(),
                    build=self._build,
                )
                if not isinstance(decision, AskAgain):
                    return self._results(decision)
                self._report(clock())
                await asyncio.sleep(decision.at - clock())
                await self._round(decision.what, until=decision.until)
        finally:
            self._run.report(self._target, None)

    async def _round(self, what: Iterable[str], *, until: float) -> None:
        clock = asyncio.get_running_loop().time
        started, began = clock(), time.time()
        asked: Asked = {}
        checks = [self._checks[name] for name in sorted(what)]
        asking = [
            asyncio.create_task(self._run.ask(check.target, check.reference, check.questions, asked))
            for check in checks
        ]
        try:
            await asyncio.wait(asking, timeout=until - started)
        finally:  # also when the run is stopped meanwhile
            for task in (*asking, *asked.values()):
                task.cancel()
        failed = {}
        for check, task in zip(checks, asking, strict=True):
            result = self._last.get(check.id)
            if task.done():
                answers, first, last = task.result()
                result = await self._run.judged(check, answers, started=first, ended=last, kept={})
            elif not (result and result.findings and clock() - started < check.target.manners.timeout_s):
                answers = _as_far_as_answered(check, asked, clock() - started)
                result = judge(check, answers, started=began, ended=time.time())
                if not result.findings:  # so far; but it is not over
                    answers = _as_far_as_answered(check, {}, clock() - started)
                    result = judge(check, answers, started=began, ended=time.time())
            else:  # cut short, which says less than how it failed when it was last asked
                answers = result.seen
            self._last[check.id] = result
            if result.findings:
                self._last_failed[check.id] = result
                failed[check.id] = failure_of(result.findings[0], answers.values(), wall_clock=time.time())
        self._rounds.append(Round(started=started, ended=clock(), asked=frozenset(what), failed=failed))

    def _results(self, decision: Settled | GivenUp) -> Mapping[str, CheckResult]:
        blamed = decision.blamed if isinstance(decision, GivenUp) else frozenset()
        why = decision.why if isinstance(decision, GivenUp) else None
        found: dict[str, CheckResult] = {}
        for name in self._checks:
            result = self._last_failed[name] if name in blamed else self._last[name]
            past = history(name, self._rounds)
            found[name] = replace(
                result,
                started=self._began,
                attempts=past.tries if name in blamed else past.needed or past.tries,
                history=past,
                given_up=why if name in blamed else None,
            )
        return found

    def _report(self, now: float) -> None:
        failing = tuple(name for name in self._checks if name in self._last and self._last[name].findings)
        progress = Progress(
            target=self._target,
            rounds=len(self._rounds),
            checks=len(self._checks),
            failing=failing,
            ends=(self._rounds[0].started if self._rounds else now) + self._patience.seconds,
        )
        self._run.report(self._target, progress)


def _hand_out(promised: Mapping[str, Future[CheckResult]], done: Future[Mapping[str, CheckResult]]) -> None:
    """Give each check its own of the results that came together."""
    for name, future in promised.items():
        if done.cancelled():
            future.cancel()
        elif (error := done.exception()) is not None:
            future.set_exception(error)
        else:
            future.set_result(done.result()[name])


def _as_far_as_answered(check: PlannedLive, asked: Asked, elapsed_s: float) -> Seen:
    """What a check saw that had not all its answers when the time was up."""
    text = f"no complete answer when the time was up, after {elapsed_s:.1f} s"
    seen: dict[Probe, Observation] = {}
    while probes := [probe for probe in dict.fromkeys(check.questions(seen)) if probe not in seen]:
        for probe in probes:
            side, plain = asked_of(check.target, check.reference, probe)
            if isinstance(side, Recorded):
                seen[probe] = side.answer_to(plain)
            elif (task := asked.get((side.name, plain))) is not None and task.done() and not task.cancelled():
                seen[probe] = task.result()[0]
            else:
                url = plain.address(side)
                seen[probe] = NoAnswer(url=url, reason=Reason.TIMEOUT, text=text, elapsed_s=elapsed_s)
    return seen
