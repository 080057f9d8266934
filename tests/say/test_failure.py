"""The failure block. What each rule's looks like stands in tests/failures; here is how it is put together."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace

import pytest

from pytest_pagesmoke.model import (
    Answer,
    Finding,
    Hop,
    Kind,
    Manners,
    NoAnswer,
    Observation,
    Probe,
    Reason,
    Rule,
    Target,
)
from pytest_pagesmoke.say import failure
from pytest_pagesmoke.say.waiting import how_it_was_asked

RULE = Rule(id="page-status", title="A page answers with another status", cause="It is gone.", fix="Bring it back.")
FINDING = Finding(rule=RULE, subject="/login", expected="200", actual="404")
TARGET = Target(name="production", url="https://www.example.com", kind=Kind.PRODUCTION)
PROBE = Probe(path="/login")
URL = "https://www.example.com/login"


def block(
    observation: Observation, *, finding: Finding = FINDING, target: Target = TARGET, probe: Probe = PROBE
) -> str:
    asked = how_it_was_asked(elapsed_s=observation.elapsed_s)
    return failure.live_failure(finding, target=target, probe=probe, observation=observation, asked=asked)


def answer(body: bytes = b"", **headers: str) -> Answer:
    return Answer(
        url=URL,
        status=404,
        headers={name.replace("_", "-"): it for name, it in headers.items()},
        body=body,
        elapsed_s=0.254,
    )


def labelled(shown: str, label: str) -> list[str]:
    """The lines under a label."""
    lines: list[str] = []
    inside = False
    for line in shown.split("\n")[2:]:
        inside = line[2:12].strip() == label or (inside and not line[2:12].strip())
        if inside:
            lines.append(line[12:])
    return lines


# Whole blocks.


def test_an_answer() -> None:
    seen = answer(
        b"\n\n  <!doctype html>\n<title>Not found</title>",
        content_type="text/html",
        server="cloudflare",
        date="Wed, 25 Nov 2026 06:00:00 GMT",
        cf_ray="0000000000000000-FRA",
    )
    assert (
        block(seen, probe=Probe(path="/login", accept="text/html"))
        == """\
page-status: expected 200, got 404

  target    production
  address   https://www.example.com/login
  expected  200
  got       404
  headers   server: cloudflare
            cf-ray: 0000000000000000-FRA
            content-type: text/html
  body      <!doctype html>
  asked     once, 0.25 s
  repeat    curl -sS -i --compressed --max-time 10 -H 'Accept: text/html' https://www.example.com/login
  cause     It is gone.
  fix       Bring it back.
  rule      docs/rules.md#page-status"""
    )


def test_the_kind_is_said_where_the_name_does_not_say_it() -> None:
    target = Target(name="5be8c75c", url="https://5be8c75c.example.pages.dev", kind=Kind.PRODUCTION)
    assert "  target    5be8c75c (production)\n" in block(Answer(url=target.url, status=404), target=target)


def test_no_answer_after_a_redirect() -> None:
    hop = Hop(status=308, url="https://www.example.com/login.html", location="/login")
    absence = NoAnswer(url=URL, reason=Reason.TIMEOUT, text="no complete answer within 10 s", hops=(hop,), elapsed_s=10)
    late = Finding(rule=RULE, subject="/login", expected="200", actual=absence.text, hint="look at the worker")
    assert (
        block(absence, finding=late, probe=Probe(path="/login.html"))
        == """\
page-status: expected 200, got no complete answer within 10 s

  target    production
  address   https://www.example.com/login
  expected  200
  got       no complete answer within 10 s
  hint      look at the worker
  redirect  308 https://www.example.com/login.html -> /login
  asked     once, 10.00 s
  repeat    curl -sS -i --compressed --max-time 10 https://www.example.com/login.html
  cause     It is gone.
  fix       Bring it back.
  rule      docs/rules.md#page-status"""
    )


def test_a_local_server_that_did_not_start() -> None:
    """There is nothing to repeat: no server, no address."""
    here = Target(name="local", url="", kind=Kind.LOCAL)
    absence = NoAnswer(
        url="(not started)",
        reason=Reason.NOT_STARTED,
        text="wrangler ended",
        detail="ERROR one\n\nERROR two",
        elapsed_s=2,
    )
    assert (
        block(absence, target=here)
        == """\
page-status: expected 200, got 404

  target    local
  address   (not started)
  expected  200
  got       404
  it said   ERROR one

            ERROR two
  asked     once, 2.00 s
  cause     It is gone.
  fix       Bring it back.
  rule      docs/rules.md#page-status"""
    )


def test_the_build_output() -> None:
    assert (
        failure.dist_failure(FINDING, folder="dist")
        == """\
page-status: expected 200, got 404

  folder    dist
  expected  200
  got       404
  cause     It is gone.
  fix       Bring it back.
  rule      docs/rules.md#page-status"""
    )


# The body's first line.


@pytest.mark.parametrize(
    ("body", "line"),
    [
        pytest.param(b"", "(empty)", id="empty"),
        pytest.param(b" \n\t\n", "(white space)", id="white-space"),
        pytest.param(b"\n\n  one \ntwo", "one", id="first-with-something"),
        pytest.param(b"a\0b", "(3 bytes, binary)", id="binary"),
        pytest.param(b"\x89PNG\r\n\x1a\n\0" + b"x" * 5_000, "(5,009 bytes, binary)", id="image"),
        pytest.param(b"caf\xc3\xa9", "caf\u00e9", id="utf-8"),
        pytest.param(b"caf\xe9", "caf\ufffd", id="not-utf-8"),
        pytest.param(b"x" * 1_000, "x" * 239 + "\u2026", id="long"),
        pytest.param(b"x" * 10_000_000, "x" * 239 + "\u2026", id="huge"),
    ],
)
def test_body(body: bytes, line: str) -> None:
    assert labelled(block(answer(body)), "body") == [line]


# Headers.


def test_headers_that_tell_nothing_are_left_out() -> None:
    assert labelled(block(answer(date="today", set_cookie="session=secret", x_powered_by="x")), "headers") == []


def test_every_telling_header_in_the_same_order() -> None:
    headers = {name: f"the {name}" for name in sorted(failure.TELLING_HEADERS)}
    seen = Answer(url=URL, status=404, headers=headers)
    assert labelled(block(seen), "headers") == [f"{name}: the {name}" for name in failure.TELLING_HEADERS]


# What a server sent may hold anything.

HOSTILE = "\x1b[31m\u202e::error::x\r\n::set-output name=a::b ##vso[task.setvariable]c"


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(block(answer(HOSTILE.encode())), id="body"),
        pytest.param(block(answer(b"::error::x")), id="body-alone"),
        pytest.param(block(answer(server=HOSTILE, location=HOSTILE, content_type=HOSTILE)), id="headers"),
        pytest.param(
            block(NoAnswer(url=URL, reason=Reason.TLS, text=HOSTILE, detail=f"{HOSTILE}\n{HOSTILE}\u2028::error::y")),
            id="detail",
        ),
        pytest.param(
            block(Answer(url=URL + HOSTILE, status=200, hops=(Hop(status=301, url=URL, location=HOSTILE),))), id="hops"
        ),
        pytest.param(
            block(answer(), finding=Finding(rule=RULE, subject="/", expected=HOSTILE, actual=HOSTILE, hint=HOSTILE)),
            id="finding",
        ),
        pytest.param(
            failure.one_line(Finding(rule=RULE, subject="/", expected=HOSTILE, actual=HOSTILE)), id="one-line"
        ),
        pytest.param(
            failure.tidied(Answer(url=URL, status=200, hops=(Hop(status=301, url=HOSTILE, location=HOSTILE),))),
            id="tidied",
        ),
    ],
)
def test_it_is_made_harmless_wherever_it_stands(shown: str) -> None:
    assert all(char.isprintable() for char in shown.replace("\n", ""))
    assert not any(line.lstrip().startswith("::") for line in shown.split("\n"))
    assert "##vso[" not in shown
    assert "x" in shown


def test_the_one_line_is_one_line() -> None:
    long = Finding(rule=RULE, subject="/", expected="a\nb", actual="c" * 1_000)
    line = failure.one_line(long)
    assert line.startswith("page-status: expected a\\nb, got ccc")
    assert len(line) == 240
    assert block(answer(), finding=long).split("\n")[0] == line


# The redirects that were followed.


def test_tidied() -> None:
    hops = (
        Hop(status=308, url="https://www.example.com/login.html", location="/login"),
        Hop(status=301, url="https://www.example.com/login", location="/login/"),
    )
    assert failure.tidied(Answer(url=URL, status=200, hops=hops)) == (
        "followed 308 https://www.example.com/login.html -> /login\n"
        "followed 301 https://www.example.com/login -> /login/"
    )
    assert failure.tidied(answer()) == ""


# The command.


def curl(path: str = "/login", *, url: str = TARGET.url, accept: str = "*/*", headers: tuple[str, ...] = ()) -> str:
    target = Target(
        name="x",
        url=url,
        kind=Kind.PRODUCTION,
        headers=dict.fromkeys(headers, "S3CRET"),
        manners=Manners(timeout_s=2.5),
    )
    return failure.curl(target, Probe(path=path, accept=accept))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/login",
        "/search?q=a&b=c;d",
        "/it's",
        '/"quoted"',
        "/$HOME/`id`/$(id)",
        "/a b",
        "/a\\b",
        "/*?!{a,b}",
        "/caf\u00e9",
    ],
)
def test_the_shell_takes_the_address_as_it_is(path: str) -> None:
    words = shlex.split(curl(path))
    assert words == ["curl", "-sS", "-i", "--compressed", "--max-time", "2.5", f"https://www.example.com{path}"]


def test_what_needs_no_quotes_has_none() -> None:
    assert curl("/login") == "curl -sS -i --compressed --max-time 2.5 https://www.example.com/login"


def test_it_asks_for_the_same_kind() -> None:
    words = shlex.split(curl(accept="text/html,*/*;q=0.8"))
    assert words[6:8] == ["-H", "Accept: text/html,*/*;q=0.8"]
    assert "Accept" not in curl()


def test_it_asks_for_no_copy_where_the_check_did() -> None:
    def asked(headers: Mapping[str, str], *, as_stranger: bool = False) -> list[str]:
        target = replace(TARGET, headers=headers)
        return shlex.split(failure.curl(target, Probe(path="/", fresh=True, as_stranger=as_stranger)))[6:-1]

    assert asked({}) == ["-H", "Cache-Control: no-cache"]
    assert asked({"cache-control": "max-age=0"}) == ["-H", "cache-control: $CACHE_CONTROL"]
    assert asked({"cache-control": "max-age=0"}, as_stranger=True) == ["-H", "Cache-Control: no-cache"]


def test_secrets_are_names_that_the_shell_fills_in() -> None:
    command = curl(headers=("Authorization", "CF-Access-Client-Secret"))
    assert (
        '-H "Authorization: $AUTHORIZATION" -H "CF-Access-Client-Secret: $CF_ACCESS_CLIENT_SECRET" https://www.example.com/login'
        in command
    )


def test_no_block_shows_a_token_but_where_the_shell_fills_it_in() -> None:
    hop = Hop(status=302, url=URL, location="/next?token=hop-1234")
    seen = replace(answer(b"<a href='/x?token=body-1234'>", location="/y?token=head-1234"), hops=(hop,))
    finding = replace(FINDING, actual="https://me:pass-1234@www.example.com/z?token=said-1234")
    shown = block(seen, finding=finding, probe=Probe(path="/login?token=asked-1234"))
    assert "1234" not in shown
    assert "1234" not in failure.one_line(finding)
    assert """?token='"$TOKEN"\n""" in shown


def test_no_block_shows_a_secret() -> None:
    target = Target(name="x", url=TARGET.url, kind=Kind.PRODUCTION, headers={"Authorization": "Basic S3CRET"})
    for seen in (answer(), NoAnswer(url=URL, reason=Reason.RESET, text="broke")):
        shown = block(seen, target=target)
        assert "S3CRET" not in shown
        assert "$AUTHORIZATION" in shown
