"""One run: asks what the checks need, all at once, and judges what comes back. Knows neither pytest nor httpx."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import CancelledError, Future, wait
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Protocol

from pytest_pagesmoke.model import (
    REPORTED_BYTES,
    TOLD_BYTES,
    Answer,
    Finding,
    Observation,
    Probe,
    Recorded,
    Remark,
    Seen,
    Target,
)
from pytest_pagesmoke.observe.background import Background, aside
from pytest_pagesmoke.plan import PlannedLive

if TYPE_CHECKING:  # a run that does not wait pays for no more
    from pytest_pagesmoke.settle import History, Progress, Why

_TICK_S: Final = 0.5  # how often whoever waits hears of it
_FIRST_TICK_S: Final = 0.15  # by then the first questions are on their way, and who waits has time
#: What to ask, by what is known: called again until it names nothing new.
Questions = Callable[[Seen], Iterable[Probe]]
_Key = tuple[str, Probe]  # a target's name, and a question to it
#: The tasks that ask: what several checks need is asked once.
Asked = dict[_Key, "asyncio.Task[tuple[Observation, float, float]]"]
#: Of the bodies that were judged, all together, what is kept whole for checks that may yet ask the same.
_ROOM_BYTES: Final = 33_554_432


class Observer(Protocol):
    """What can ask: `observe.http.HttpObserver`, or a stand-in in a test."""

    async def ask(self, target: Target, probe: Probe) -> Observation:
        """One exchange, bounded in time. Never raises but for cancellation."""

    async def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What a check came to: the findings (none: passed), the warnings, and its own question's answer. Times on the wall clock.

    ``seen`` is all that it was judged by; of large bodies the beginning, unless a report may hold them. Where it was waited for,
    ``history`` tells how it fared, and ``given_up`` why the waiting ended without success.
    """

    findings: tuple[Finding, ...]
    remarks: tuple[Remark, ...]
    probe: Probe
    observation: Observation
    started: float
    ended: float
    attempts: int = 1
    history: History | None = None
    given_up: Why | None = None
    seen: Seen = field(default_factory=dict, repr=False)


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
        attempts=max(observation.attempts for observation in seen.values()),
        seen=seen,
    )


class Run:
    """Asks in the background, which ends with it.

    What was judged is let go but for its beginning, and, where it ``remembers``, for what a report may hold: all bodies of a site together are large.
    """

    def __init__(
        self, make_observer: Callable[[], Observer], background: Background, *, remembers: bool = False
    ) -> None:
        self._make_observer = make_observer
        self._background = background
        self._observer: Observer | None = None
        self._rooms: dict[str, asyncio.Semaphore] = {}
        self._whole_bytes = REPORTED_BYTES if remembers else TOLD_BYTES
        self._asked: Asked = {}
        self._first: dict[str, set[_Key]] = {}  # what checks that are not judged yet ask first, by their ids
        self._wanted = Counter[_Key]()  # by how many of these
        self._done_with: dict[_Key, int] = {}  # the sizes of answers that nobody is known to want any more
        self._done_with_bytes = 0
        self._kept: dict[_Key, Observation] = {}  # as results hold them, each once
        self._pending: dict[str, Future[CheckResult]] = {}
        self._taken: set[str] = set()  # the checks whose answers were handed out
        self._stopped = False

    def ask_ahead(self, checks: Iterable[PlannedLive]) -> None:
        """Send the questions of ``checks`` now; `result` waits for their answers."""
        if new := {check.id: check for check in checks if check.id not in self._pending}:  # nor a thread for nothing
            self._pending |= self._begin(new)

    def result(self, check: PlannedLive, meanwhile: Callable[[list[Progress]], None] = lambda _: None) -> CheckResult:
        """Wait for the answers that ``check`` needs, and judge. Each call after the first asks anew (a rerun).

        ``meanwhile`` is called every now and then with where the waiting stands: a line for each target that has not settled.
        Raises CancelledError when the run is, or has been, stopped.
        """
        pending = self._pending.pop(check.id, None) or self._submit(check, anew=check.id in self._taken)
        self._taken.add(check.id)
        tick_s = _FIRST_TICK_S
        while not wait([pending], timeout=tick_s).done:  # bounded: every exchange has a deadline
            if self._stopped:
                raise CancelledError("the run is stopped")
            meanwhile(self._waiting_for())
            tick_s = _TICK_S
        return pending.result()

    def see(self, target: Target, questions: Questions) -> Seen:
        """Wait for what ``target`` answers to ``questions``, without any check."""
        seen, _, _ = self._background.submit(self.ask(target, None, questions, self._asked)).result()
        return seen

    def stop(self) -> None:
        """Cancel what is still asked, and close every connection."""
        self._stopped = True
        self._background.stop()

    def _begin(self, checks: Mapping[str, PlannedLive]) -> dict[str, Future[CheckResult]]:
        """Send the questions of ``checks``, by their ids."""
        self._background.submit(self._expect(checks.values()))
        return {name: self._submit(check, anew=False) for name, check in checks.items()}

    def _waiting_for(self) -> list[Progress]:
        return []

    def _submit(self, check: PlannedLive, *, anew: bool) -> Future[CheckResult]:
        # Anew is all of it: a page of today must not be compared with what the site answered before it was mended.
        return self._background.submit(self._judged(check, {} if anew else self._asked))

    async def _expect(self, checks: Iterable[PlannedLive]) -> None:
        """Take note of all that is to be asked before any of it is answered, so that what several need is not let go too early."""
        for check in checks:
            sides = (asked_of(check.target, check.reference, probe) for probe in check.questions({}))
            self._first[check.id] = {(side.name, plain) for side, plain in sides if isinstance(side, Target)}
            self._wanted.update(self._first[check.id])

    async def _judged(self, check: PlannedLive, asked: Asked) -> CheckResult:
        seen, started, ended = await self.ask(check.target, check.reference, check.questions, asked)
        result = await self.judged(
            check, seen, started=started, ended=ended, kept=self._kept if asked is self._asked else {}
        )
        if asked is self._asked:
            self._let_go(check, seen)
        return result

    async def judged(
        self, check: PlannedLive, seen: Seen, *, started: float, ended: float, kept: dict[_Key, Observation]
    ) -> CheckResult:
        """What ``check`` makes of the answers; of these what is ``kept``."""

        def work() -> CheckResult:
            result = judge(check, seen, started=started, ended=ended)
            found: dict[Probe, Observation] = {}
            for probe, one in seen.items():
                side, plain = asked_of(check.target, check.reference, probe)
                if isinstance(side, Target) and isinstance(one, Answer) and one.size_bytes > self._whole_bytes:
                    from pytest_pagesmoke.recorded import beginning_of  # noqa: PLC0415 - few bodies are large

                    found[probe] = kept.setdefault((side.name, plain), beginning_of(one))
                else:
                    found[probe] = one
            return replace(result, observation=found[result.probe], seen=found)

        return await aside(work, seen.values())

    def _let_go(self, check: PlannedLive, seen: Seen) -> None:
        """Note that this check wants its answers no more; of what none wants, let go what there is no room for, the first first."""
        self._wanted.subtract(self._first.pop(check.id, ()))
        for probe, one in seen.items():
            side, plain = asked_of(check.target, check.reference, probe)
            key = side.name if isinstance(side, Target) else "", plain  # a report's were not asked
            if key in self._asked and not self._wanted[key] and key not in self._done_with:
                self._done_with[key] = one.size_bytes if isinstance(one, Answer) else 0
                self._done_with_bytes += self._done_with[key]
        while self._done_with_bytes > _ROOM_BYTES:
            key = next(iter(self._done_with))
            self._done_with_bytes -= self._done_with.pop(key)
            if not self._wanted[key]:  # else whoever wants it notes that again
                del self._asked[key]
                self._kept.pop(key, None)

    async def ask(
        self, target: Target, reference: Target | Recorded | None, questions: Questions, asked: Asked
    ) -> tuple[Seen, float, float]:
        """What ``target`` answers to ``questions``, and from when to when; what is ``asked`` already is waited for."""
        seen: dict[Probe, Observation] = {}
        started: list[float] = []
        ended: list[float] = []
        # Answers may raise new questions: a page names a style, the style an image. What a check asks ends by itself.
        while probes := [
            probe
            for probe in await aside(lambda: [*dict.fromkeys(questions(seen))], seen.values())
            if probe not in seen
        ]:
            tasks: dict[Probe, asyncio.Task[tuple[Observation, float, float]]] = {}
            for probe in probes:
                side, plain = asked_of(target, reference, probe)
                if isinstance(side, Recorded):
                    seen[probe] = side.answer_to(plain)
                else:
                    tasks[probe] = self._ask_once(side, plain, asked)
            for probe, (observation, began, over) in zip(tasks, await asyncio.gather(*tasks.values()), strict=True):
                seen[probe] = observation
                started.append(began)
                ended.append(over)
        return seen, min(started), max(ended)

    def _ask_once(self, target: Target, probe: Probe, asked: Asked) -> asyncio.Task[tuple[Observation, float, float]]:
        """The one task that asks this question; several checks may wait for it."""
        key = (target.name, probe)
        if key not in asked:
            asked[key] = asyncio.create_task(self._ask(target, probe))
        return asked[key]

    async def _ask(self, target: Target, probe: Probe) -> tuple[Observation, float, float]:
        await asyncio.sleep(probe.pause_s)
        if self._observer is None:
            self._observer = self._make_observer()
            self._background.at_end(self._observer.close)
        async with self._rooms.setdefault(target.name, asyncio.Semaphore(target.manners.concurrency)):
            started = time.time()
            return await self._observer.ask(target, probe), started, time.time()


def asked_of(target: Target, reference: Target | Recorded | None, probe: Probe) -> tuple[Target | Recorded, Probe]:
    """Who answers a question, and what it is for him."""
    side = target
    if probe.of_reference and reference is not None:
        if isinstance(reference, Recorded):
            return reference, replace(probe, of_reference=False)
        side, probe = reference, replace(probe, of_reference=False)
    # Where the address has no path, what a page names is asked as what the settings name.
    below = replace(probe, from_root=False) if probe.from_root else probe
    return side, below if below.address(side) == probe.address(side) else probe
