"""Whatever text is given for an address, and whatever a server sends: what comes of it is on the closed list, and no exception.

The same examples each time: a run must not depend on luck.
"""

from __future__ import annotations

import asyncio
import errno
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NoReturn, TypeVar

import pytest
from hypothesis import HealthCheck as Health
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_pagesmoke import recognise
from pytest_pagesmoke.addresses import BadAddress, kind_of, read_address
from pytest_pagesmoke.checks.answer import AnswerCheck, AnswerSpec
from pytest_pagesmoke.checks.asset import AssetCheck, AssetSpec
from pytest_pagesmoke.checks.build import BuildCheck, BuildSpec
from pytest_pagesmoke.checks.health import HealthCheck, HealthSpec
from pytest_pagesmoke.checks.linked import LinkedCheck, LinkedSpec
from pytest_pagesmoke.checks.not_found import NotFoundCheck, NotFoundSpec
from pytest_pagesmoke.checks.page import PageCheck, PageSpec
from pytest_pagesmoke.checks.redirect import RedirectCheck, RedirectSpec
from pytest_pagesmoke.checks.same_as import SameAsCheck, SameAsSpec
from pytest_pagesmoke.model import (
    Answer,
    Built,
    Finding,
    Kind,
    LiveCheck,
    Manners,
    NoAnswer,
    Observation,
    Probe,
    Reason,
    Remark,
    Target,
)
from pytest_pagesmoke.observe.background import _Loop
from pytest_pagesmoke.observe.http import HttpObserver, _tidied
from pytest_pagesmoke.plan import PlannedLive
from pytest_pagesmoke.plugin.looking import live_outcome
from pytest_pagesmoke.redact import Secrets
from pytest_pagesmoke.registry import LIVE_CHECKS, of_the_run
from pytest_pagesmoke.run import judge

BOUND_S = 5.0  # a hundred times what any of these takes
SITE = Target(name="site", url="https://www.example.com", kind=Kind.PRODUCTION)
COMMIT = "0123456789abcdef0123456789abcdef01234567"


F = TypeVar("F", bound=Callable[..., None])


def examples(number: int) -> Callable[[F], F]:
    return settings(
        derandomize=True, max_examples=number, deadline=None, database=None, suppress_health_check=[*Health]
    )


# Addresses.

_WORDS = st.sampled_from(
    [
        *(
            "http",
            "https",
            "ftp",
            ":",
            "/",
            "//",
            "@",
            "[",
            "]",
            "::1",
            "127.0.0.1",
            "www.example.com",
            "xn--",
            "ü",
            ".",
        ),
        *("..", "99999", "0", "-1", ":80", "%", "%00", "%zz", "?", "#", "user:pass", " ", "\t", "\n", "\0", "\u2028"),
        *("\ud800", "a" * 70, "\\", "localhost"),
    ]
)
#: Any text, and what looks like an address for the most part.
ADDRESSES = (
    st.text()
    | st.lists(_WORDS, max_size=8).map("".join)
    | st.lists(_WORDS, max_size=5).map("".join).map("https://{}".format)
    | st.text(max_size=20).map("http://{}".format)
)


class Isolated(_Loop):
    """A loop without a network: no name has an address, and every connection is refused."""

    async def getaddrinfo(self, *_: Any, **__: Any) -> NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def create_connection(self, *_: Any, **__: Any) -> NoReturn:
        raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")


@pytest.fixture(scope="module")
def isolated() -> Iterator[tuple[asyncio.Runner, HttpObserver]]:
    observer = HttpObserver()
    with asyncio.Runner(loop_factory=Isolated) as runner:
        yield runner, observer
        runner.run(observer.close())


@examples(150)
@given(text=ADDRESSES)
@example(text="https://www.example.com")
def test_a_text_is_an_address_that_can_be_asked_or_is_told_why_not(
    isolated: tuple[asyncio.Runner, HttpObserver], text: str
) -> None:
    try:
        address = read_address(text)
    except BadAddress:
        return
    runner, observer = isolated
    target = Target(
        name="x", url=address.url, kind=kind_of(address.host), headers=address.headers, manners=Manners(timeout_s=2.0)
    )
    seen = runner.run(observer.ask(target, Probe(path="/")))
    assert isinstance(seen, NoAnswer)
    assert seen.reason in {Reason.NO_ADDRESS, Reason.REFUSED, Reason.NOT_SENT}
    assert seen.text.isprintable()


# What a server sends.

_LATIN = st.text(st.characters(max_codepoint=255), max_size=40)
_TELLING = {
    "content-type": ["text/html", "application/json", "text/html; charset=utf-16", "text/html; charset=utf-7", "text/css"],
    "location": ["javascript:alert(1)", "data:,", "http://[", "//", "http://a:99999/", "/login/", "https://www.example.com/login/", "\u2028", "?"],
    "age": ["0", "-1", "9" * 400, "1"],
    "retry-after": ["9" * 400, "-5", "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 99999 23:59:59 GMT", "٣"],
    "cf-cache-status": ["HIT", "DYNAMIC", "stale"],
    "cf-ray": ["0"], "server": ["cloudflare"], "cf-mitigated": ["challenge"], "cf-polished": ["x"], "x-commit": [COMMIT, '""', 'W/"'],
}  # fmt: skip
HEADERS = st.dictionaries(_LATIN.map(str.lower), _LATIN, max_size=3).flatmap(
    lambda others: st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(values) | _LATIN for name, values in _TELLING.items()}
    ).map(lambda telling: {**others, **telling})
)
_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["ok", "down", "\ud800"])
)
VALUES = st.recursive(
    _SCALARS,
    lambda parts: (
        st.lists(parts, max_size=4)
        | st.dictionaries(
            st.sampled_from(["status", "ok", "db", "a", "", "0", "commit", "\ud800"]) | st.text(), parts, max_size=4
        )
    ),
    max_leaves=20,
)
_MARKUP = st.lists(
    st.sampled_from(
        [
            *(
                "<",
                ">",
                "<!doctype html>",
                "<title>",
                "<p>",
                "</p>",
                "<a href='//['>",
                "<base href='http://['>",
                "<!--",
            ),
            *(
                "<img srcset=',, ,'>",
                "<style>@import '",
                "<script src=http://[>",
                "<link rel=stylesheet href=\\>",
                "<svg>",
            ),
            *(
                "&#xd800;",
                "&#99999999;",
                "&nosuch;",
                "url(",
                "words",
                "\0",
                "<a data-cfemail=zz>",
                "<body a=1>",
                COMMIT,
            ),
            *("<template>", "<noscript>", "error code: 1101", "nothing is here yet"),
        ]
    ),
    max_size=12,
).map("".join)


def _as_json(value: object) -> bytes:
    return json.dumps(value).encode()


BODIES = (
    st.binary(max_size=200)
    | VALUES.map(_as_json)
    | VALUES.map(_as_json).flatmap(lambda body: st.integers(0, len(body)).map(lambda end: body[:end]))
    | st.sampled_from([b"[" * 2000, b'{"a":' * 2000, b"[" * 400 + b"]" * 400, b'{"a":1,"a":2}', b'{"status":"\\ud800"}', b"\xff\xfe[", b"NaN", b"9" * 5000])
    | _MARKUP.map(str.encode)
)  # fmt: skip
STATUSES = st.sampled_from([200, 200, 200, 204, 302, 308, 404, 429, 500, 503]) | st.integers(100, 999)
ANSWERS = st.builds(
    lambda status, headers, body: Answer(url="https://www.example.com/a", status=status, headers=headers, body=body),
    STATUSES,
    HEADERS,
    BODIES,
)
NO_ANSWERS = st.builds(
    lambda reason, text: NoAnswer(url="https://www.example.com/a", reason=reason, text=text or "nothing came"),
    st.sampled_from(Reason),
    st.text(),
)
OBSERVATIONS = st.lists(ANSWERS | NO_ANSWERS, min_size=1, max_size=3)

#: Each kind of check, with specs that lead into all that it does.
CHECKS: list[tuple[LiveCheck[Any], Any]] = [
    (PageCheck(), PageSpec(path="/login", contains=("Sign in",), max_s=1.0)),
    (PageCheck(), PageSpec(path="/a", access=True)),
    (HealthCheck(), HealthSpec(path="/a")),
    (HealthCheck(), HealthSpec(path="/a", expect={"status": ["ok", "up"], "db.0.ok": True})),
    (HealthCheck(), HealthSpec(path="/a", text="OK")),
    (AssetCheck(), AssetSpec(path="/a.js", built=Built(file="dist/a.js", size_bytes=1, sha256="0" * 64))),
    (LinkedCheck(), LinkedSpec(path="/")),
    (AnswerCheck(), AnswerSpec(path="/a", contains=("x",), not_contains=("y",), json={"a": {"b": [1]}}, headers={"age": "1"})),
    (AnswerCheck(), AnswerSpec(path="/a", status=401, json={"": [{}]}, headers={"x-a": True})),
    (RedirectCheck(), RedirectSpec(path="/a", to="/b/*", status=301)),
    (RedirectCheck(), RedirectSpec(path="/a?b", to="https://*.example.com/")),
    (NotFoundCheck(), NotFoundSpec(path="/a", spa=True)),
    (BuildCheck(), BuildSpec(path="/a", json="commit.0", commit=COMMIT)),
    (BuildCheck(), BuildSpec(path="/a", contains=True, commit=COMMIT)),
    (BuildCheck(), BuildSpec(path="/a", contains=True, commit="v1")),
    (BuildCheck(), BuildSpec(path="/a", header="x-commit", commit=COMMIT)),
    (SameAsCheck(), SameAsSpec(probe=Probe(path="/"), reference="https://preview.example.com", with_named=True)),
    (SameAsCheck(), SameAsSpec(probe=Probe(path="/a"), reference="https://preview.example.com", as_file=True)),
]  # fmt: skip


def test_every_kind_of_check_is_among_them() -> None:
    assert {type(check) for check, _ in CHECKS} == {type(check) for check in (*LIVE_CHECKS, *of_the_run())}


def judged(check: LiveCheck[Any], spec: Any, observations: list[Observation]) -> None:
    """Answer its questions with these, in turns, and judge; and say it."""
    seen: dict[Probe, Observation] = {}
    while new := [probe for probe in dict.fromkeys(check.probes(spec, seen)) if probe not in seen]:
        seen |= {probe: observations[(len(seen) + place) % len(observations)] for place, probe in enumerate(new)}
    for item in check.judge(spec, seen):
        assert isinstance(item, Finding | Remark)
    planned = PlannedLive(target=SITE, check=check, spec=spec)
    result = judge(planned, seen, started=0.0, ended=1.0)
    outcome = live_outcome(planned, result)
    assert outcome.record.outcome == ("failed" if result.findings else "passed")
    if result.findings:
        assert result.findings[0].rule in check.rules or outcome.record.rule in _SHARED


_SHARED = {
    *("unreachable timeout tls-invalid http-invalid body-too-large redirect-loop redirect-elsewhere access-login").split(),
    *("bot-challenge rate-limited worker-exception placeholder local-not-ready").split(),
}  # fmt: skip


@pytest.mark.parametrize(("check", "spec"), CHECKS, ids=[f"{check.test}-{n}" for n, (check, _) in enumerate(CHECKS)])
@examples(30)
@given(observations=OBSERVATIONS)
def test_whatever_comes_is_judged(check: LiveCheck[Any], spec: Any, observations: list[Observation]) -> None:
    began = time.monotonic()
    judged(check, spec, observations)
    assert time.monotonic() - began < BOUND_S


@examples(150)
@given(body=BODIES)
def test_a_body_is_json_or_a_value_error(body: bytes) -> None:
    text = body.decode("utf-8", errors="replace")
    with suppress(ValueError):
        value = recognise.parse_json(text)
        assert json.loads(json.dumps(value)) == value


@examples(100)
@given(
    url=st.sampled_from(["https://www.example.com/a", "https://www.example.com/", "http://[::1]:80/a?b"]),
    location=ADDRESSES | _LATIN,
)
@example(url="https://www.example.com/a", location="https://www.example.com/a/")
def test_a_redirect_tidies_or_leads_nowhere_that_is_followed(url: str, location: str) -> None:
    onward = _tidied(url, location)
    assert onward == "" or recognise.only_tidies(url, onward)


@examples(100)
@given(headers=HEADERS)
def test_whatever_a_header_says_the_waiting_is_bounded(headers: Mapping[str, str]) -> None:
    answer = Answer(url="https://www.example.com/", status=429, headers=headers)
    assert 0 <= recognise.retry_after_s(answer, wall_clock=1e9) < float("inf")
    assert isinstance(recognise.cached(answer), str)


@examples(60)
@given(observation=ANSWERS | NO_ANSWERS)
def test_striking_out_changes_nothing_else(observation: Observation) -> None:
    struck = Secrets(["s3cret-s3cret-s3cret"]).struck_out(observation)
    assert struck == observation
