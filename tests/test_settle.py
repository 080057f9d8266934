"""When waiting ends: decided from rounds and a clock, and tried on a simulated edge in virtual time."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

from pytest_pagesmoke.checks import live
from pytest_pagesmoke.checks.health import HEALTH_NOT_JSON
from pytest_pagesmoke.checks.same_as import SAME_AS_DIFFERS
from pytest_pagesmoke.model import Answer, Finding, NoAnswer, Observation, Reason, Rule
from pytest_pagesmoke.settle import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    SPREAD_S,
    AskAgain,
    Failure,
    GivenUp,
    Outlook,
    Patience,
    Round,
    Settled,
    Why,
    decide,
    failure_of,
    history,
)
from uneven_edge import INTERVAL_S, Live, Machine, from_time, random_schedule, simulate

ALL = frozenset("abc")
PATIENCE = Patience(seconds=60.0, rounds=2)
MIDDLE = 0.5  # of the chance: no jitter where it goes both ways
URL = "https://www.example.com/"
NOW = 1_800_000_000.0  # on the wall clock


def rounds(*given: tuple[str, str] | tuple[str, dict[str, Failure]]) -> list[Round]:
    """Rounds of a tenth of a second, one a second: what was asked, and what of it failed."""
    return [
        Round(
            started=100.0 + number,
            ended=100.1 + number,
            asked=frozenset(asked),
            failed=failed if isinstance(failed, dict) else {name: Failure() for name in failed},
        )
        for number, (asked, failed) in enumerate(given)
    ]


def decided(
    *given: tuple[str, str] | tuple[str, dict[str, Failure]],
    patience: Patience = PATIENCE,
    chance: float = MIDDLE,
    build: frozenset[str] = frozenset(),
) -> AskAgain | Settled | GivenUp:
    so_far = rounds(*given)
    return decide(ALL, so_far, now=so_far[-1].ended, patience=patience, chance=chance, build=build)


def again(*given: tuple[str, str] | tuple[str, dict[str, Failure]], chance: float = MIDDLE) -> tuple[str, float]:
    """What is asked again, and how many seconds after the last round."""
    decision = decided(*given, chance=chance)
    assert isinstance(decision, AskAgain)
    return "".join(sorted(decision.what)), round(decision.at - rounds(*given)[-1].ended, 3)


class TestWhatIsAskedNext:
    @pytest.mark.parametrize(("seconds", "until"), [(60.0, 67.0), (1.0, 17.0)])
    def test_first_everything_at_once_with_time_enough_for_one_exchange(self, seconds: float, until: float) -> None:
        patience = Patience(seconds=seconds, rounds=2, round_s=10.0)
        assert decide(ALL, [], now=7.0, patience=patience, chance=MIDDLE) == AskAgain(what=ALL, at=7.0, until=until)

    def test_what_failed_alone(self) -> None:
        assert again(("abc", "b")) == ("b", FIRST_PAUSE_S)
        assert again(("abc", "bc"), ("bc", "c")) == ("c", 2 * FIRST_PAUSE_S)

    def test_the_whole_set_as_soon_as_nothing_fails(self) -> None:
        assert again(("abc", "b"), ("b", "")) == ("abc", 0.0)

    def test_the_whole_set_again_some_seconds_later(self) -> None:
        assert again(("abc", "")) == ("abc", SPREAD_S * 1.125)
        assert again(("abc", ""), chance=0.0) == ("abc", SPREAD_S)  # never less

    def test_pauses_double_up_to_the_longest(self) -> None:
        pauses = [again(*[("abc", "a")] * count)[1] for count in range(1, 8)]
        assert pauses == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0]
        assert LONGEST_PAUSE_S == 8.0

    def test_pauses_begin_anew_where_everything_passed_in_between(self) -> None:
        assert again(("abc", "a"), ("a", "a"), ("a", ""), ("abc", "b")) == ("b", FIRST_PAUSE_S)

    @pytest.mark.parametrize(("chance", "pause_s"), [(0.0, 0.75), (0.999999, 1.25)])
    def test_pauses_vary_by_a_quarter(self, chance: float, pause_s: float) -> None:
        assert again(("abc", "a"), chance=chance)[1] == pytest.approx(pause_s, abs=1e-3)


class TestSettled:
    def test_after_two_whole_rounds_in_a_row(self) -> None:
        assert decided(("abc", ""), ("abc", "")) == Settled()
        assert decided(("abc", "a"), ("a", ""), ("abc", ""), ("abc", "")) == Settled()

    def test_a_round_of_what_failed_is_no_whole_one(self) -> None:
        assert again(("abc", "a"), ("a", ""), ("abc", ""))[0] == "abc"

    def test_not_where_one_failed_between_them(self) -> None:
        assert again(("abc", ""), ("abc", "b"), ("b", ""), ("abc", ""))[0] == "abc"

    def test_after_as_many_as_are_wanted(self) -> None:
        three, one = Patience(seconds=60.0, rounds=3), Patience(seconds=60.0, rounds=1)
        assert isinstance(decided(("abc", ""), ("abc", ""), patience=three), AskAgain)
        assert decided(("abc", ""), ("abc", ""), ("abc", ""), patience=three) == Settled()
        assert decided(("abc", ""), patience=one) == Settled()


class TestTheDeadline:
    def test_it_bounds_the_rounds(self) -> None:
        decision = decided(("abc", "a"))
        assert isinstance(decision, AskAgain)
        assert decision.until == 100.0 + PATIENCE.seconds

    def test_the_last_chance_to_pass_is_taken(self) -> None:
        """A pause that would go beyond it would end the waiting long before its time."""
        failing = [("abc", "a")] * 4  # the pause would be 8 seconds
        decision = decided(*failing, patience=Patience(seconds=10.0))
        assert isinstance(decision, AskAgain)
        assert decision.at == pytest.approx(100.0 + 10.0 - SPREAD_S * 1.25 - 1.0)
        late = decided(*failing, patience=Patience(seconds=5.0))
        assert isinstance(late, AskAgain)
        assert late.at == pytest.approx(103.1 + FIRST_PAUSE_S)

    def test_what_fails_at_the_end_is_blamed(self) -> None:
        short = Patience(seconds=2.0, rounds=2)
        assert decided(("abc", "ab"), ("ab", "b"), patience=short) == GivenUp(Why.TIME_IS_UP, frozenset("b"))

    def test_so_is_what_failed_before_and_was_not_asked_again(self) -> None:
        down = {"a": Failure(wait_s=20.0), "b": Failure()}
        short = Patience(seconds=1.0, rounds=1)
        assert decided(("abc", down), ("b", "b"), patience=short) == GivenUp(Why.TIME_IS_UP, frozenset("ab"))

    def test_what_passed_too_late_is_blamed(self) -> None:
        short = Patience(seconds=2.0, rounds=2)
        assert decided(("abc", "ab"), ("ab", ""), ("abc", ""), patience=short) == GivenUp(
            Why.TIME_IS_UP, frozenset("ab")
        )

    def test_it_is_over_where_it_passes_while_asking(self) -> None:
        """A round that the deadline cut off leaves no trace but the time."""
        so_far = rounds(("abc", "a"))
        cut = decide(ALL, so_far, now=so_far[0].started + PATIENCE.seconds, patience=PATIENCE, chance=MIDDLE)
        assert cut == GivenUp(Why.TIME_IS_UP, frozenset("a"))

    def test_a_site_that_never_failed_is_not_turned_down_for_being_slow(self) -> None:
        decision = decided(("abc", ""), patience=Patience(seconds=0.1, rounds=2))
        assert isinstance(decision, AskAgain)
        assert decision.until == decision.at + PATIENCE.round_s
        long = decided(("abc", ""))
        assert isinstance(long, AskAgain)
        assert long.until == 100.0 + PATIENCE.seconds
        assert decided(("abc", ""), ("abc", ""), patience=Patience(seconds=0.1, rounds=2)) == Settled()

    def test_one_failure_is_enough_to_be_bound_by_it(self) -> None:
        short = Patience(seconds=0.1, rounds=2)
        assert decided(("abc", ""), ("abc", "c"), patience=short) == GivenUp(Why.TIME_IS_UP, frozenset("c"))


class TestWhatCannotHeal:
    def test_one_is_enough_to_end_it(self) -> None:
        never = {"a": Failure(outlook=Outlook.NEVER), "b": Failure()}
        assert decided(("abc", never)) == GivenUp(Why.CANNOT_HEAL, frozenset("ab"))

    def test_leading_elsewhere_is_certain_only_where_all_do(self) -> None:
        away = Failure(outlook=Outlook.NEVER_IF_ALL)
        assert isinstance(decided(("abc", {"a": away, "b": away})), AskAgain)
        assert isinstance(decided(("abc", {"a": away, "b": away, "c": Failure()})), AskAgain)
        assert decided(("abc", dict.fromkeys("abc", away))) == GivenUp(Why.CANNOT_HEAL, ALL)

    def test_a_page_for_health_is_certain_once_the_build_has_answered_five_times_beside_it(self) -> None:
        page, other = {"a": Failure(outlook=Outlook.NEVER_IN_THIS_BUILD)}, {"a": Failure()}
        build = frozenset("b")
        first = decided(("abc", page), build=build)
        assert isinstance(first, AskAgain)
        assert first.what == frozenset("ab")  # the build is asked anew beside it
        sure = [("abc", page), *[("ab", page)] * 4]
        assert decided(*sure, build=build) == GivenUp(Why.CANNOT_HEAL, frozenset("a"))
        unsure = [
            decided(*sure[:4], build=build),
            decided(*sure),  # the build is not asked for
            decided(*sure[:4], ("ab", {**page, "b": Failure()}), build=build),
            decided(*sure[:4], ("a", page), build=build),
            decided(*sure[:4], ("ab", other), build=build),
            decided(*sure[:2], ("ab", {"c": page["a"]}), *sure[3:], build=build),
        ]
        assert [type(one) for one in unsure] == [AskAgain] * len(unsure)

    @pytest.mark.parametrize("seed", range(200))
    def test_while_the_old_deployment_is_still_live_here_and_there_it_is_not_given_up(self, seed: int) -> None:
        """The old one has no worker, so that it answers health with a page."""
        chance = random.Random(seed)
        live_at = [chance.uniform(0, 30) for _ in range(chance.randint(2, 6))]
        page = Failure(outlook=Outlook.NEVER_IN_THIS_BUILD)
        so_far: list[Round] = []
        while isinstance(
            decision := decide(
                ALL, so_far, now=0.0, patience=Patience(seconds=300), chance=chance.random(), build=frozenset("b")
            ),
            AskAgain,
        ):
            failed = {
                name: page if name == "a" else Failure()
                for name in decision.what - {"c"}
                if chance.choice(live_at) > decision.at
            }
            so_far.append(Round(started=decision.at, ended=decision.at + 0.1, asked=decision.what, failed=failed))
        assert decision == Settled()

    def test_what_may_heal_is_asked_without_the_build(self) -> None:
        alone = decided(("abc", "a"), build=frozenset("b"))
        assert isinstance(alone, AskAgain)
        assert alone.what == frozenset("a")


class TestRetryAfter:
    def test_what_is_down_is_left_alone_and_the_rest_is_not(self) -> None:
        down = Failure(wait_s=20.0)
        assert again(("abc", {"a": down, "b": Failure()})) == ("b", FIRST_PAUSE_S)
        assert again(("abc", {"a": down})) == ("a", 20.0)
        # It becomes due while others are asked.
        assert again(("abc", {"a": Failure(wait_s=2.5), "b": Failure()}), ("b", "b")) == ("ab", 2 * FIRST_PAUSE_S)

    def test_who_is_throttled_asks_nothing(self) -> None:
        throttled = Failure(wait_s=20.0, throttled=True)
        assert again(("abc", {"a": throttled, "b": Failure()})) == ("ab", 20.0)

    def test_a_short_wait_does_not_shorten_the_pause(self) -> None:
        assert again(*[("abc", {"a": Failure(wait_s=1.0)})] * 5) == ("a", LONGEST_PAUSE_S)

    def test_longer_than_there_is_time_is_given_up_at_once_where_throttled(self) -> None:
        throttled = Failure(wait_s=60.0, throttled=True)
        assert decided(("abc", {"a": throttled})) == GivenUp(Why.TOLD_TO_WAIT, frozenset("a"))

    def test_one_machine_that_is_down_for_long_holds_nobody_up(self) -> None:
        """It may be the old deployment that is down for maintenance, and the next question may meet the new one."""
        assert again(("abc", {"a": Failure(wait_s=3600.0)})) == ("a", 30.0)
        down = decided(("abc", {"a": Failure(wait_s=3600.0)}), patience=Patience(seconds=20.0))
        assert isinstance(down, AskAgain)
        assert 100.0 + 20.0 - down.at == pytest.approx(SPREAD_S * 1.25 + 1.0)  # it can just still pass


class TestHistory:
    def test_never_failed(self) -> None:
        past = history("a", rounds(("abc", ""), ("abc", "")))
        assert (past.tries, past.failures, past.needed, past.flapped) == (2, 0, 1, False)
        assert past.after_s == pytest.approx(0.1)

    def test_passed_late(self) -> None:
        past = history("b", rounds(("abc", "b"), ("b", "b"), ("b", ""), ("abc", "")))
        assert (past.tries, past.failures, past.needed, past.flapped) == (4, 2, 3, False)
        assert past.after_s == pytest.approx(2.1)
        assert past.over_s == pytest.approx(3.1)

    def test_flapped(self) -> None:
        past = history("b", rounds(("abc", ""), ("abc", "b"), ("b", "")))
        assert (past.tries, past.failures, past.needed, past.flapped) == (3, 1, 3, True)
        last = history("b", rounds(("abc", ""), ("abc", "b")))
        assert (last.needed, last.after_s, last.flapped) == (None, None, True)

    def test_failed_throughout(self) -> None:
        past = history("b", rounds(("abc", "b"), ("b", "b")))
        assert (past.tries, past.failures, past.needed, past.flapped) == (2, 2, None, False)

    def test_only_rounds_that_asked_it_count(self) -> None:
        past = history("a", rounds(("abc", "b"), ("b", ""), ("abc", "")))
        assert (past.tries, past.failures, past.needed, past.flapped) == (2, 0, 1, False)


RULE = Rule(id="page-status", title="", cause="", fix="")


def failure(*seen: Observation, rule: Rule = RULE) -> Failure:
    found = Finding(rule=rule, subject="/", expected="200", actual="other")
    return failure_of(found, seen, wall_clock=NOW)


def answer(status: int, retry_after: str | None = None, body: str = "", **headers: str) -> Answer:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if retry_after is not None:
        given["retry-after"] = retry_after
    return Answer(url=URL, status=status, headers=given, body=body.encode())


class TestWhatAFailureMeans:
    @pytest.mark.parametrize("reason", Reason)
    def test_what_asking_can_never_mend(self, reason: Reason) -> None:
        never = {Reason.TLS_NAME, Reason.NOT_SENT, Reason.NOT_STARTED}
        seen = NoAnswer(url=URL, reason=reason, text="it failed")
        assert failure(seen).outlook is (Outlook.NEVER if reason in never else Outlook.MAY_HEAL)

    @pytest.mark.parametrize("rule", live.RULES, ids=lambda rule: rule.id)
    def test_what_stands_before_the_site(self, rule: Rule) -> None:
        wanted = {"access-login": Outlook.NEVER, "local-not-ready": Outlook.NEVER}
        elsewhere = {"redirect-elsewhere": Outlook.NEVER_IF_ALL}
        assert failure(answer(302), rule=rule).outlook is {**wanted, **elsewhere}.get(rule.id, Outlook.MAY_HEAL)

    def test_a_reference_behind_access(self) -> None:
        before = answer(302, location="https://team.cloudflareaccess.com/cdn-cgi/access/login/x")
        assert failure(answer(200), before, rule=SAME_AS_DIFFERS).outlook is Outlook.NEVER
        assert failure(answer(200), answer(200), rule=SAME_AS_DIFFERS).outlook is Outlook.MAY_HEAL
        assert failure(answer(200), before).outlook is Outlook.MAY_HEAL  # one machine that has not its worker yet

    def test_a_page_in_place_of_health(self) -> None:
        page = answer(200, body="<!doctype html><title>Example</title>")
        assert failure(page, rule=HEALTH_NOT_JSON).outlook is Outlook.NEVER_IN_THIS_BUILD
        for other, rule in (
            (page, RULE),
            (answer(200, body="starting"), HEALTH_NOT_JSON),
            (replace(page, headers={"age": "90"}), HEALTH_NOT_JSON),  # a cache's copy gets old
        ):
            assert failure(other, rule=rule).outlook is Outlook.MAY_HEAL

    @pytest.mark.parametrize(
        ("said", "wait_s"),
        [
            (None, 0.0),
            ("30", 30.0),
            (" 30 ", 30.0),
            ("0", 0.0),
            ("Fri, 15 Jan 2027 08:00:20 GMT", 20.0),
            ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
            ("-5", 0.0),
            ("soon", 0.0),
            ("", 0.0),
            ("9" * 400, 1e9),
            ("Fri, 99 Jan 2027 08:00:20 GMT", 0.0),
        ],
    )
    @pytest.mark.parametrize("status", [429, 503])
    def test_how_long_to_wait(self, status: int, said: str | None, wait_s: float) -> None:
        found = failure(answer(200), answer(status, said))
        assert found.wait_s == wait_s
        assert found.throttled is (status == 429 and wait_s > 0)

    @pytest.mark.parametrize("status", [200, 404, 500])
    def test_of_any_other_answer_it_means_nothing(self, status: int) -> None:
        assert failure(answer(status, "30")) == Failure()


SEEDS = range(100)


class TestAnUnevenEdge:
    """A hundred random schedules: two to six machines, each old in its own way until its own time; one to twenty checks."""

    @pytest.mark.parametrize("seed", SEEDS)
    def test_green_is_never_of_an_old_answer_and_comes_soon(self, seed: int) -> None:
        machines, last = random_schedule(seed)
        probes = random.Random(seed).randint(1, 20)
        outcome = simulate(machines, seed=seed, probes=probes, last_switch=last)
        assert outcome.green
        assert outcome.old_in_deciding_rounds == 0
        assert outcome.ended <= last + 3 * INTERVAL_S
        whole = sum(len(each.asked) == probes for each in outcome.rounds)
        assert outcome.asked == sum(len(each.asked) for each in outcome.rounds)
        assert outcome.asked <= probes * (whole + len(outcome.rounds) - whole)

    def test_early_greens_are_no_more_than_chance_predicts(self) -> None:
        early, predicted = 0, 0.0
        for seed in SEEDS:
            machines, last = random_schedule(seed)
            outcome = simulate(machines, seed=seed, probes=random.Random(seed).randint(1, 20), last_switch=last)
            early += outcome.ended < last
            predicted += outcome.predicted
        assert early <= predicted + 3 * math.sqrt(predicted)
        assert predicted < 5  # or it would say nothing

    def test_none_is_early_with_twenty_checks_on_four_machines(self) -> None:
        for seed in SEEDS:
            machines, last = random_schedule(seed, machines=4)
            outcome = simulate(machines, seed=seed, probes=20, last_switch=last)
            assert outcome.green
            assert outcome.ended >= last

    def test_of_one_seed_comes_one_run(self) -> None:
        machines, last = random_schedule(5)
        one, other = (simulate(machines, seed=5, probes=4, last_switch=last) for _ in range(2))
        assert [each.started for each in one.rounds] == [each.started for each in other.rounds]

    def test_more_rounds_are_early_less_often(self) -> None:
        """What `settle_rounds` is for: few checks, many machines."""
        early = {needed: sum(self._early(seed, needed) for seed in SEEDS) for needed in (1, 2, 4)}
        assert early[1] > early[2] > early[4]

    def _early(self, seed: int, needed: int) -> bool:
        machines, last = random_schedule(seed, machines=6)
        return simulate(machines, seed=seed, probes=1, last_switch=last, needed=needed).ended < last

    @pytest.mark.parametrize("seed", range(20))
    @pytest.mark.parametrize(
        ("kind", "failing"),
        [
            ("never takes", {0, 1, 2, 3}),
            ("on one machine only", None),
            ("for one path only", {0, 1, 3}),
            ("flaps", None),
        ],
    )
    def test_what_never_becomes_good_is_never_green(self, seed: int, kind: str, failing: set[int] | None) -> None:
        probes = 12 if kind == "flaps" else 4  # by chance few of them may meet what is good just then
        outcome = simulate(_that_never_takes(kind, seed), seed=seed, probes=probes, last_switch=math.inf, seconds=60.0)
        assert not outcome.green
        assert outcome.ended <= 60.0
        failed = {number for number, result in enumerate(outcome.results.values()) if result.findings}
        assert failed == (failed if failing is None else failing)
        for result in outcome.results.values():
            assert (result.given_up is Why.TIME_IS_UP) is bool(result.findings)
        if kind == "flaps":
            assert any(history(name, outcome.rounds).flapped for name in outcome.results)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_what_flaps_is_never_green_by_an_old_answer(self, seed: int) -> None:
        """All machines together, now good for some seconds and now not: as long as it lasts, what is good is good."""
        chance = random.Random(f"flaps {seed}")
        live = _flaps(chance)
        outcome = simulate([Machine(live)], seed=seed, probes=8, last_switch=math.inf, seconds=60.0)
        assert not (outcome.green and outcome.old_in_deciding_rounds)


def _that_never_takes(kind: str, seed: int) -> list[Machine]:
    chance = random.Random(f"{kind} {seed}")
    lives: dict[str, Live] = {
        "never takes": from_time(math.inf),
        "for one path only": lambda _, path: path == "/2",
    }
    if kind == "on one machine only":
        return [
            Machine(from_time(0)),
            *[Machine(from_time(math.inf), before) for before in ("old", "missing", "cached")],
        ]
    return [Machine(lives[kind] if kind in lives else _flaps(chance)) for _ in range(6)]


def _flaps(chance: random.Random) -> Live:
    period_s, phase_s = chance.uniform(5, 12), chance.uniform(0, 12)
    return lambda now, _: (now + phase_s) % period_s < period_s / 2
