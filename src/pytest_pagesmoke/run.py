"""One run: asks what the checks need, all at once, and judges what comes back. Knows neither pytest nor httpx."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from pytest_pagesmoke.model import Finding, Observation, Probe, Remark, Seen, Target
from pytest_pagesmoke.observe.background import Background
from pytest_pagesmoke.plan import PlannedLive

#: What to ask, by what is known: called again until it names nothing new.
Questions = Callable[[Seen], Iterable[Probe]]


class Observer(Protocol):
    """What can ask: `observe.http.HttpObserver`, or a stand-in in a test."""

    async def ask(self, target: Target, probe: Probe) -> Observation:
        """One exchange, bounded in time. Never raises but for cancellation."""

    async def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What a check came to: the findings (none: passed), the warnings, and its own question's answer. Times on the wall clock."""

    findings: tuple[Finding, ...]
    remarks: tuple[Remark, ...]
    probe: Probe
    observation: Observation
    started: float
    ended: float


def judge(check: PlannedLive, seen: Seen, *, started: float, ended: float) -> CheckResult:
    """What ``check`` makes of the answers to its questions."""
    judgement = list(check.check.judge(check.spec, seen))
    own = next(iter(check.questions(seen)))
    return CheckResult(
        findings=tuple(item for item in judgement if isinstance(item, Finding)),
        remarks=tuple(item for item in judgement if isinstance(item, Remark)),
        probe=own,
        observation=seen[own],
        started=started,
        ended=ended,
    )


class Run:
    """Asks in the background, which ends with it."""

    def __init__(self, make_observer: Callable[[], Observer], background: Background) -> None:
        self._make_observer = make_observer
        self._background = background
        self._observer: Observer | None = None
        self._rooms: dict[str, asyncio.Semaphore] = {}
        self._asked: dict[tuple[str, Probe], asyncio.Task[tuple[Observation, float, float]]] = {}
        self._pending: dict[str, Future[tuple[Seen, float, float]]] = {}
        self._taken: set[str] = set()  # the checks whose answers were handed out

    def ask_ahead(self, checks: Iterable[PlannedLive]) -> None:
        """Send the questions of ``checks`` now; `result` waits for their answers."""
        for check in checks:
            if check.id not in self._pending:
                self._pending[check.id] = self._submit(check.target, check.questions, anew=False)

    def result(self, check: PlannedLive) -> CheckResult:
        """Wait for the answers that ``check`` needs, and judge. Each call after the first asks anew (a rerun).

        Raises CancelledError when the run is, or has been, stopped.
        """
        pending = self._pending.pop(check.id, None)
        if pending is None:
            pending = self._submit(check.target, check.questions, anew=check.id in self._taken)
        self._taken.add(check.id)
        seen, started, ended = pending.result()  # bounded: every exchange has a deadline
        return judge(check, seen, started=started, ended=ended)

    def see(self, target: Target, questions: Questions) -> Seen:
        """Wait for what ``target`` answers to ``questions``, without any check."""
        seen, _, _ = self._submit(target, questions, anew=False).result()
        return seen

    def stop(self) -> None:
        """Cancel what is still asked, and close every connection."""
        self._background.stop()

    def _submit(self, target: Target, questions: Questions, *, anew: bool) -> Future[tuple[Seen, float, float]]:
        return self._background.submit(self._see(target, questions, anew=anew))

    async def _see(self, target: Target, questions: Questions, *, anew: bool) -> tuple[Seen, float, float]:
        seen: dict[Probe, Observation] = {}
        started: list[float] = []
        ended: list[float] = []
        # Answers may raise new questions: a page names a style, the style an image. What a check asks ends by itself.
        while probes := [probe for probe in dict.fromkeys(questions(seen)) if probe not in seen]:
            tasks = [self._ask_once(target, probe, anew=anew) for probe in probes]
            for probe, (observation, began, over) in zip(probes, await asyncio.gather(*tasks), strict=True):
                seen[probe] = observation
                started.append(began)
                ended.append(over)
        return seen, min(started), max(ended)

    def _ask_once(self, target: Target, probe: Probe, *, anew: bool) -> asyncio.Task[tuple[Observation, float, float]]:
        """The one task that asks this question; several checks may wait for it.

        Anew is all of it: a page of today must not be compared with what the site answered before it was mended.
        """
        key = (target.name, probe)
        if anew or key not in self._asked:
            self._asked[key] = asyncio.create_task(self._ask(target, probe))
        return self._asked[key]

    async def _ask(self, target: Target, probe: Probe) -> tuple[Observation, float, float]:
        if self._observer is None:
            self._observer = self._make_observer()
            self._background.at_end(self._observer.close)
        async with self._rooms.setdefault(target.name, asyncio.Semaphore(target.manners.concurrency)):
            started = time.time()
            return await self._observer.ask(target, probe), started, time.time()
