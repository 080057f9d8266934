"""A simulator of an uneven edge, in virtual time and as a real server: a new deployment becomes live machine by machine.

Each connection lands on one of several machines. Each switches from old to new at a time of its own; until then it serves the old
deployment, an old copy from its cache, 404, 503 with Retry-After, or breaks the connection. `python tests/uneven_edge.py` prints how
waiting fares on a hundred random schedules; `… serve PORT SEED` serves one.
"""

from __future__ import annotations

import asyncio
import random
import selectors
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from pytest_pagesmoke.checks.answer import AnswerCheck, AnswerSpec
from pytest_pagesmoke.checks.page import IMPOSSIBLE
from pytest_pagesmoke.model import Answer, Kind, Manners, NoAnswer, Observation, Probe, Reason, Target
from pytest_pagesmoke.observe.background import Background
from pytest_pagesmoke.plan import PlannedLive
from pytest_pagesmoke.run import CheckResult
from pytest_pagesmoke.settle import JITTER, LONGEST_PAUSE_S, Round
from pytest_pagesmoke.settling import _CHANCE, Settling, SettlingRun

NEW, OLD = "build 0002", "build 0001"
KINDS = ("old", "cached", "missing", "busy", "refuses")
#: The longest time from one round to the next.
INTERVAL_S = LONGEST_PAUSE_S * (1 + JITTER)
#: Whether a machine has the new deployment of a path, by the seconds since the start.
Live = Callable[[float, str], bool]


@dataclass(frozen=True)
class Machine:
    """``live`` tells from when on it is new; ``before`` what it does until then."""

    live: Live
    before: str = "old"

    def answer(self, url: str, path: str, now: float) -> Observation:
        if self.live(now, path):
            return Answer(url=url, status=200, body=f"{NEW}: {path}".encode())
        match self.before:
            case "cached":
                return Answer(url=url, status=200, headers={"cf-cache-status": "HIT", "age": "90"}, body=OLD.encode())
            case "missing":
                return Answer(url=url, status=404, body=b"not here")
            case "busy":
                return Answer(url=url, status=503, headers={"retry-after": "3"}, body=b"busy")
            case "refuses":
                return NoAnswer(url=url, reason=Reason.RESET, text="the server closed the connection without an answer")
        return Answer(url=url, status=200, body=f"{OLD}: {path}".encode())


def from_time(live_at: float) -> Live:
    return lambda now, _path: now >= live_at


@dataclass
class Edge:
    """An observer in virtual time: each question goes over a connection of its own. ``log``: when, and whether the answer was old."""

    machines: Sequence[Machine]
    chance: random.Random
    log: list[tuple[float, bool]] = field(default_factory=list)

    def share_old(self, path: str, now: float) -> float:
        return sum(not machine.live(now, path) for machine in self.machines) / len(self.machines)

    async def ask(self, target: Target, probe: Probe) -> Observation:
        machine = self.chance.choice(self.machines)
        await asyncio.sleep(self.chance.uniform(0.02, 0.4))
        now = asyncio.get_running_loop().time()
        if probe not in IMPOSSIBLE:  # these are asked for all checks together, and decide nothing here
            self.log.append((now, not machine.live(now, probe.path)))
        return machine.answer(probe.address(target), probe.path, now)

    async def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class Outcome:
    """How one run ended; ``old_in_deciding_rounds`` counts answers, and says something of greens alone. ``predicted``: how many greens before the last switch its opportunities for one make probable."""

    results: dict[str, CheckResult]
    rounds: list[Round]
    asked: int
    old_in_deciding_rounds: int
    ended: float
    predicted: float

    @property
    def green(self) -> bool:
        return not any(result.findings for result in self.results.values())


def simulate(
    machines: Sequence[Machine], *, seed: int, probes: int, last_switch: float, seconds: float = 200.0, needed: int = 2
) -> Outcome:
    """One run of ``probes`` checks against ``machines``, settled within ``seconds`` or given up."""
    _CHANCE.seed(seed)  # the jitter of the pauses
    edge = Edge(machines, random.Random(seed))
    target = Target(
        name="site", url="https://site.example.com", kind=Kind.PRODUCTION, manners=Manners(settle_rounds=needed)
    )
    checks = [
        PlannedLive(target=target, check=AnswerCheck(), spec=AnswerSpec(path=f"/{number}", contains=(NEW,)))
        for number in range(probes)
    ]
    settling = Settling(SettlingRun(lambda: edge, Background(), settle_s=seconds), checks)
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        results = dict(runner.run(settling.settle()))
        ended = runner.get_loop().time()
    rounds = settling._rounds
    return Outcome(
        results=results,
        rounds=rounds,
        asked=len(edge.log),
        old_in_deciding_rounds=sum(old for _, old in edge.log[-needed * probes :]),
        ended=ended,
        predicted=sum(_chances(edge, rounds, probes, needed, last_switch)),
    )


def _chances(edge: Edge, rounds: Sequence[Round], probes: int, needed: int, last_switch: float) -> list[float]:
    """How probable it was, each time that one more whole round could end a run too early, that it would."""
    found: list[float] = []
    in_a_row = 0
    for each in rounds:
        whole = len(each.asked) == probes
        if whole and in_a_row == needed - 1 and each.started < last_switch:
            share = edge.share_old("/0", each.started)
            found.append((1 - share) ** probes)
        in_a_row = in_a_row + 1 if whole and not each.failed else 0
    return found


def random_schedule(seed: int, *, machines: int | None = None) -> tuple[list[Machine], float]:
    """Machines that switch within half a minute, each before that in its own way; and when the last one does."""
    chance = random.Random(f"schedule {seed}")
    count = machines or chance.randint(2, 6)
    times = [chance.uniform(0.5, 30.0) for _ in range(count)]
    return [Machine(from_time(at), chance.choice(KINDS)) for at in times], max(times)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock leaps to when the next thing happens."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Leaping(self))

    def time(self) -> float:
        return self.now


class _Leaping(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "nothing will ever happen"
        self._loop.now += max(timeout, 0.0)
        return super().select(0)


class EdgeServer(ThreadingHTTPServer):
    """The same over real connections. ``connections`` counts them, ``asked`` the requests."""

    daemon_threads = True

    def __init__(self, machines: Sequence[Machine], *, seed: int, port: int = 0) -> None:
        self.machines = machines
        self.chance = random.Random(seed)
        self.began: float | None = None  # the first request: how long pytest takes to start does not count
        self.connections = 0
        self.asked = 0
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=[0.02], daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: EdgeServer

    def setup(self) -> None:
        super().setup()
        self.machine = self.server.chance.choice(self.server.machines)
        self.server.connections += 1

    def do_GET(self) -> None:
        self.server.asked += 1
        self.server.began = self.server.began or time.monotonic()
        seen = self.machine.answer(self.path, self.path, time.monotonic() - self.server.began)
        if isinstance(seen, NoAnswer):
            self.close_connection = True
            return
        self.send_response(seen.status)
        for name, value in {**seen.headers, "content-length": str(len(seen.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(seen.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Says nothing."""


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        port, seed = map(int, sys.argv[2:4])
        machines, last = random_schedule(seed)
        print(f"{len(machines)} machines, the last switches {last:.1f} s after the first request", flush=True)
        EdgeServer(machines, seed=seed, port=port).serve_forever()
        return
    for label, count, probes in [("2 to 6 machines, 1 to 20 probes", None, None), ("4 machines, 20 probes", 4, 20)]:
        early, predicted, delays = 0, 0.0, []
        for seed in range(100):
            machines, last = random_schedule(seed, machines=count)
            number = probes or random.Random(seed).randint(1, 20)
            outcome = simulate(machines, seed=seed, probes=number, last_switch=last)
            assert outcome.green
            early += outcome.ended < last
            predicted += outcome.predicted
            delays += [outcome.ended - last] if outcome.ended >= last else []
        print(
            f"{label}: {early} early greens of 100 (chance predicts {predicted:.2f}); "
            f"green after the last switch: median {statistics.median(delays):.1f} s, maximum {max(delays):.1f} s"
        )


if __name__ == "__main__":
    main()
