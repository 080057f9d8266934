"""`test_not_found`: what must not exist, and single-page applications, where nothing is ever missing."""

from __future__ import annotations

import pytest

from pytest_pagesmoke.checks.not_found import NotFoundCheck, NotFoundSpec
from pytest_pagesmoke.checks.page import ACCEPT, IMPOSSIBLE
from pytest_pagesmoke.model import Answer, Finding, NoAnswer, Observation, Probe, Reason

SITE = "https://www.example.com"
CHECK = NotFoundCheck()


def page(body: str, status: int = 200, content_type: str = "text/html", **headers: str) -> Answer:
    sent = {"content-type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Answer(url=f"{SITE}/removed", status=status, headers=sent, body=body.encode())


SHELL = page("<!doctype html><title>Example</title><div id=root></div><script src=/app.js></script>")
NOT_FOUND = page("<!doctype html><title>Not found</title><p>No such page", 404)
ABSENCE = NoAnswer(url=SITE, reason=Reason.TIMEOUT, text="no complete answer within 10 s")


def judge(
    own: Observation, one: Observation = SHELL, other: Observation = SHELL, *, spa: bool = False, status: int = 404
) -> list[str]:
    """The lines of all findings; ``one`` and ``other`` are the answers to the addresses that cannot exist."""
    spec = NotFoundSpec(path="/removed", spa=spa, status=status)
    probes = list(CHECK.probes(spec, {}))
    seen = dict(zip(probes, (own, one, other), strict=False))
    return [item.line for item in CHECK.judge(spec, seen) if isinstance(item, Finding)]


def test_one_question_and_the_impossible_ones_only_of_a_single_page_application() -> None:
    own = Probe(path="/removed", accept=ACCEPT)
    assert list(CHECK.probes(NotFoundSpec(path="/removed"), {})) == [own]
    assert list(CHECK.probes(NotFoundSpec(path="/removed", spa=True), {})) == [own, *IMPOSSIBLE]
    assert list(CHECK.probes(NotFoundSpec(path="/removed", status=301), {})) == [
        Probe(path="/removed", accept=ACCEPT, follow=False)
    ]


@pytest.mark.parametrize("answer", [NOT_FOUND, page("", 404), page('{"error":"none"}', 404, "application/json")])
def test_any_404_of_the_sites(answer: Answer) -> None:
    assert judge(answer) == []
    assert judge(answer, spa=True) == []


def test_another_status_may_be_wanted() -> None:
    assert judge(page("Gone", 410), status=410) == []
    assert judge(NOT_FOUND, status=410) == ["not-found-status: expected 410, got 404"]
    assert judge(page("", 301, location="https://example.net/"), status=301) == []


@pytest.mark.parametrize(
    ("answer", "actual"),
    [
        pytest.param(SHELL, "200", id="fallback-page"),
        pytest.param(page("secret=1", content_type="text/plain"), "200", id="file-that-is-still-there"),
        pytest.param(page("", 302, location="/"), "302 to /", id="sent-home"),
        pytest.param(page("", 500), "500", id="worker-that-fails"),
        pytest.param(page("error code: 522", 522), "522 (Cloudflare error 522)", id="no-site"),
    ],
)
def test_another_answer(answer: Answer, actual: str) -> None:
    assert judge(answer) == [f"not-found-status: expected 404, got {actual}"]


def test_the_404_of_a_deployment_that_does_not_exist_is_not_the_sites() -> None:
    gone = page("<!doctype html><title>Deployment Not Found</title>", 404, server="cloudflare")
    assert judge(gone) == judge(gone, spa=True)
    assert judge(gone) == [
        "not-found-status: expected 404 from the site itself, got 404 (Cloudflare: Deployment Not Found)"
    ]


# Single-page applications.


def test_a_single_page_application_shows_its_page_everywhere() -> None:
    assert judge(SHELL, spa=True) == []


def test_its_own_question_may_be_one_of_the_impossible() -> None:
    """It stands so in the contract's example."""
    spec = NotFoundSpec(path=IMPOSSIBLE[0].path, spa=True)
    assert set(CHECK.probes(spec, {})) == {*IMPOSSIBLE}
    assert list(CHECK.judge(spec, dict.fromkeys(IMPOSSIBLE, SHELL))) == []


@pytest.mark.parametrize(
    "own",
    [
        pytest.param(page("secret=1", content_type="text/plain"), id="file-that-is-still-there"),
        pytest.param(page("<!doctype html><title>Old</title><p>An old page"), id="page-that-is-still-there"),
        pytest.param(page(SHELL.text.replace("app.js", "old.js")), id="older-build-from-a-cache"),
        pytest.param(page(""), id="empty"),
    ],
)
def test_what_is_not_the_applications_page_must_still_not_exist(own: Answer) -> None:
    assert judge(own, spa=True) == ["not-found-status: expected 404, got 200"]


@pytest.mark.parametrize("instead", [ABSENCE, NOT_FOUND, page("", 200), page("slow down", 429)])
def test_without_the_applications_page_nothing_is_excused(instead: Observation) -> None:
    for one, other in ((instead, instead), (SHELL, instead), (instead, SHELL)):
        assert judge(SHELL, one, other, spa=True) == ["not-found-status: expected 404, got 200"]


@pytest.mark.parametrize(
    ("seen", "rule"),
    [
        pytest.param(ABSENCE, "timeout", id="no-answer"),
        pytest.param(page("", 403, cf_mitigated="challenge"), "bot-challenge", id="challenge"),
        pytest.param(page("", 429), "rate-limited", id="turned-away"),
        pytest.param(page("", 302, location="https://example.net/"), "redirect-elsewhere", id="elsewhere"),
        pytest.param(page("", 302, location="/cdn-cgi/access/login/x"), "access-login", id="access"),
    ],
)
def test_what_is_no_answer_of_the_sites(seen: Observation, rule: str) -> None:
    assert [line.partition(":")[0] for line in judge(seen, spa=True)] == [rule]
