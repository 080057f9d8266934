"""`test_answer`: doors that must stay shut, and answers that look right until they are read."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_pagesmoke.checks.answer import AnswerCheck, AnswerSpec
from pytest_pagesmoke.model import Answer, Finding, NoAnswer, Observation, Probe, Reason

SITE = "https://www.example.com"
CHECK = AnswerCheck()
PAGE = "<!doctype html><title>Example</title><h1>Hello</h1>"


def answer(body: str = "", status: int = 200, content_type: str = "", **headers: str) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    sent |= {"content-type": content_type} if content_type else {}
    return Answer(url=f"{SITE}/api/me", status=status, headers=sent, body=body.encode())


def judge(seen: Observation, *, anywhere: Observation | None = None, **wanted: Any) -> list[str]:
    """The lines of all findings; ``anywhere`` is what addresses that cannot exist answer. (`Any`: whatever a settings entry has.)"""
    spec = AnswerSpec(path="/api/me", **wanted)
    own, *impossible = CHECK.probes(spec, {})
    known = {own: seen, **dict.fromkeys(impossible, anywhere or answer(status=404))}
    return [item.line for item in CHECK.judge(spec, known) if isinstance(item, Finding)]


@pytest.mark.parametrize(
    ("wanted", "probe"),
    [
        ({}, Probe(path="/api/me")),
        ({"json": {"a": 1}}, Probe(path="/api/me", accept="application/json")),
        ({"status": 302}, Probe(path="/api/me", follow=False)),
        ({"status": 304}, Probe(path="/api/me")),
        ({"access": True}, Probe(path="/api/me", as_stranger=True)),
    ],
)
def test_its_own_question(wanted: dict[str, Any], probe: Probe) -> None:
    assert next(iter(CHECK.probes(AnswerSpec(path="/api/me", **wanted), {}))) == probe


def test_what_answers_any_address_is_no_answer() -> None:
    """The incident beside an index.html: every address answers the home page with 200."""
    shell = answer(PAGE, content_type="text/html")
    (line,) = judge(shell, anywhere=shell)
    assert line.startswith("answer-content: expected an answer of its own, got the page that /pagesmoke-no-such-page")
    assert judge(shell, anywhere=shell, spa=True) == []  # an application by intent
    assert judge(shell) == []  # a page of its own
    assert judge(answer('{"ok":true}'), anywhere=answer('{"ok":true}')) == []  # no page at all
    home = AnswerSpec(path="/")
    assert len(list(CHECK.probes(home, {}))) == 1  # which may well be what answers any address


# Status.


@pytest.mark.parametrize("status", [200, 204, 401, 403, 404, 418, 429, 503])
def test_the_status_that_is_wanted(status: int) -> None:
    assert judge(answer(status=status), status=status) == []


@pytest.mark.parametrize(
    ("seen", "actual"),
    [
        pytest.param(answer('{"email":"a@example.com"}'), "200", id="the-door-is-open"),
        pytest.param(answer(PAGE, content_type="text/html"), "200", id="fallback-page"),
        pytest.param(answer(status=404), "404", id="the-incident"),
        pytest.param(answer(status=302, location="/login"), "302 to /login", id="to-the-login"),
        pytest.param(answer("error code: 1020", 403), "403 (Cloudflare error 1020)", id="firewall"),
    ],
)
def test_another_status(seen: Answer, actual: str) -> None:
    assert judge(seen, status=401) == [f"answer-status: expected 401, got {actual}"]


def test_a_redirect_that_is_wanted_may_lead_anywhere() -> None:
    assert judge(answer(status=302, location="https://login.example.net/"), status=302) == []
    assert judge(answer(status=302, location="https://login.example.net/")) == [
        "redirect-elsewhere: expected 200, got 302 to https://login.example.net"
    ]


@pytest.mark.parametrize(
    ("seen", "rule"),
    [
        pytest.param(NoAnswer(url=SITE, reason=Reason.TIMEOUT, text="none"), "timeout", id="no-answer"),
        pytest.param(answer(status=403, cf_mitigated="challenge"), "bot-challenge", id="challenge-with-403"),
        pytest.param(answer(status=302, location="/cdn-cgi/access/login/x"), "access-login", id="access"),
        pytest.param(answer(status=429), "rate-limited", id="turned-away"),
    ],
)
def test_what_is_no_answer_of_the_sites(seen: Observation, rule: str) -> None:
    assert [line.partition(":")[0] for line in judge(seen, status=403)] == [rule]


# Content.


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        (answer("User-agent: *\nDisallow: /admin"), {"contains": ("Disallow: /admin", "User-agent")}),
        (answer(PAGE, content_type="text/html"), {"contains": ("Hello", "<h1>"), "not_contains": ("Goodbye",)}),
        (answer("<p>Terms &amp;\n conditions", content_type="text/html"), {"contains": ("Terms & conditions",)}),
        (answer("hello"), {"not_contains": ("Hello",)}),
        (answer(""), {"not_contains": ("error",)}),
    ],
)
def test_content(seen: Answer, wanted: dict[str, Any]) -> None:
    assert judge(seen, **wanted) == []


@pytest.mark.parametrize(
    ("seen", "wanted", "line"),
    [
        (answer("one"), {"contains": ("one", "two")}, "a body with 'two', got a body without it (begins 'one')"),
        (answer(""), {"contains": ("one",)}, "a body with 'one', got a body without it (an empty body)"),
        (answer(PAGE), {"contains": ("one",)}, "a body with 'one', got a body without it (an HTML page)"),
        (answer("one two"), {"not_contains": ("three", "two")}, "a body without 'two', got a body with it"),
        (
            answer("a stack <b>trace</b>", content_type="text/html"),
            {"not_contains": ("stack trace",)},
            "a body without 'stack trace', got a body with it",
        ),
    ],
)
def test_another_content(seen: Answer, wanted: dict[str, Any], line: str) -> None:
    assert judge(seen, **wanted) == [f"answer-content: expected {line}"]


# JSON.


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ('{"error":"unauthorized","at":1}', {"error": "unauthorized"}),
        ('\ufeff {"user":{"id":1,"roles":["a","b"]}}', {"user": {"roles": ["a", "b"]}}),
        ('{"items":[]}', {"items": []}),
    ],
)
def test_json(body: str, wanted: dict[str, Any]) -> None:
    """Whatever its content type: the settings say what it is."""
    assert judge(answer(body), json=wanted) == []
    assert judge(answer(body, 401, "text/html"), json=wanted, status=401) == []


@pytest.mark.parametrize(
    ("body", "wanted", "line"),
    [
        ('{"error":"other"}', {"error": "none"}, 'error: "none", got error: "other"'),
        ('{"ok":1}', {"ok": True}, "ok: true, got ok: 1"),
        ('{"items":[1]}', {"items": []}, "items: [], got items: [1]"),
        ("[]", {"ok": True}, '{"ok": true}, got []'),
        (PAGE, {"ok": True}, "JSON, got an HTML page"),
        ("", {"ok": True}, "JSON, got an empty body"),
        ('{"ok":true', {"ok": True}, "JSON, got begins '{\"ok\":true'"),
        ('{"ok":NaN}', {"ok": True}, "JSON, got begins '{\"ok\":NaN}'"),
        ("[" * 100_000, {"ok": True}, f"JSON, got begins '{'[' * 40}'"),
    ],
)
def test_other_json(body: str, wanted: dict[str, Any], line: str) -> None:
    assert judge(answer(body), json=wanted) == [f"answer-json: expected {line}"]


# Headers.


@pytest.mark.parametrize(
    "wanted",
    [
        {"x-frame-options": "DENY"},
        {"x-frame-options": " DENY "},
        {"x-frame-options": True},
        {"x-empty": True},
        {"x-empty": ""},
        {"x-robots-tag": False},
        {"x-frame-options": "DENY", "x-robots-tag": False},
    ],
)
def test_headers(wanted: dict[str, str | bool]) -> None:
    assert judge(answer(x_frame_options="DENY ", x_empty=""), headers=wanted) == []


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        ({"x-frame-options": "SAMEORIGIN"}, "x-frame-options: SAMEORIGIN, got x-frame-options: DENY"),
        ({"x-frame-options": "deny"}, "x-frame-options: deny, got x-frame-options: DENY"),
        ({"x-frame-options": False}, "no x-frame-options, got x-frame-options: DENY"),
        ({"x-empty": False}, "no x-empty, got x-empty: "),
        ({"x-robots-tag": True}, "a header x-robots-tag, got no x-robots-tag"),
        ({"x-robots-tag": "noindex"}, "x-robots-tag: noindex, got no x-robots-tag"),
        ({"x-robots-tag": ""}, "x-robots-tag: , got no x-robots-tag"),
        ({"x-frame-options": True, "x-robots-tag": True}, "a header x-robots-tag, got no x-robots-tag"),
    ],
)
def test_other_headers(wanted: dict[str, str | bool], line: str) -> None:
    assert judge(answer(x_frame_options="DENY", x_empty=""), headers=wanted) == [f"answer-header: expected {line}"]


def test_of_several_flaws_the_first_is_told() -> None:
    wanted: dict[str, Any] = {"contains": ("one",), "json": {"a": 1}, "headers": {"x-a": True}}
    rules = [
        judge(seen, **wanted)[0].partition(":")[0]
        for seen in (answer("one", 404), answer("two"), answer("one"), answer('{"a":1,"b":"one"}'))
    ]
    assert rules == ["answer-status", "answer-content", "answer-json", "answer-header"]


# The Access login, where it must come.

LOGIN = answer(status=302, location="https://team.cloudflareaccess.com/cdn-cgi/access/login/www.example.com")


def test_the_login_comes() -> None:
    assert judge(LOGIN, access=True) == []
    assert judge(answer(status=302, location="/cdn-cgi/access/login/www.example.com"), access=True) == []


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        pytest.param(
            answer(PAGE, content_type="text/html"),
            "answer-status: expected 302 to the Cloudflare Access login, got 200: the site itself answered a stranger",
            id="open",
        ),
        pytest.param(
            answer(status=302, location="/login"),
            "answer-status: expected 302 to the Cloudflare Access login, got 302: the site itself answered a stranger",
            id="a-login-of-its-own",
        ),
        pytest.param(
            answer(status=401),
            "answer-status: expected 302 to the Cloudflare Access login, got 401: the site itself answered a stranger",
            id="shut-by-the-worker-alone",
        ),
        pytest.param(
            answer(status=200, location="https://team.cloudflareaccess.com/"),
            "answer-status: expected 302 to the Cloudflare Access login, got 200: the site itself answered a stranger",
            id="a-location-without-redirect",
        ),
        pytest.param(
            answer(status=301, location="https://example.com/api/me"),
            "redirect-elsewhere: expected 302, got 301 to https://example.com",
            id="elsewhere",
        ),
        pytest.param(
            NoAnswer(url=SITE, reason=Reason.REFUSED, text="refused"),
            "unreachable: expected 302, got refused",
            id="no-answer",
        ),
    ],
)
def test_the_login_does_not_come(seen: Observation, line: str) -> None:
    assert judge(seen, access=True) == [line]


@pytest.mark.parametrize(
    "more",
    [{"contains": ("a",)}, {"not_contains": ("a",)}, {"json": {"a": 1}}, {"headers": {"a": True}}, {"status": 403}],
)
def test_whoever_asks_for_the_login_asks_for_nothing_else(more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="access = true asks for the Access login and nothing else"):
        AnswerSpec(path="/api/me", access=True, **more)


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        (
            "sid=theirs",
            "answer-header: expected set-cookie as the settings have it, got a set-cookie (its value is not shown)",
        ),
        (False, "answer-header: expected no set-cookie, got a set-cookie (its value is not shown)"),
    ],
)
def test_what_tells_a_secret_is_judged_and_not_shown(wanted: str | bool, line: str) -> None:
    assert judge(answer(set_cookie="sid=ours"), headers={"set-cookie": wanted}) == [line]
    assert judge(answer(set_cookie="sid=theirs"), headers={"set-cookie": "sid=theirs"}) == []
