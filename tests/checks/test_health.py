"""`test_health`: what a body says of a backend. Many a healthy one says `false` somewhere; many a broken one says `ok` first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pytest_pagesmoke.checks.health import HEALTHY_WORDS, UNHEALTHY_WORDS, HealthCheck, HealthSpec
from pytest_pagesmoke.model import Answer, Finding, Probe

CHECK = HealthCheck()
SPEC = HealthSpec(path="/api/health/status")
EXPECTED = "expected healthy (status ok, healthy, pass or up; or ok or healthy true)"


def judge(
    body: str | bytes, status: int = 200, headers: Mapping[str, str] | None = None, spec: HealthSpec = SPEC
) -> list[str]:
    """The lines of all findings."""
    (probe,) = CHECK.probes(spec, {})
    answer = Answer(
        url="https://www.example.com/api/health/status",
        status=status,
        headers={"content-type": "application/json", **(headers or {})},
        body=body if isinstance(body, bytes) else body.encode(),
    )
    findings = list(CHECK.judge(spec, {probe: answer}))
    assert all(isinstance(finding, Finding) for finding in findings)
    return [finding.line for finding in findings if isinstance(finding, Finding)]


def unhealthy(what: str) -> list[str]:
    return [f"health-unhealthy: {EXPECTED}, got {what}"]


def test_one_question_for_json() -> None:
    """Asked so, Cloudflare answers its own errors as JSON, too."""
    assert list(CHECK.probes(SPEC, {})) == [Probe(path="/api/health/status", accept="application/json", fresh=True)]


# Healthy.


@pytest.mark.parametrize("word", sorted(HEALTHY_WORDS))
@pytest.mark.parametrize("style", [str.lower, str.upper, str.title])
def test_healthy_words_in_any_case(word: str, style: Callable[[str], str]) -> None:
    assert judge(f'{{"status":"{style(word)}"}}') == []
    assert judge(f'{{"Status":" {style(word)} "}}') == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            '{"status":"ok","version":"1.0.0","db":"ok","timestamp":"2026-01-01T00:00:00Z"}', id="the-commonest"
        ),
        pytest.param('{"status":"OK","database":"connected"}', id="capitals"),
        pytest.param('{"status":"UP","components":{"db":{"status":"UP"},"diskSpace":{"status":"UP"}}}', id="spring"),
        pytest.param('{"ok":true}', id="ok-true"),
        pytest.param('{"healthy":true,"checks":[]}', id="healthy-true"),
        pytest.param('{"OK":true,"commit":"1111111"}', id="ok-in-capitals"),
        pytest.param('\ufeff {"status":"ok"}\n', id="bom-and-white-space"),
        pytest.param('{"status":"ok","error":null,"errors":[],"lastError":"timeout"}', id="no-error-now"),
        pytest.param('{"status":"ok","error":false,"hasErrors":false}', id="error-false"),
        pytest.param('{"status":"ok","maintenance":false,"debug":false}', id="modes-off"),
        pytest.param(
            '{"status":"ok","readOnly":false,"read_only":false,"isReadOnly":false,"read-only-mode":false}', id="styles"
        ),
        pytest.param('{"status":"ok","cached":false,"cache":false,"stale":false,"degraded":false}', id="fresh"),
        pytest.param('{"status":"ok","production":false,"isProd":false,"preview":true}', id="a-preview"),
        pytest.param('{"status":"ok","down":false,"unhealthy":false,"isOffline":false}', id="unhealthy-words-as-keys"),
        pytest.param('{"status":"ok","features":{"checkout":false,"search":{"beta":false}}}', id="feature-switches"),
        pytest.param('{"status":"ok","feature_flags":[false,{"newLogin":false}]}', id="list-of-switches"),
        pytest.param('{"status":"ok","db":{"ssl":{"required":false},"replica":{"enabled":false}}}', id="options"),
        pytest.param('{"status":"ok","log":{"level":"error"},"severity":"critical"}', id="log-level"),
        pytest.param('{"status":"ok","queue":{"failed":0,"errors":0}}', id="counters"),
        pytest.param('{"status":"ok","note":"error-free since May, no failure"}', id="a-sentence"),
        pytest.param('{"status":"ok","message":"Downloads work"}', id="a-word-that-begins-like-down"),
        pytest.param('{"status":"ok","region":"down under"}', id="two-words"),
        pytest.param('{"status":"ok","mail":"not applicable","queue":"not_required"}', id="not-there-by-intent"),
        pytest.param('{"status":"ok","errors":["timeout"],"debug":[{"0":false}]}', id="lists-below-modes"),
        pytest.param('{"status":"ok","note":"not: yet decided"}', id="not-what"),
        pytest.param('{"status":"ok","uptime":0,"version":"","notes":null,"parts":{},"empty":[]}', id="nothing-to-say"),
    ],
)
def test_healthy(body: str) -> None:
    assert judge(body) == []


def test_the_content_type_decides_nothing() -> None:
    assert judge('{"status":"ok"}', headers={"content-type": "text/plain"}) == []
    assert judge('{"status":"ok"}', headers={"content-type": ""}) == []


# Not healthy.


@pytest.mark.parametrize(
    ("body", "what"),
    [
        pytest.param('{"status":"error","database":"disconnected"}', 'status: "error"', id="200-but-error"),
        pytest.param('{"status":"DEGRADED"}', 'status: "DEGRADED"', id="degraded"),
        pytest.param('{"status":"starting"}', 'status: "starting"', id="another-word"),
        pytest.param('{"Status":"starting"}', 'Status: "starting"', id="another-word-under-a-capital"),
        pytest.param('{"status":"okay"}', 'status: "okay"', id="nearly-ok"),
        pytest.param('{"status":200}', "status: 200", id="a-number"),
        pytest.param('{"status":null,"ok":1}', "status: null, ok: 1", id="truthy-is-not-true"),
        pytest.param('{"ok":"true"}', 'ok: "true"', id="text-true"),
        pytest.param('{"ok":false}', "ok: false", id="ok-false"),
        pytest.param('{"status":"ok","healthy":false}', "healthy: false", id="one-of-two"),
        pytest.param('{"data":{"status":"ok"}}', "JSON that says nothing of it (keys: data)", id="deeper"),
        pytest.param(
            '{"message":"hello","version":"1"}', "JSON that says nothing of it (keys: message, version)", id="hello"
        ),
        pytest.param("{}", "JSON that says nothing of it (keys: none)", id="no-keys"),
        pytest.param('[{"status":"ok"}]', 'JSON without keys: [{"status": "ok"}]', id="list"),
        pytest.param('"ok"', 'JSON without keys: "ok"', id="a-string"),
        pytest.param("true", "JSON without keys: true", id="true"),
        pytest.param("null", "JSON without keys: null", id="null"),
        pytest.param("false", "the body: false", id="false"),
    ],
)
def test_it_does_not_say_healthy(body: str, what: str) -> None:
    assert judge(body) == unhealthy(what)


@pytest.mark.parametrize(
    ("part", "what"),
    [
        pytest.param('"database":false', "database: false", id="database-false"),
        pytest.param('"checks":{"db":{"ok":false}}', "checks.db.ok: false", id="nested-false"),
        pytest.param(
            '"checks":[{"name":"db","ok":true},{"name":"kv","ok":false}]', "checks.1.ok: false", id="in-a-list"
        ),
        pytest.param('"parts":[true,false]', "parts.1: false", id="bare-in-a-list"),
        pytest.param('"db":"down"', 'db: "down"', id="word"),
        pytest.param('"db":"  DOWN  "', 'db: "  DOWN  "', id="case-and-space"),
        pytest.param('"db":"error: refused"', 'db: "error: refused"', id="word-and-reason"),
        pytest.param('"db":"timeout (5 s)"', 'db: "timeout (5 s)"', id="word-and-bracket"),
        pytest.param('"db":"failed - no route"', 'db: "failed - no route"', id="word-and-dash"),
        pytest.param('"db":"unavailable, retrying"', 'db: "unavailable, retrying"', id="word-and-comma"),
        pytest.param('"db":"not connected"', 'db: "not connected"', id="not-connected"),
        pytest.param('"db":"not_ready"', 'db: "not_ready"', id="not-ready"),
        pytest.param('"cache":"down"', 'cache: "down"', id="the-cache-is-a-part-too"),
        pytest.param('"cache":{"status":"down"}', 'cache.status: "down"', id="below-a-mode"),
        pytest.param('"debug":{"database":false}', "debug.database: false", id="part-below-a-mode"),
        pytest.param('"0":{"1":false}', "0.1: false", id="numbers-as-keys"),
        pytest.param('"Datenbank \\u00fc":false', "Datenbank \u00fc: false", id="not-ascii"),
    ],
)
def test_one_part_that_fails(part: str, what: str) -> None:
    """`status` is often a constant. The part stands in the finding."""
    assert judge(f'{{"status":"ok",{part}}}') == unhealthy(what)


@pytest.mark.parametrize("word", sorted(UNHEALTHY_WORDS))
def test_every_unhealthy_word_under_any_key(word: str) -> None:
    assert judge(f'{{"status":"ok","database":"{word.upper()}"}}') == unhealthy(f'database: "{word.upper()}"')


def test_of_several_parts_the_first_is_named() -> None:
    assert judge('{"status":"ok","a":{"b":"down"},"c":false}') == unhealthy('a.b: "down"')


def test_a_key_with_two_values_is_no_answer() -> None:
    """Which of them counts each reader of JSON decides otherwise."""
    (line,) = judge('{"status":"down","status":"ok"}')
    assert line.startswith("health-not-json: expected JSON, got ")
    assert line.endswith("('status' twice, with different values)")
    assert judge('{"status":"ok","status":"ok"}') == []


def test_a_key_in_another_spelling_counts() -> None:
    assert judge('{"status":"ok","Status":"down"}') == unhealthy('Status: "down"')


def test_what_is_said_is_cut() -> None:
    (line,) = judge(f'{{"status":"ok","db":"error: {"x" * 100_000}"}}')
    assert len(line) < 400
    (line,) = judge(f'{{"status":"{"x" * 100_000}"}}')
    assert len(line) < 400


def test_deep_but_bounded_nesting_is_looked_through() -> None:
    assert judge('{"status":"ok","a":' * 150 + '{"status":"ok","db":false}' + "}" * 150)[0].endswith("db: false")


def test_what_lies_deep_and_is_much_is_looked_through_without_its_ways() -> None:
    """With the way to each part made anew these ten thousand would take a minute."""
    deep = "[" * 400 + "0" + "]" * 400
    many = ",".join([deep] * 1_000)
    assert judge(f'{{"status":"ok","a":[{many}],"db":[[false]]}}') == unhealthy("db.0.0: false")


# Not JSON.


@pytest.mark.parametrize(
    ("body", "what"),
    [
        pytest.param("", "an empty body", id="empty"),
        pytest.param(" \n", "an empty body", id="white-space"),
        pytest.param("<!doctype html><title>Example</title>", "an HTML page", id="fallback"),
        pytest.param("\n<!-- built --><html lang=en>", "an HTML page", id="comment-first"),
        pytest.param("ok", "'ok'", id="plain-text"),
        pytest.param("OK\n", "'OK'", id="plain-text-line"),
        pytest.param('{"status":NaN}', "'{\"status\":NaN}' (NaN is not JSON)", id="nan"),
        pytest.param('{"a":-Infinity}', "'{\"a\":-Infinity}' (-Infinity is not JSON)", id="infinity"),
        pytest.param("[" * 100_000, f"'{'[' * 40}' (nested too deeply)", id="bottomless"),
        pytest.param('{"a":' * 100_000, "'" + '{"a":' * 8 + "' (nested too deeply)", id="bottomless-object"),
        pytest.param("9" * 5_000, f"'{'9' * 40}' (a number of 5,000 digits)", id="huge-number"),
        pytest.param("-" + "9" * 5_000, f"'-{'9' * 39}' (a number of 5,001 digits)", id="huge-negative-number"),
    ],
)
def test_not_json(body: str, what: str) -> None:
    assert judge(body) == [f"health-not-json: expected JSON, got {what}"]


@pytest.mark.parametrize(
    "body", [b"\xff\xfe\x00", b"\x1f\x8b\x08", b'{"status":"ok"', b"{'status':'ok'}", b'{"status":"ok",}', b"{} {}"]
)
def test_nearly_json(body: bytes) -> None:
    (line,) = judge(body)
    assert line.startswith("health-not-json: expected JSON, got ")


@pytest.mark.parametrize("content_type", ["application/json", "text/html; charset=utf-8"])
def test_the_fallback_page_whatever_its_header_says(content_type: str) -> None:
    page = "<!doctype html><title>Example</title><div id=root></div>"
    assert judge(page, headers={"content-type": content_type}) == ["health-not-json: expected JSON, got an HTML page"]


# Status.


@pytest.mark.parametrize(
    ("status", "body", "actual"),
    [
        pytest.param(404, "", "404", id="the-incident"),
        pytest.param(503, '{"status":"degraded"}', "503", id="the-careful-ones"),
        pytest.param(500, '{"status":"ok"}', "500", id="ok-with-500"),
        pytest.param(204, "", "204", id="no-content"),
        pytest.param(
            522,
            '{"cloudflare_error":true,"error_code":522,"status":522}',
            "522 (Cloudflare error 522)",
            id="cloudflare",
        ),
    ],
)
def test_another_status(status: int, body: str, actual: str) -> None:
    assert judge(body, status) == [f"health-status: expected 200, got {actual}"]


# Cached.


@pytest.mark.parametrize(
    ("headers", "what"),
    [
        pytest.param({"cf-cache-status": "HIT", "age": "5400"}, "cf-cache-status HIT, age 5400 s", id="hit"),
        pytest.param({"cf-cache-status": "HIT"}, "cf-cache-status HIT", id="hit-without-age"),
        pytest.param({"cf-cache-status": "hit", "age": "0"}, "cf-cache-status hit, age 0 s", id="hit-just-now"),
        pytest.param({"cf-cache-status": "STALE"}, "cf-cache-status STALE", id="stale"),
        pytest.param({"cf-cache-status": "UPDATING"}, "cf-cache-status UPDATING", id="updating"),
        pytest.param({"age": "7"}, "age 7 s", id="another-cache"),
        pytest.param(
            {"cf-cache-status": "DYNAMIC", "age": "007"}, "cf-cache-status DYNAMIC, age 007 s", id="behind-cloudflare"
        ),
    ],
)
def test_cached(headers: dict[str, str], what: str) -> None:
    line = f"health-cached: expected a fresh answer, got one from a cache ({what})"
    assert judge('{"status":"ok"}', headers=headers) == [line]


@pytest.mark.parametrize(
    "headers",
    [
        {"cf-cache-status": "DYNAMIC"},
        {"cf-cache-status": "MISS", "age": "0"},
        {"cf-cache-status": "BYPASS", "age": ""},
        {"cf-cache-status": "EXPIRED"},
        {"cf-cache-status": "REVALIDATED"},
        {"age": "000"},
        {"age": "-5"},
        {"age": "soon"},
        {"cache-control": "public, max-age=14400"},
    ],
)
def test_fresh(headers: dict[str, str]) -> None:
    assert judge('{"status":"ok"}', headers=headers) == []


def test_an_age_beyond_all_numbers_is_an_age() -> None:
    (line,) = judge('{"status":"ok"}', headers={"age": "9" * 5_000})
    assert line.startswith("health-cached: ")


def test_a_cached_answer_that_is_not_healthy_is_first_of_all_not_healthy() -> None:
    assert judge('{"status":"down"}', headers={"cf-cache-status": "HIT"}) == unhealthy('status: "down"')


# What the settings expect, in place of the usual words.


def expecting(**expect: Any) -> HealthSpec:  # Any: whatever JSON may be
    return HealthSpec(path="/api/health/status", expect={key.replace("__", "."): it for key, it in expect.items()})


@pytest.mark.parametrize(
    ("body", "spec"),
    [
        pytest.param('{"state":"running"}', expecting(state="running"), id="words-of-its-own"),
        pytest.param('{"status":"degraded","db":false}', expecting(status=["ok", "degraded"]), id="any-of"),
        pytest.param('{"db":{"ok":true,"lag":9}}', expecting(db__ok=True), id="dotted"),
        pytest.param('{"db":{"ok":true,"lag":9}}', expecting(db={"ok": True}), id="nested"),
        pytest.param('{"checks":[{"name":"db"},{"ok":true}]}', expecting(checks__1__ok=True), id="array"),
        pytest.param('[{"ok":true}]', expecting(**{"0.ok": True}), id="a-body-that-is-an-array"),
        pytest.param('{"failures":0,"version":null}', expecting(failures=0, version=None), id="no-words"),
        pytest.param('{"status":"ok","errors":[],"lost":{}}', expecting(errors=[], lost={}), id="nothing-of-it"),
        pytest.param('{"checks.db":{"status":"ok"}}', expecting(checks__db__status="ok"), id="a-dot-in-a-name"),
    ],
)
def test_as_expected(body: str, spec: HealthSpec) -> None:
    assert list(CHECK.probes(spec, {})) == list(CHECK.probes(SPEC, {}))
    assert judge(body, spec=spec) == []


@pytest.mark.parametrize(
    ("body", "spec", "line"),
    [
        pytest.param(
            '{"status":"ok"}', expecting(status="healthy"), 'status: "healthy", got status: "ok"', id="usual-word"
        ),
        pytest.param('{"status":"OK"}', expecting(status="ok"), 'status: "ok", got status: "OK"', id="case"),
        pytest.param(
            '{"status":"down"}',
            expecting(status=["ok", "up"]),
            'status: "ok" or "up", got status: "down"',
            id="none-of",
        ),
        pytest.param('{"status":"ok","db":{"ok":1}}', expecting(db__ok=True), "db.ok: true, got db.ok: 1", id="one"),
        pytest.param('{"status":"ok"}', expecting(db__ok=True), "db.ok: true, got db.ok: absent", id="absent"),
        pytest.param('{"db":null}', expecting(db={"ok": True}), "db.ok: true, got db.ok: absent", id="null"),
        pytest.param('{"errors":["db"]}', expecting(errors=[]), 'errors: [], got errors: ["db"]', id="not-empty"),
        pytest.param(
            '{"errors":{"db":1}}', expecting(errors={}), 'errors: {}, got errors: {"db": 1}', id="not-empty-too"
        ),
        pytest.param('"ok"', expecting(status="ok"), 'status: "ok", got status: absent', id="a-word"),
    ],
)
def test_not_as_expected(body: str, spec: HealthSpec, line: str) -> None:
    assert judge(body, spec=spec) == [f"health-unhealthy: expected {line}"]


def test_what_is_expected_of_json_is_not_found_in_a_page() -> None:
    assert judge("<!doctype html>ok", spec=expecting(status="ok")) == [
        "health-not-json: expected JSON, got an HTML page"
    ]
    assert judge('{"status":"ok"}', 503, spec=expecting(status="ok")) == ["health-status: expected 200, got 503"]


def test_what_is_as_expected_may_still_come_from_a_cache() -> None:
    for spec in (expecting(status="ok"), HealthSpec(path="/health", text='{"status":"ok"}')):
        (line,) = judge('{"status":"ok"}', headers={"cf-cache-status": "HIT"}, spec=spec)
        assert line.startswith("health-cached: ")


# Endpoints that are no JSON.

TEXT = HealthSpec(path="/health", text=" Ok ")


def test_a_text_is_asked_for_in_any_form() -> None:
    assert list(CHECK.probes(TEXT, {})) == [Probe(path="/health", fresh=True)]


@pytest.mark.parametrize("body", ["Ok", "OK\n", " ok ", "\ufeffok"])
def test_the_text(body: str) -> None:
    assert judge(body, headers={"content-type": "text/plain"}, spec=TEXT) == []


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("not ok", "begins 'not ok'"),
        ("ok, but", "begins 'ok, but'"),
        ("", "an empty body"),
        ("<!doctype html><p>ok</p>", "an HTML page"),
        ('"ok"', "begins '\"ok\"'"),
    ],
)
def test_another_text(body: str, what: str) -> None:
    assert judge(body, spec=TEXT) == [f"health-unhealthy: expected the text ' Ok ', got {what}"]


@pytest.mark.parametrize("status", [204, 302])
def test_an_answer_that_has_no_body(status: int) -> None:
    spec = HealthSpec(path="/health", status=status)
    assert [probe.follow for probe in CHECK.probes(spec, {})] == [status == 204]
    assert judge("", status, {"location": "/up"}, spec) == []
    assert judge('{"status":"ok"}', 200, spec=spec) == [f"health-status: expected {status}, got 200"]
    assert judge("", status, {"age": "60"}, spec) == [
        "health-cached: expected a fresh answer, got one from a cache (age 60 s)"
    ]
    with pytest.raises(ValueError, match=f"an answer of status {status} has no body"):
        HealthSpec(path="/health", status=status, text="ok")
    with pytest.raises(ValueError, match=f"an answer of status {status} has no body"):
        HealthSpec(path="/health", status=status, expect={"ok": True})


def test_another_status_with_a_body_is_judged_by_it() -> None:
    spec = HealthSpec(path="/health", status=503)
    assert judge('{"status":"ok"}', 503, spec=spec) == []
    assert judge('{"status":"down"}', 503, spec=spec) == unhealthy('status: "down"')
    assert judge("", 503, spec=spec) == ["health-not-json: expected JSON, got an empty body"]


def test_json_or_text() -> None:
    with pytest.raises(ValueError, match="one of them"):
        HealthSpec(path="/health", text="ok", expect={"ok": True})
