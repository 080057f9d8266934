"""What tests are made of: replies, a server that gives them, the example site."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SITE = ROOT / "examples" / "hono-site"


@dataclass(frozen=True)
class Reply:
    """What a server under test answers."""

    status: int = 200
    body: bytes | str = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def html(cls, body: str, status: int = 200, **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, body, {"content-type": "text/html; charset=utf-8", **named})

    @classmethod
    def json(cls, body: str, status: int = 200, **headers: str) -> Reply:
        return cls(status, body, {"content-type": "application/json", **headers})

    @classmethod
    def script(cls, body: str = "console.log(1);", **headers: str) -> Reply:
        return cls(200, body, {"content-type": "application/javascript", **headers})


@dataclass
class Site:
    """A running server: its address, and what it was asked, as (method, path, headers)."""

    url: str
    asked: list[tuple[str, str, dict[str, str]]]

    @property
    def paths(self) -> list[str]:
        return [path for _, path, _ in self.asked]


Respond = Callable[[str], Reply]
#: Runs pytest with the arguments given.
Pytest = Callable[..., pytest.RunResult]
Serve = Callable[[Respond | Mapping[str, Reply]], Site]


def by_mapping(replies: Mapping[str, Reply]) -> Respond:
    return lambda path: replies.get(path) or replies.get("*") or Reply(404)


def without_what_varies(text: str) -> str:
    """Output of a run, to compare: ports and times differ from run to run, and with the times the width of pytest's rules."""
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
    text = re.sub(r"\d+\.\d+ ?s\b", "N s", text)
    text = re.sub(r"=+ (.*?) =+", r"= \1 =", text)
    return "\n".join(re.sub(r"  +", "  ", line).rstrip() for line in text.splitlines())


#: A test of the project's own.
OWN_TEST = "def test_own(): pass"

HOME = "<!doctype html><title>Home</title><h1>Welcome</h1><a href='/login'>Sign in</a>"
LOGIN = "<!doctype html><title>Sign in</title><h1>Sign in</h1><form><input type='password' name='p'></form>"

#: A site that passes the checklist.
GOOD_SITE: Mapping[str, Reply] = {
    "/": Reply.html(HOME),
    "/login": Reply.html(LOGIN),
    "/api/health/status": Reply.json('{"status":"healthy"}'),
    "/static/app.js": Reply.script(),
    "*": Reply.html("<!doctype html><title>Not found</title><p>No such page", 404),
}

#: A conftest that runs and reports a test that failed once more, as pytest-rerunfailures does: the first outcome is told as `rerun`.
RERUNS = """
from _pytest.runner import runtestprotocol
def pytest_runtest_protocol(item, nextitem):
    for attempt in (1, 2):
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        failed = any(report.failed for report in reports)
        for report in reports:
            if report.failed and attempt == 1:
                report.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=report)
        if not failed:
            break
    return True
def pytest_report_teststatus(report):
    if report.outcome == "rerun": return "rerun", "R", "RERUN"
"""

#: For runs of their own process. One plugin comes along with httpx, one with the suite's own tests; nothing in these runs uses them, and
#: they take half a second, a thousand times over.
LIGHT = "-p no:anyio -p no:hypothesispytest"

#: By what time is scaled in runs that wait for a site to settle.
SCALE = 10
#: A plugin that scales it.
SCALED = f"""
from pytest_pagesmoke import run, settle
for room, name in [(settle, "SPREAD_S"), (settle, "FIRST_PAUSE_S"), (settle, "LONGEST_PAUSE_S"), (settle, "_MARGIN_S"), (run, "_TICK_S")]:
    setattr(room, name, getattr(room, name) / {SCALE})
"""
