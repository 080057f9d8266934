"""What servers can do, all of it at once: each exchange ends in time, as its entry in the table says, and so does a whole run."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from kit import Pytest
from observe.hazards import BODIES, HAZARDS, MAX_BODY_BYTES, TIMEOUT_S, html
from observe.hostile import Certificates, Hostile, Script, answers, answers_by_path, gzip_bomb, http, pours
from pytest_pagesmoke.checks import live
from pytest_pagesmoke.model import Answer, Finding, Kind, Manners, NoAnswer, Observation, Probe, Reason, Target
from pytest_pagesmoke.observe import sockets
from pytest_pagesmoke.observe.background import _Loop
from pytest_pagesmoke.observe.http import HttpObserver

FOR_EVER = {name for name, hazard in HAZARDS.items() if hazard.outcome is Reason.TIMEOUT}
#: Where something else than the deadline must end it, on a machine with other things to do.
PLENTY_S = 8.0
#: A slash and `.html` are tidied in fewer.
MAX_HOPS = 5
OVERTIME_S = 1.0  # half a second is the promise; the servers' threads are in its way here


@pytest.fixture(scope="module")
def servers(certificates: Certificates) -> Iterator[Mapping[str, str]]:
    """The address of a server for each hazard."""
    hostile = Hostile()
    yield {name: hazard.serve(hostile, certificates).url for name, hazard in HAZARDS.items()}
    hostile.close()


@pytest.fixture(scope="module")
def seen(servers: Mapping[str, str], certificates: Certificates) -> Mapping[str, tuple[Observation, float]]:
    """What comes of asking each, and after how many seconds: all are asked at once that only the deadline ends, and then all others."""

    async def ask(observer: HttpObserver, name: str, timeout_s: float) -> tuple[Observation, float]:
        manners = Manners(timeout_s=timeout_s, max_body_bytes=MAX_BODY_BYTES, ca_file=str(certificates.trusted))
        target = Target(name=name, url=servers[name], kind=Kind.LOCAL, manners=manners)
        began = time.monotonic()
        return await observer.ask(target, Probe(path="/l")), time.monotonic() - began

    async def ask_all() -> dict[str, tuple[Observation, float]]:
        observer = HttpObserver()
        found: dict[str, tuple[Observation, float]] = {}
        try:
            for timeout_s, names in ((TIMEOUT_S, FOR_EVER), (PLENTY_S, HAZARDS.keys() - FOR_EVER)):
                asking = (ask(observer, name, timeout_s) for name in names)
                found |= zip(names, await asyncio.gather(*asking), strict=True)
            return found
        finally:
            await observer.close()

    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(ask_all())


@pytest.mark.parametrize("name", HAZARDS)
def test_is_an_observation_in_time(seen: Mapping[str, tuple[Observation, float]], name: str) -> None:
    observation, took_s = seen[name]
    outcome = observation.status if isinstance(observation, Answer) else observation.reason
    assert outcome == HAZARDS[name].outcome, observation
    assert took_s < (TIMEOUT_S if name in FOR_EVER else PLENTY_S) + OVERTIME_S
    assert observation.elapsed_s <= took_s
    assert len(observation.hops) <= MAX_HOPS
    if not isinstance(observation, Answer):
        assert observation.text.strip()
        assert observation.text.isprintable()


#: What comes before any server is met: the address, the headers, and the reason.
UNMET: Mapping[str, tuple[str, Mapping[str, str], Reason]] = {
    "a name without an address": ("http://no-such-site.invalid", {}, Reason.NO_ADDRESS),
    "a host that cannot be reached": ("http://255.255.255.255", {}, Reason.UNREACHABLE),  # everybody, by TCP
    "a header that cannot be sent": ("{good}", {"X-A": "a\x0bb"}, Reason.NOT_SENT),
    "a port where nothing listens": ("{refused}", {}, Reason.REFUSED),
}


@pytest.mark.parametrize("name", UNMET)
def test_what_comes_before_any_server(hostile: Hostile, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def resolve(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    url, headers, reason = UNMET[name]
    url = url.format(good=hostile.serve(answers(http())).url, refused=hostile.refuse().url)
    target = Target(name=name, url=url, kind=Kind.LOCAL, headers=headers)

    async def ask() -> Observation:
        observer = HttpObserver()
        try:
            return await observer.ask(target, Probe(path="/"))
        finally:
            await observer.close()

    with asyncio.Runner(loop_factory=_Loop) as runner, monkeypatch.context() as patched:
        if reason is Reason.NO_ADDRESS:  # nothing is looked up in earnest
            patched.setattr(sockets, "getaddrinfo", resolve)
        observation = runner.run(ask())
    assert isinstance(observation, NoAnswer)
    assert observation.reason is reason


def test_each_reason_is_met_and_has_its_rule() -> None:
    """But for two that are no server's: the local one did not start, and a report does not hold the answer."""
    met = {hazard.outcome: hazard.rule for hazard in HAZARDS.values() if isinstance(hazard.outcome, Reason)}
    before_any = {reason for _, _, reason in UNMET.values()}
    assert before_any | met.keys() == {*Reason} - {Reason.NOT_STARTED, Reason.NOT_RECORDED}
    findings = {reason: live.site_answer(no_answer(reason), subject="/", status=200) for reason in Reason}
    rules = {reason: finding.rule.id for reason, finding in findings.items() if isinstance(finding, Finding)}
    assert rules.keys() == {*Reason}
    assert {*rules.values()} <= {rule.id for rule in live.RULES}
    assert {reason: rules[reason] for reason in met} == met


def no_answer(reason: Reason) -> NoAnswer:
    return NoAnswer(url="http://127.0.0.1/", reason=reason, text="nothing came")


#: How much memory a run may take, in all.
MAX_MEBIBYTES = 200
#: Has a run say how much memory it took at most. (What `resource` tells would be that of the process that started it, if it was more.)
PEAK = """
def pytest_unconfigure():
    lines = open("/proc/self/status").read().splitlines()
    print("\\npeak:", next(line.split()[1] for line in lines if line.startswith("VmHWM")), "kB")
"""
#: The checklist of a run without settings, in less time.
CHECKLIST = """
pages = ["/", "/login"]
health = ["/api/health/status"]
assets = ["/static/app.js"]
"""
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="says how much memory a process took in a way of its own")


def peak_mebibytes(result: pytest.RunResult) -> float:
    return int(re.findall(r"^peak: (\d+) kB$", result.stdout.str(), re.MULTILINE)[0]) / 1024


def checks_of(pytester: pytest.Pytester, result: pytest.RunResult) -> list[tuple[str, dict[str, Any]]]:
    """The checks of a run that came to its end as it should, within its bounds, each with its target's name."""
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    said = result.stdout.str() + result.stderr.str()
    assert "INTERNALERROR" not in said
    assert "Traceback" not in said
    assert peak_mebibytes(result) < MAX_MEBIBYTES
    report = json.loads(pytester.path.joinpath("report.json").read_text())
    return [(target["name"], check) for target in report["targets"] for check in target["checks"]]


@on_linux
@pytest.mark.parametrize("ends", ["by the deadline", "by itself"])
def test_a_whole_run(
    pytester: pytest.Pytester, run: Pytest, servers: Mapping[str, str], certificates: Certificates, ends: str
) -> None:
    by_deadline = ends == "by the deadline"
    names = sorted(FOR_EVER if by_deadline else HAZARDS.keys() - FOR_EVER)
    called = {f"t{number}": name for number, name in enumerate(names)}
    timeout_s = TIMEOUT_S if by_deadline else PLENTY_S
    settings = f"timeout_s = {timeout_s}\nmax_body_bytes = {MAX_BODY_BYTES}\nca_file = '{certificates.trusted}'"
    pytester.path.joinpath("pagesmoke.toml").write_text(settings + CHECKLIST)
    pytester.makeconftest(PEAK)
    targets = [f"--pagesmoke={target}={servers[name]}" for target, name in called.items()]
    result = run("pagesmoke.toml", "--pagesmoke-report=report.json", "--tb=no", "-q", *targets)
    checks = {(called[target], check["path"]): check for target, check in checks_of(pytester, result)}
    assert len(checks) == 4 * len(names)
    assert {check["outcome"] for check in checks.values()} <= {"failed", "passed"}
    assert {name: checks[name, "/login"]["rule"] for name in names} == {name: HAZARDS[name].rule for name in names}
    assert max(check["elapsed_s"] for check in checks.values()) < timeout_s + OVERTIME_S


@on_linux
def test_a_whole_run_over_bodies_that_are_hard_to_read(
    pytester: pytest.Pytester, run: Pytest, hostile: Hostile
) -> None:
    called = {f"t{number}": name for number, name in enumerate(BODIES)}
    pytester.path.joinpath("pagesmoke.toml").write_text(CHECKLIST + "linked = ['/']\n")
    pytester.makeconftest(PEAK)
    targets = [
        f"--pagesmoke={target}={hostile.serve(answers(*[http(BODIES[name][0], headers)] * 9)).url}"
        for target, name in called.items()
        for headers in [f"content-type: text/html; charset={'utf-16' if 'UTF-16' in name else 'utf-8'}"]
    ]
    result = run("pagesmoke.toml", "--pagesmoke-report=report.json", "--tb=short", "-q", *targets)
    checks = [(called[target], check) for target, check in checks_of(pytester, result)]
    assert len(checks) == 5 * len(BODIES)
    assert {name: check["rule"] or "" for name, check in checks if check["test"] == "test_health"} == {
        name: rule for name, (_, rule) in BODIES.items()
    }
    assert {check["rule"] for _, check in checks}.isdisjoint({"timeout", "http-invalid", "unreachable"})


#: As much as a check reads of an answer, and more, from each of many addresses; with what becomes of them.
LARGE: Mapping[str, tuple[Script, str]] = {
    "bodies without end": (pours(b"HTTP/1.1 200 OK\r\n\r\n", itertools.repeat(b"x" * 1_048_576)), "failed"),
    "bombs": (answers(*[http(gzip_bomb(), "content-encoding: gzip")] * 50), "failed"),
    "good pages": (answers_by_path(lambda path: html(path.encode() * 200_000)), "passed"),
}


@on_linux
@pytest.mark.parametrize("name", LARGE)
def test_many_large_answers(pytester: pytest.Pytester, run: Pytest, hostile: Hostile, name: str) -> None:
    script, outcome = LARGE[name]
    pages = [f"/{number:05}" for number in range(150 if outcome == "passed" else 24)]
    pytester.path.joinpath("pagesmoke.toml").write_text(f"pages = {pages}\n")
    pytester.makeconftest(PEAK)
    result = run("pagesmoke.toml", f"--base-url={hostile.serve(script).url}", "--tb=no", "-q")
    assert result.parseoutcomes() == {outcome: len(pages)}
    assert peak_mebibytes(result) < MAX_MEBIBYTES
