"""When a deployment counts as live everywhere: rounds so far, clock -> ask these again | settled | given up. Pure.

A deployment becomes live edge machine by edge machine, and each connection meets one of them. So one good answer proves
little, and one bad answer only that it is too early. Asked is in rounds, every question over a connection of its own: while
something fails, that alone; then the whole set, until it has passed whole several times in a row, some seconds apart.

All times are seconds on one steady clock (an event loop's); what is asked is named by test id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from pytest_pagesmoke import recognise
from pytest_pagesmoke.checks import live
from pytest_pagesmoke.checks.health import HEALTH_NOT_JSON
from pytest_pagesmoke.checks.same_as import SAME_AS_DIFFERS
from pytest_pagesmoke.model import Answer, Finding, NoAnswer, Observation, Reason

#: Between two whole rounds that pass. What decides must not all have been seen in one lucky moment.
SPREAD_S: Final = 2.0
#: After a round with failures: doubled each time, up to the longest. Some seconds are what an edge needs for a step forward.
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 8.0
#: By how much of itself a pause varies either way, so that the targets of many runs are not all asked in step.
JITTER: Final = 0.25
#: For how long a 503 with Retry-After is heeded. It speaks for one machine, and the next question may meet another.
_LONGEST_DOWN_S: Final = 30.0
#: In so many rounds in a row the wanted build must have answered, and beside it what that build will never do. That each time the one question met
#: a machine that has it, and the other one that has not, is a chance of one in a thousand at most: (1/2 * 1/2) ** 5.
_SURE_ROUNDS: Final = 5
#: What the last rounds themselves take, when it is said from when on there is no time for them any more.
_MARGIN_S: Final = 1.0
_NEVER_ANSWERED: Final = frozenset({Reason.TLS_NAME, Reason.NOT_SENT, Reason.NOT_STARTED})


class Outlook(StrEnum):
    """What waiting can do for a failure."""

    MAY_HEAL = "may heal"
    NEVER = "never"
    #: One page that leads to another host may be the old deployment's; where all do, the address is not where the site lives.
    NEVER_IF_ALL = "never if all"
    #: A page in place of the backend's answer is how a build without a worker answers. Where the wanted build is live, it stays so.
    NEVER_IN_THIS_BUILD = "never in this build"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A check that failed in a round. ``wait_s``: how long the server asked to be left alone, ``throttled``: not for this question alone."""

    outlook: Outlook = Outlook.MAY_HEAL
    wait_s: float = 0.0
    throttled: bool = False


@dataclass(frozen=True, kw_only=True)
class Round:
    """What was asked at one time, and what of it failed."""

    started: float
    ended: float
    asked: frozenset[str]
    failed: Mapping[str, Failure] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Patience:
    """``seconds`` from the first question on, in which ``rounds`` whole rounds in a row must pass. ``round_s``: what one may take at least."""

    seconds: float
    rounds: int = 2
    round_s: float = 10.0


@dataclass(frozen=True, kw_only=True)
class AskAgain:
    """Ask ``what`` at the time ``at``; what has not been answered by ``until`` has failed."""

    what: frozenset[str]
    at: float
    until: float


@dataclass(frozen=True)
class Settled:
    """The whole set passed as often in a row as it must."""


class Why(StrEnum):
    """Why waiting ended without that."""

    TIME_IS_UP = "the time was up"
    CANNOT_HEAL = "waiting cannot heal it"
    TOLD_TO_WAIT = "the site asked to be left alone for longer than there was time"


@dataclass(frozen=True)
class GivenUp:
    """It did not settle; ``blamed`` is what stood against it, be it only that it had failed too short a time before the end."""

    why: Why
    blamed: frozenset[str]


def decide(
    everything: frozenset[str],
    rounds: Sequence[Round],
    *,
    now: float,
    patience: Patience,
    chance: float,
    build: frozenset[str] = frozenset(),
) -> AskAgain | Settled | GivenUp:
    """What to do next, of the checks ``everything`` of one target; those of ``build`` tell whether the wanted one is live.

    ``chance`` is from 0 to 1, and varies the pauses.
    """
    if not rounds:  # there must be a verdict, however short the time
        return AskAgain(what=everything, at=now, until=now + max(patience.seconds, patience.round_s))
    failing = _failing(rounds)
    varied = 1 + JITTER * (2 * chance - 1)
    if failing:
        if _is_certain(failing, everything) or _is_of_the_build(rounds, build):
            return GivenUp(Why.CANNOT_HEAL, frozenset(failing))
        last_chance = rounds[0].started + patience.seconds - SPREAD_S * (1 + JITTER) * (patience.rounds - 1) - _MARGIN_S
        what, at = _what_failed(failing, rounds, varied, last_chance=last_chance)
        if any(failure.outlook is Outlook.NEVER_IN_THIS_BUILD for _, failure in failing.values()):
            what |= build
    elif (in_a_row := _whole_in_a_row(everything, rounds)) >= patience.rounds:
        return Settled()
    else:
        # Where what failed has just passed, the whole set is due at once.
        pause_s = SPREAD_S * (1 + JITTER * chance) if in_a_row else 0.0
        what, at = everything, rounds[-1].ended + pause_s
    deadline = rounds[0].started + patience.seconds
    if not any(each.failed for each in rounds):  # a good site is not turned down for being slow
        return AskAgain(what=what, at=at, until=max(deadline, at + patience.round_s))
    if max(at, now) >= deadline:
        told = any(failure.throttled for _, failure in failing.values())
        return GivenUp(Why.TOLD_TO_WAIT if told else Why.TIME_IS_UP, frozenset(failing) or _last_failed(rounds))
    return AskAgain(what=what, at=at, until=deadline)


_Failing = Mapping[str, tuple[Round, Failure]]


def _failing(rounds: Sequence[Round]) -> _Failing:
    """What failed when it was last asked, and then."""
    failing: dict[str, tuple[Round, Failure]] = {}
    for each in rounds:
        for name in each.asked:
            failing.pop(name, None)
        failing |= {name: (each, failure) for name, failure in each.failed.items()}
    return failing


def _is_certain(failing: _Failing, everything: frozenset[str]) -> bool:
    outlooks = [failure.outlook for _, failure in failing.values()]
    all_lead_away = failing.keys() == everything and all(one is Outlook.NEVER_IF_ALL for one in outlooks)
    return Outlook.NEVER in outlooks or all_lead_away


def _is_of_the_build(rounds: Sequence[Round], build: frozenset[str]) -> bool:
    """Whether the wanted build is live, and fails by itself."""
    last = rounds[-_SURE_ROUNDS:]
    if not build or len(last) < _SURE_ROUNDS:
        return False
    if not all(build <= each.asked and build.isdisjoint(each.failed) for each in last):
        return False
    lasting = (
        {name for name, failure in each.failed.items() if failure.outlook is Outlook.NEVER_IN_THIS_BUILD}
        for each in last
    )
    return bool(set.intersection(*lasting))


def _what_failed(
    failing: _Failing, rounds: Sequence[Round], varied: float, *, last_chance: float
) -> tuple[frozenset[str], float]:
    """Which of it to ask again first, and when: after a pause, and not before a server wants to be asked.

    The ``last_chance`` to pass in time is taken, be the pause due longer. What one machine says for itself (503) is heeded for some time:
    it may be the old deployment that is down for maintenance. Who limits a rate (429) limits whoever asks, whatever he asks for,
    and is not asked before the time.
    """
    in_a_row = 0
    for each in reversed(rounds):
        if not each.failed:
            break
        in_a_row += 1
    pause_s = min(FIRST_PAUSE_S * 2 ** max(in_a_row - 1, 0), LONGEST_PAUSE_S) * varied
    over = rounds[-1].ended
    soonest = min(over + pause_s, max(last_chance, over + min(pause_s, FIRST_PAUSE_S)))
    ready: dict[str, float] = {}
    for name, (seen, failure) in failing.items():
        ready[name] = seen.ended + failure.wait_s
        if not failure.throttled:
            ready[name] = min(ready[name], seen.ended + _LONGEST_DOWN_S, max(last_chance, soonest))
    throttled = [ready[name] for name, (_, failure) in failing.items() if failure.throttled]
    at = max(soonest, min(ready.values()), *throttled)
    return frozenset(name for name, time in ready.items() if time <= at), at


def _whole_in_a_row(everything: frozenset[str], rounds: Sequence[Round]) -> int:
    count = 0
    for each in reversed(rounds):
        if each.failed or each.asked != everything:
            break
        count += 1
    return count


def _last_failed(rounds: Sequence[Round]) -> frozenset[str]:
    return next(frozenset(each.failed) for each in reversed(rounds) if each.failed)


@dataclass(frozen=True, kw_only=True)
class History:
    """How one check fared over the rounds.

    ``tries`` counts all, over ``over_s`` seconds, ``failures`` those that failed. ``needed`` is the number of the try from which on it passed, and ``after_s``
    the time from the first question to that; None where it failed last. ``flapped``: it failed after it had passed.
    """

    tries: int
    over_s: float
    failures: int
    needed: int | None
    after_s: float | None
    flapped: bool


def history(name: str, rounds: Sequence[Round]) -> History:
    """How the check ``name`` fared."""
    asked = [each for each in rounds if name in each.asked]
    passed = [name not in each.failed for each in asked]
    last_failure = max((index for index, good in enumerate(passed) if not good), default=-1)
    turned = last_failure + 1 if last_failure + 1 < len(passed) else None
    return History(
        tries=len(asked),
        over_s=asked[-1].ended - asked[0].started,
        failures=passed.count(False),
        needed=None if turned is None else turned + 1,
        after_s=None if turned is None else asked[turned].ended - rounds[0].started,
        flapped=True in passed[: max(last_failure, 0)],
    )


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where the waiting for one target stands: the rounds so far, who failed last, and when, on time.monotonic(), it ends at the latest."""

    target: str
    rounds: int
    checks: int
    failing: tuple[str, ...]
    ends: float


def failure_of(finding: Finding, seen: Iterable[Observation], *, wall_clock: float) -> Failure:
    """What a failed check, and what it saw, mean for waiting. ``wall_clock`` (time.time) measures a date in Retry-After."""
    observations = [*seen]
    unsendable = any(isinstance(one, NoAnswer) and one.reason in _NEVER_ANSWERED for one in observations)
    before_access = any(isinstance(one, Answer) and recognise.is_access_login(one) for one in observations)
    if (
        finding.rule in (live.ACCESS_LOGIN, live.LOCAL_NOT_READY)
        or unsendable
        or (
            finding.rule is SAME_AS_DIFFERS and before_access  # the one to compare with
        )
    ):
        return Failure(outlook=Outlook.NEVER)
    answers = [one for one in observations if isinstance(one, Answer)]
    asked_to_wait = [one for one in answers if one.status in (429, 503)]
    outlook = Outlook.MAY_HEAL
    if finding.rule is live.REDIRECT_ELSEWHERE:
        outlook = Outlook.NEVER_IF_ALL
    elif finding.rule is HEALTH_NOT_JSON and all(
        recognise.looks_like_html(one.text) and not recognise.cached(one) for one in answers
    ):
        outlook = Outlook.NEVER_IN_THIS_BUILD
    return Failure(
        outlook=outlook,
        wait_s=max((recognise.retry_after_s(one, wall_clock=wall_clock) for one in asked_to_wait), default=0.0),
        throttled=any(
            one.status == 429 and recognise.retry_after_s(one, wall_clock=wall_clock) > 0 for one in asked_to_wait
        ),
    )
