"""One run: what is asked, how often, how many at a time, and that it can be stopped at any moment. No network."""

from __future__ import annotations

import asyncio
import gc
import itertools
import random
import re
import threading
import time
import weakref
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from pytest_pagesmoke import run as run_module
from pytest_pagesmoke.checks.page import IMPOSSIBLE, PageCheck, PageSpec
from pytest_pagesmoke.checks.same_as import SameAsCheck, SameAsSpec
from pytest_pagesmoke.model import (
    Answer,
    Finding,
    Judgement,
    Kind,
    Manners,
    NoAnswer,
    Observation,
    Probe,
    Recorded,
    Remark,
    Rule,
    Seen,
    Target,
)
from pytest_pagesmoke.observe import background
from pytest_pagesmoke.observe.background import Background
from pytest_pagesmoke.plan import PlannedLive
from pytest_pagesmoke.run import CheckResult, Run
from pytest_pagesmoke.settle import Progress, Why
from pytest_pagesmoke.settling import SettlingRun

PATIENCE_S = 10.0
BROKEN = Rule(id="broken", title="Broken", cause="", fix="")
SITE = Target(name="site", url="http://site.example.com", kind=Kind.PRODUCTION)
OTHER = Target(name="other", url="http://other.example.com", kind=Kind.PREVIEW)


@dataclass(frozen=True)
class Paths:
    paths: tuple[str, ...]
    id: str = ""

    @property
    def path(self) -> str:
        return "+".join(self.paths)


class PathsCheck:
    """Asks all paths of its spec, the first its own; a remark an answer, and a finding for its own if that is not 200."""

    test: ClassVar[str] = "test_paths"
    key: ClassVar[str] = "paths"
    spec: ClassVar[type] = Paths
    column: ClassVar[str] = "paths"
    rules: ClassVar[tuple[Rule, ...]] = (BROKEN,)

    def probes(self, spec: Paths, _seen: Seen) -> Iterable[Probe]:
        return [Probe(path=path) for path in spec.paths]

    def judge(self, spec: Paths, seen: Seen) -> Judgement:
        for path in spec.paths:
            answer = seen[Probe(path=path)]
            if isinstance(answer, NoAnswer):
                yield Finding(rule=BROKEN, subject=path, expected="200", actual=answer.text)
                return
            yield Remark(text=f"{path} {answer.status} {answer.body.decode()}")
            if path == spec.paths[0] and answer.status != 200:
                yield Finding(rule=BROKEN, subject=path, expected="200", actual=str(answer.status))


def paths(*asked: str, target: Target = SITE) -> PlannedLive:
    return PlannedLive(target=target, check=PathsCheck(), spec=Paths(asked))


def remarks(result: CheckResult) -> list[str]:
    return [remark.text for remark in result.remarks]


Respond = Callable[[Target, Probe], Awaitable[Observation]]


class FakeObserver:
    """Answers each question with the number of times that it was asked, or as ``respond`` says."""

    def __init__(self, respond: Respond | None = None) -> None:
        self._respond = respond
        self.asked: Counter[str] = Counter()
        self.in_flight: Counter[str] = Counter()
        self.most_in_flight: Counter[str] = Counter()
        self.closed = 0
        self.entered = threading.Event()

    async def ask(self, target: Target, probe: Probe) -> Observation:
        self.asked[target.url + probe.path] += 1
        self.in_flight.update([target.name, "all"])
        self.most_in_flight |= self.in_flight
        self.entered.set()
        try:
            if self._respond is not None:
                return await self._respond(target, probe)
            time_s = str(self.asked[target.url + probe.path])
            return Answer(
                url=target.url + probe.path, status=404 if "missing" in probe.path else 200, body=time_s.encode()
            )
        finally:
            self.in_flight.subtract([target.name, "all"])

    async def close(self) -> None:
        self.closed += 1


Start = Callable[..., tuple[Run, FakeObserver]]


def alive() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "pagesmoke"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Make a run and its observer; stopped at the end, after which nothing of it may be left."""
    runs: list[Run] = []

    def make(
        respond: Respond | None = None, *, settle_s: float | None = None, remembers: bool = False
    ) -> tuple[Run, FakeObserver]:
        observer = FakeObserver(respond)
        if settle_s is None:
            runs.append(Run(lambda: observer, Background(), remembers=remembers))
        else:
            runs.append(SettlingRun(lambda: observer, Background(), settle_s=settle_s, remembers=remembers))
        return runs[-1], observer

    yield make
    for run in runs:
        run.stop()
    assert alive() == []


async def _set(event: asyncio.Event) -> None:
    event.set()


async def hang(_target: Target, _probe: Probe) -> Observation:
    await asyncio.Event().wait()
    raise AssertionError


class TestAsking:
    def test_a_result_is_the_judgement_on_what_was_seen(self, start: Start) -> None:
        run, _ = start()
        began = time.time()
        result = run.result(paths("/missing", "/b"))
        assert remarks(result) == ["/missing 404 1", "/b 200 1"]
        assert [finding.line for finding in result.findings] == ["broken: expected 200, got 404"]
        assert result.probe == Probe(path="/missing")
        assert isinstance(result.observation, Answer)
        assert result.observation.status == 404
        assert began <= result.started <= result.ended <= time.time()

    @pytest.mark.parametrize("ahead", [True, False], ids=["ahead", "one by one"])
    def test_a_question_is_asked_once_however_many_need_it(self, start: Start, *, ahead: bool) -> None:
        """One by one is how xdist's workers, and the checks of the local server, ask."""
        run, observer = start()
        checks = [paths("/b", "/a"), paths("/a"), paths("/c", "/a", "/b"), paths("/d", "/none")]
        if ahead:
            run.ask_ahead(checks)
        assert [remarks(run.result(check))[-1] for check in checks] == [
            "/a 200 1",
            "/a 200 1",
            "/b 200 1",
            "/none 200 1",
        ]
        assert set(observer.asked.values()) == {1}
        assert len(observer.asked) == 5

    @pytest.mark.parametrize("remembers", [False, True])
    def test_bodies_are_let_go_that_nobody_needs_and_there_is_no_room_for(
        self, start: Start, monkeypatch: pytest.MonkeyPatch, *, remembers: bool
    ) -> None:
        monkeypatch.setattr(run_module, "_ROOM_BYTES", 5_000_000)
        bodies: dict[str, weakref.ref[Answer]] = {}
        last = asyncio.Event()

        async def respond(target: Target, probe: Probe) -> Observation:
            if probe.path == "/last":
                await last.wait()
            answer = Answer(url=probe.address(target), status=200, body=b"large" * 400_000)
            bodies[probe.path] = weakref.ref(answer)
            return answer

        run, observer = start(respond, remembers=remembers)
        checks = [paths("/a"), paths("/b", "/a"), paths("/c", "/shared"), paths("/d"), paths("/last", "/shared")]
        run.ask_ahead(checks)
        results = [run.result(check) for check in checks[:-1]]
        assert [type(result.observation).__name__ for result in results] == ["_Beginning"] * 4
        # Two have room; one is needed yet.
        held = [path for path, body in sorted(bodies.items()) if body()]
        assert len(held) == 3
        assert "/shared" in held
        run._background.submit(_set(last)).result()
        result = run.result(checks[-1])
        assert [remark.partition(" large")[0] for remark in remarks(result)] == ["/last 200", "/shared 200"]
        assert set(observer.asked.values()) == {1}
        assert len([path for path, body in bodies.items() if body()]) == 2
        # What there is room for is not asked again; what was let go is.
        run.ask_ahead([paths("/again", "/shared", "/a")])
        run.result(paths("/again", "/shared", "/a"))
        assert {url.rpartition("/")[2]: times for url, times in observer.asked.items() if times > 1} == {"a": 2}

    def test_what_was_let_go_is_asked_again_and_let_go_again(
        self, start: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Many checks share what there is no room for: whoever comes late finds that another has let it go."""
        monkeypatch.setattr(run_module, "_ROOM_BYTES", 1_000_000)

        async def respond(target: Target, probe: Probe) -> Observation:
            await asyncio.sleep(0)
            return Answer(url=probe.address(target), status=200, body=b"large" * 60_000)

        run, _ = start(respond)
        shared = [f"/shared{i}" for i in range(8)]
        checks = [paths(f"/{i}", *random.Random(i).sample(shared, 6)) for i in range(12)]
        run.ask_ahead([checks[0]])  # the others' wishes are not known yet
        for check in checks[1:]:
            run.ask_ahead([check])
        assert [run.result(check).findings for check in checks] == [()] * 12

    def test_what_several_results_hold_of_one_answer_they_hold_once(self, start: Start) -> None:
        async def respond(target: Target, probe: Probe) -> Observation:
            return Answer(url=probe.address(target), status=200, body=b"large" * 20_000)

        run, _ = start(respond)
        checks = [paths("/a", "/shared"), paths("/b", "/shared")]
        run.ask_ahead(checks)
        one, other = (run.result(check).seen[Probe(path="/shared")] for check in checks)
        assert one is other

    def test_what_a_page_names_is_asked_as_what_the_settings_name(self, start: Start) -> None:
        class NamedCheck(PathsCheck):
            test: ClassVar[str] = "test_named"

            def probes(self, spec: Paths, seen: Seen) -> Iterable[Probe]:
                return [replace(probe, from_root=True) for probe in super().probes(spec, seen)]

            def judge(self, _spec: Paths, _seen: Seen) -> Judgement:
                return iter(())

        for base, times in (("http://site.example.com", 1), ("http://site.example.com/app", 2)):
            target = replace(SITE, name=base, url=base)
            run, observer = start()
            checks = [paths("/a", target=target), replace(paths("/a", target=target), check=NamedCheck())]
            run.ask_ahead(checks)
            for check in checks:
                run.result(check)
            assert sum(observer.asked.values()) == times

    @pytest.mark.parametrize("settle_s", [None, 0.3])
    @pytest.mark.parametrize("remembers", [False, True])
    def test_of_what_was_judged_the_beginning_is_kept_or_all_that_was_seen(
        self, start: Start, *, remembers: bool, settle_s: float | None
    ) -> None:
        async def respond(target: Target, probe: Probe) -> Observation:
            return Answer(url=probe.address(target), status=200, headers={"a": "b"}, body=b"large" * 20_000)

        run, _ = start(respond, remembers=remembers, settle_s=settle_s)
        run.ask_ahead([paths("/a")])
        result = run.result(paths("/a"))
        assert isinstance(result.observation, Answer)
        assert len(result.observation.body) == (100_000 if remembers else 65_536)
        assert result.observation.size_bytes == 100_000
        assert result.observation.headers == {"a": "b"}
        assert result.observation.beginning == "large" * 13_107 + "l"
        assert [*result.seen] == [Probe(path="/a")]

    def test_the_same_question_to_another_target_is_another_one(self, start: Start) -> None:
        run, observer = start()
        checks = [paths("/a"), paths("/a", target=OTHER)]
        run.ask_ahead(checks)
        for check in checks:
            run.result(check)
        assert observer.asked == {"http://site.example.com/a": 1, "http://other.example.com/a": 1}

    def test_the_same_path_with_another_accept_is_another_question(self, start: Start) -> None:
        run, observer = start()

        class AcceptCheck(PathsCheck):
            test: ClassVar[str] = "test_accept"

            def probes(self, spec: Paths, _seen: Seen) -> Iterable[Probe]:
                return [Probe(path=path, accept=accept) for path in spec.paths for accept in ("*/*", "text/html")]

        run.result(PlannedLive(target=SITE, check=AcceptCheck(), spec=Paths(("/a",))))
        assert observer.asked["http://site.example.com/a"] == 2

    def test_answers_may_raise_new_questions(self, start: Start) -> None:
        """A page names a style, the style an image: each is asked when it is known, and once."""
        run, observer = start()

        class ChainCheck(PathsCheck):
            test: ClassVar[str] = "test_chain"

            def probes(self, spec: Paths, seen: Seen) -> Iterable[Probe]:
                return [Probe(path=path) for path in spec.paths[: len(seen) + 1]]

        chain = PlannedLive(target=SITE, check=ChainCheck(), spec=Paths(("/a", "/b", "/c")))
        assert remarks(run.result(chain)) == ["/a 200 1", "/b 200 1", "/c 200 1"]
        assert {*observer.asked.values()} == {1}
        assert [*run.see(SITE, chain.questions)] == [Probe(path=path) for path in ("/a", "/b", "/c")]
        assert {*observer.asked.values()} == {1}

    def test_a_question_that_a_check_names_twice_is_asked_once(self, start: Start) -> None:
        run, observer = start()
        for _ in range(2):
            run.result(paths("/a", "/b", "/a"))
        assert observer.asked == {"http://site.example.com/a": 2, "http://site.example.com/b": 2}

    def test_asking_ahead_waits_for_nothing(self, start: Start) -> None:
        run, observer = start(hang)
        run.ask_ahead([paths("/a"), paths("/b")])
        assert observer.entered.wait(PATIENCE_S)

    def test_asking_ahead_twice_asks_once(self, start: Start) -> None:
        run, observer = start()
        for _ in range(2):
            run.ask_ahead([paths("/a")])
        run.result(paths("/a"))
        assert observer.asked.total() == 1

    def test_the_order_of_results_does_not_matter(self, start: Start) -> None:
        checks = [paths("/a"), paths("/b", "/a"), paths("/missing", "/b"), paths("/a", target=OTHER)]
        outcomes = set()
        for order in itertools.permutations(checks):
            run, _ = start()
            run.ask_ahead(checks)
            results = {check.id: run.result(check) for check in order}
            outcomes.add(str([(check.id, results[check.id].findings, remarks(results[check.id])) for check in checks]))
            run.stop()
        assert len(outcomes) == 1

    def test_a_check_does_not_wait_for_the_questions_of_others(self, start: Start) -> None:
        async def slow_is_slow(target: Target, probe: Probe) -> Observation:
            return await hang(target, probe) if probe.path == "/slow" else Answer(url=probe.path, status=200)

        run, _ = start(slow_is_slow)
        run.ask_ahead([paths("/slow"), paths("/quick")])
        assert run.result(paths("/quick")).findings == ()

    def test_who_judges_a_large_answer_holds_nobody_up(self, start: Start) -> None:
        """Nor who works out what it makes a check ask: the exchanges of others have deadlines."""
        others_are_answered = threading.Event()

        class SlowCheck(PathsCheck):
            test: ClassVar[str] = "test_slow"

            def probes(self, spec: Paths, seen: Seen) -> Iterable[Probe]:
                assert not seen or others_are_answered.wait(PATIENCE_S)
                return super().probes(spec, seen)

            def judge(self, _spec: Paths, _seen: Seen) -> Judgement:
                assert others_are_answered.wait(PATIENCE_S)
                return iter(())

        async def respond(target: Target, probe: Probe) -> Observation:
            if probe.path == "/slow":
                return Answer(url=probe.address(target), status=200, body=b"large" * 20_000)
            await asyncio.sleep(0.1)
            return Answer(url=probe.address(target), status=200)

        run, _ = start(respond)
        slow = replace(paths("/slow"), check=SlowCheck())
        run.ask_ahead([slow, paths("/other")])
        assert run.result(paths("/other")).findings == ()
        others_are_answered.set()
        assert run.result(slow).findings == ()

    def test_results_may_be_waited_for_from_several_threads(self, start: Start) -> None:
        run, observer = start()
        checks = [paths(f"/{number}", "/shared") for number in range(20)]
        run.ask_ahead(checks)
        with ThreadPoolExecutor(8) as threads:
            seen = list(threads.map(run.result, checks))
        assert {remarks(result)[1] for result in seen} == {"/shared 200 1"}
        assert observer.asked.total() == 21


class TestAnew:
    """A rerun, or a repetition: each asks anew, and all that it compares."""

    @pytest.mark.parametrize("ahead", [True, False], ids=["ahead", "one by one"])
    def test_a_result_after_a_result(self, start: Start, *, ahead: bool) -> None:
        run, _ = start()
        if ahead:
            run.ask_ahead([paths("/a")])
        assert [remarks(run.result(paths("/a"))) for _ in range(3)] == [["/a 200 1"], ["/a 200 2"], ["/a 200 3"]]

    def test_what_it_is_compared_with_is_asked_anew_too(self, start: Start) -> None:
        """Else a page of the new deployment would be compared with the old one's answers, and a fallback would pass."""
        run, _ = start()
        check = paths("/login", "/no-such-page")
        assert remarks(run.result(check)) == ["/login 200 1", "/no-such-page 200 1"]
        assert remarks(run.result(check)) == ["/login 200 2", "/no-such-page 200 2"]

    def test_other_checks_keep_their_answers(self, start: Start) -> None:
        run, observer = start()
        checks = [paths("/a"), paths("/b")]
        run.ask_ahead(checks)
        for check in [checks[0], *checks]:
            run.result(check)
        assert observer.asked == {"http://site.example.com/a": 2, "http://site.example.com/b": 1}


class TestConcurrency:
    @pytest.mark.parametrize(
        ("manners", "concurrency"),
        [(Manners(concurrency=1), 1), (Manners(concurrency=3), 3), (Manners(), 16)],
        ids=["one", "three", "default"],
    )
    def test_is_bounded_for_each_target(self, start: Start, manners: Manners, concurrency: int) -> None:
        both_full = asyncio.Event()

        async def until_both_are_full(target: Target, probe: Probe) -> Observation:
            # Each target reaches its bound only if the other does not take its places; none may go beyond it.
            if all(observer.in_flight[name] == concurrency for name in ("site", "other")):
                both_full.set()
            await asyncio.wait_for(both_full.wait(), PATIENCE_S)
            for _ in range(5):
                await asyncio.sleep(0)
            return Answer(url=target.url + probe.path, status=200)

        run, observer = start(until_both_are_full)
        checks = [
            paths(f"/{number}", target=replace(target, manners=manners))
            for target in (SITE, OTHER)
            for number in range(20)
        ]
        run.ask_ahead(checks)
        for check in checks:
            run.result(check)
        assert observer.most_in_flight == {"site": concurrency, "other": concurrency, "all": 2 * concurrency}
        assert observer.asked.total() == 40


class TestFailing:
    """An observer never raises; where it does all the same, nobody may wait for ever."""

    def test_what_the_observer_raises_is_raised_by_result(self, start: Start) -> None:
        async def fail(_target: Target, probe: Probe) -> Observation:
            raise LookupError(probe.path)

        run, observer = start(fail)
        run.ask_ahead([paths("/a"), paths("/b", "/a")])
        for check in (paths("/a"), paths("/b", "/a"), paths("/a")):
            with pytest.raises(LookupError, match="/"):
                run.result(check)
        assert observer.asked["http://site.example.com/a"] == 2

    def test_others_get_their_answers(self, start: Start) -> None:
        async def fail_once(_target: Target, probe: Probe) -> Observation:
            if probe.path == "/bad":
                raise LookupError
            return Answer(url=probe.path, status=200)

        run, _ = start(fail_once)
        run.ask_ahead([paths("/a", "/bad"), paths("/a")])
        with pytest.raises(LookupError):
            run.result(paths("/a", "/bad"))
        assert run.result(paths("/a")).findings == ()

    def test_an_observer_that_cannot_be_made(self) -> None:
        def fail() -> FakeObserver:
            raise ImportError("no httpx")

        run = Run(fail, Background())
        with pytest.raises(ImportError, match="no httpx"):
            run.result(paths("/a"))
        run.stop()
        assert alive() == []

    def test_a_judge_that_raises(self, start: Start) -> None:
        async def no_text(_target: Target, probe: Probe) -> Observation:
            return Answer(url=probe.path, status=200, body=b"\xff")

        run, _ = start(no_text)
        with pytest.raises(UnicodeDecodeError):
            run.result(paths("/a"))


class TestSettling:
    """How it is decided, tests/test_settle.py tells."""

    def test_each_check_gets_its_own_of_the_last_round(self, start: Start) -> None:
        run, observer = start(settle_s=60.0)
        checks = [paths("/a"), paths("/b", "/a")]
        run.ask_ahead(checks)
        first, second = (run.result(check) for check in checks)
        assert (remarks(first), remarks(second)) == (["/a 200 2"], ["/b 200 2", "/a 200 2"])
        assert set(observer.asked.values()) == {2}  # once a round, whoever needs it
        assert (first.attempts, first.given_up) == (1, None)
        assert second.history is not None
        assert second.history.tries == 2

    def test_what_failed_is_told_as_it_last_failed(self, start: Start) -> None:
        run, observer = start(settle_s=0.5)
        check = paths("/missing")
        run.ask_ahead([check])
        result = run.result(check)
        assert (len(result.findings), result.given_up, observer.asked.total()) == (1, Why.TIME_IS_UP, 1)

    def test_whoever_waits_hears_how_it_goes(self, start: Start) -> None:
        run, _ = start(settle_s=60.0)
        heard: list[Progress] = []
        check = paths("/a")
        run.ask_ahead([check])
        run.result(check, heard.extend)
        assert {(one.target, one.rounds, one.checks, one.failing) for one in heard} == {("site", 1, 1, ())}
        heard.clear()
        run.result(paths("/b"), heard.extend)
        assert heard == []  # it is over

    def test_the_projects_own_chance_is_left_alone(self, start: Start) -> None:
        """pytest-randomly seeds it before each test, which then counts on what comes of it."""
        run, _ = start(settle_s=0.5)
        check = paths("/missing")
        state = random.getstate()
        run.ask_ahead([check])
        run.result(check)
        assert random.getstate() == state

    def test_an_error_of_ours_reaches_whoever_waits(self, start: Start) -> None:
        async def fail(_target: Target, _probe: Probe) -> Observation:
            raise LookupError

        run, _ = start(fail, settle_s=60.0)
        run.ask_ahead([paths("/a")])
        with pytest.raises(LookupError):
            run.result(paths("/a"))

    def test_a_second_look_asks_anew_and_once(self, start: Start) -> None:
        run, observer = start(settle_s=60.0)
        check = paths("/a")
        run.ask_ahead([check])
        run.result(check)
        assert run.result(check).history is None
        assert observer.asked.total() == 2 + 1

    def test_but_not_at_what_was_given_up(self, start: Start) -> None:
        """One good answer more would be no proof that it has settled."""
        run, observer = start(settle_s=0.5)
        check = paths("/missing")
        run.ask_ahead([check])
        assert run.result(check) is run.result(check)
        assert observer.asked.total() == 1

    def test_what_has_no_answer_when_the_time_is_up_is_what_failed(self, start: Start) -> None:
        count: Counter[str] = Counter()

        async def respond(target: Target, probe: Probe) -> Observation:
            count[probe.path] += 1
            if probe.path == "/hangs" and count[probe.path] > 1:
                await asyncio.Event().wait()
            late = probe.path == "/late" and count[probe.path] == 1
            return Answer(url=target.url + probe.path, status=404 if late else 200)

        run, observer = start(respond, settle_s=2.5)
        late, hangs = paths("/late"), paths("/hangs")
        run.ask_ahead([late, hangs])
        assert run.result(late).findings == ()
        result = run.result(hangs)
        assert isinstance(result.observation, NoAnswer)
        assert re.fullmatch(r"no complete answer when the time was up, after \d\.\d s", result.observation.text)
        assert (len(result.findings), result.given_up) == (1, Why.TIME_IS_UP)
        assert observer.in_flight.total() == 0

    def test_who_had_no_answer_is_blamed_for_it(self, start: Start) -> None:
        """Not the site, where the deployment that it is compared with keeps silent."""
        other = replace(OTHER, name="same-as:other")

        async def respond(target: Target, probe: Probe) -> Observation:
            if target.name == other.name:
                await asyncio.Event().wait()
            return Answer(url=probe.address(target), status=200, headers={"content-type": "text/html"}, body=b"<p>Hi")

        run, _ = start(respond, settle_s=0.3)
        site = replace(SITE, manners=Manners(timeout_s=0.5))
        spec = SameAsSpec(probe=Probe(path="/"), reference=other.url)
        check = PlannedLive(target=site, check=SameAsCheck(), spec=spec, reference=other)
        run.ask_ahead([check])
        (finding,) = run.result(check).findings
        assert finding.expected == f"an answer of {other.url} to compare with"
        assert finding.actual.startswith("no complete answer when the time was up")

    def test_a_report_has_answered_and_the_site_has_not(self, start: Start) -> None:
        page = Answer(url="https://then.example.com/", status=200, headers={"content-type": "text/html"}, body=b"<p>Hi")
        then = Recorded(address="https://then.example.com", file="r.json", answers={Probe(path="/"): page}, kept=str)
        run, _ = start(hang, settle_s=0.3)
        site = replace(SITE, manners=Manners(timeout_s=0.5))
        spec = SameAsSpec(probe=Probe(path="/"), reference=then.address, recorded_in=then.file)
        check = PlannedLive(target=site, check=SameAsCheck(), spec=spec, reference=then)
        run.ask_ahead([check])
        assert [finding.rule.id for finding in run.result(check).findings] == ["timeout"]

    def test_what_would_pass_by_the_answers_so_far_has_not(self, start: Start) -> None:
        async def respond(target: Target, probe: Probe) -> Observation:
            if probe in IMPOSSIBLE:
                await asyncio.Event().wait()
            return Answer(url=probe.address(target), status=200, headers={"content-type": "text/html"}, body=b"<p>Hi")

        run, _ = start(respond, settle_s=0.3)
        site = replace(SITE, manners=Manners(timeout_s=0.5))
        check = PlannedLive(target=site, check=PageCheck(), spec=PageSpec(path="/a"))
        run.ask_ahead([check])
        result = run.result(check)
        assert [finding.rule.id for finding in result.findings] == ["timeout"]
        assert result.given_up is Why.TIME_IS_UP

    def test_the_first_round_is_bounded_as_well(self, start: Start) -> None:
        run, observer = start(hang, settle_s=0.1)
        site = replace(SITE, manners=Manners(timeout_s=0.4, concurrency=1))
        checks = [paths(f"/{number}", target=site) for number in range(3)]
        run.ask_ahead(checks)
        assert all(run.result(check).given_up is Why.TIME_IS_UP for check in checks)
        assert observer.asked.total() == 1


class TestStopping:
    def test_while_an_observer_hangs(self, start: Start) -> None:
        run, observer = start(hang)
        run.ask_ahead([paths("/a"), paths("/b")])
        assert observer.entered.wait(PATIENCE_S)
        assert alive() == ["pagesmoke"]
        began = time.monotonic()
        run.stop()
        assert time.monotonic() - began < 1
        assert alive() == []
        assert (observer.in_flight.total(), observer.closed) == (0, 1)

    def test_wakes_who_waits_until_it_has_settled(self, start: Start) -> None:
        run, observer = start(hang, settle_s=60.0)
        run.ask_ahead([paths("/a"), paths("/b")])
        with ThreadPoolExecutor(1) as waiter:
            waiting = waiter.submit(run.result, paths("/b"))
            assert observer.entered.wait(PATIENCE_S)
            run.stop()
            with pytest.raises(CancelledError):
                waiting.result(PATIENCE_S)

    def test_wakes_who_waits_for_a_result(self, start: Start) -> None:
        run, observer = start(hang)
        with ThreadPoolExecutor(1) as waiter:
            waiting = waiter.submit(run.result, paths("/a"))
            assert observer.entered.wait(PATIENCE_S)
            run.stop()
            with pytest.raises(CancelledError):
                waiting.result(PATIENCE_S)

    def test_no_result_comes_afterwards(self, start: Start) -> None:
        run, _ = start(hang)
        run.ask_ahead([paths("/a")])
        run.stop()
        for path in ("/a", "/b"):
            with pytest.raises(CancelledError):
                run.result(paths(path))
        assert alive() == []

    def test_twice(self, start: Start) -> None:
        run, observer = start()
        run.result(paths("/a"))
        run.stop()
        run.stop()
        assert observer.closed == 1

    def test_before_anything_was_asked(self) -> None:
        made: list[FakeObserver] = []

        def make() -> FakeObserver:
            made.append(FakeObserver())
            return made[-1]

        run = Run(make, Background())
        run.stop()
        run.stop()
        with pytest.raises(CancelledError):
            run.result(paths("/a"))
        del run
        gc.collect()  # a loop that nobody closed would warn now
        assert (made, alive()) == ([], [])

    def test_a_run_that_asks_nothing_begins_no_thread(self, start: Start) -> None:
        run, _ = start()
        run.ask_ahead([])
        assert alive() == []

    def test_a_run_that_is_only_made_leaves_nothing(self) -> None:
        Run(FakeObserver, Background())
        gc.collect()
        assert alive() == []

    def test_is_bounded_where_an_observer_will_not_be_cancelled(
        self, start: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(background, "_PATIENCE_S", 0.1)
        let_go = threading.Event()

        async def block(_target: Target, probe: Probe) -> Observation:
            let_go.wait(PATIENCE_S)  # blocks the whole loop
            return Answer(url=probe.path, status=200)

        run, observer = start(block)
        run.ask_ahead([paths("/a")])
        assert observer.entered.wait(PATIENCE_S)
        (thread,) = [thread for thread in threading.enumerate() if thread.name == "pagesmoke"]
        began = time.monotonic()
        run.stop()
        assert time.monotonic() - began < 1
        let_go.set()
        thread.join(PATIENCE_S)
        assert alive() == []
        gc.collect()

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    def test_an_observer_whose_close_raises_is_stopped_all_the_same(self, start: Start) -> None:
        run, observer = start()

        async def fail() -> None:
            raise LookupError

        observer.close = fail  # type: ignore[method-assign]
        run.result(paths("/a"))
        run.stop()
        assert alive() == []
