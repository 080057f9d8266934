"""`test_redirect`: the same destination written in many ways, and destinations that only look like it."""

from __future__ import annotations

import pytest

from pytest_pagesmoke.checks.redirect import RedirectCheck, RedirectSpec
from pytest_pagesmoke.model import Answer, Finding, NoAnswer, Observation, Probe, Reason

SITE = "https://www.example.com"
CHECK = RedirectCheck()


def judge(seen: Observation, to: str = "/new", *, path: str = "/old", status: int | None = None) -> list[str]:
    """The lines of all findings."""
    spec = RedirectSpec(path=path, to=to, status=status)
    (probe,) = CHECK.probes(spec, {})
    return [item.line for item in CHECK.judge(spec, {probe: seen}) if isinstance(item, Finding)]


def leads(location: str, *, path: str = "/old", status: int = 301, site: str = SITE) -> Answer:
    return Answer(url=site + path, status=status, headers={"location": location} if location else {})


def test_the_redirect_itself_is_the_answer() -> None:
    assert list(CHECK.probes(RedirectSpec(path="/old", to="/new"), {})) == [Probe(path="/old", follow=False)]


def test_what_stands_in_place_of_a_secret_is_no_wildcard() -> None:
    assert judge(leads("/elsewhere/start"), "/***/start") != []
    assert judge(leads("/***/start"), "/***/start") == []
    assert judge(leads("/***/start/now"), "/***/*") == []
    assert judge(leads("/new?a=anything", path="/old?a=*"), path="/old?a=*") != []


@pytest.mark.parametrize(
    ("to", "location"),
    [
        ("/new", "/new"),
        ("/new", "new"),
        ("/new", "https://www.example.com/new"),
        ("/new", "//www.example.com/new"),
        ("/new", "HTTPS://WWW.Example.com:443/new"),
        ("https://www.example.com/new", "/new"),
        ("https://WWW.example.com:443/new", "/new"),
        ("https://example.net", "https://example.net/"),
        ("https://example.net/", "https://example.net"),
        ("http://www.example.com:80/new", "http://www.example.com/new"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("/new?a=1", "/new?a=1"),
        ("/new#top", "/new#top"),
        ("/*", "/anything/at?all=1"),
        ("/new/*/end", "/new/a/b/end"),
        ("https://*.example.net/*", "https://a.b.example.net/c"),
        ("http://localhost:*/new", "http://localhost:8788/new"),
        ("/new.*", "/new.html"),
        ("/\u00fcber-uns", "/%C3%BCber-uns"),
        ("/%C3%BCber-uns", "/\u00fcber-uns"),
        ("/new?q=stra\u00dfe", "/new?q=stra%C3%9Fe"),
    ],
)
def test_it_leads_there(to: str, location: str) -> None:
    assert judge(leads(location), to) == []


@pytest.mark.parametrize(
    ("to", "location"),
    [
        ("/new", "/new/"),
        ("/new", "/New"),
        ("/new", "/newer"),
        ("/new", "/a/new"),
        ("/new", "/new?a=1"),
        ("/new?a=1", "/new"),
        ("/new", "/new#top"),
        ("/new", "http://www.example.com/new"),
        ("/new", "https://example.com/new"),
        ("/new", "https://www.example.com:8443/new"),
        ("/new", "https://www.example.com.example.net/new"),
        ("/new", "https://www.example.com:port/new"),
        ("https://x:port/", "https://x/"),
        ("/new.html", "/newxhtml"),
        ("/new/*", "/new"),
        ("/new/*/end", "/new/a"),
        ("/a%2Fb", "/a/b"),
    ],
)
def test_it_leads_elsewhere(to: str, location: str) -> None:
    assert judge(leads(location), to) == [f"redirect-wrong: expected a redirect to {to}, got 301 to {location}"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_any_redirect_will_do_unless_one_is_named(status: int) -> None:
    assert judge(leads("/new", status=status)) == []
    assert judge(leads("/new", status=status), status=status) == []
    named = 301 if status != 301 else 302
    assert judge(leads("/new", status=status), status=named) == [
        f"redirect-wrong: expected {named} to /new, got {status} to /new"
    ]


@pytest.mark.parametrize("status", [200, 201, 300, 304, 404])
def test_a_location_does_not_make_a_redirect(status: int) -> None:
    assert judge(leads("/new", status=status)) == [f"redirect-wrong: expected a redirect to /new, got {status} to /new"]


@pytest.mark.parametrize(
    ("answer", "actual"),
    [
        (leads(""), "301"),
        (leads("http://["), "301 to http://["),
        (Answer(url=f"{SITE}/old", status=200, body=b"<!doctype html>Home"), "200"),
        (Answer(url=f"{SITE}/old", status=404), "404"),
    ],
    ids=["no-location", "no-address", "fallback-page", "the-incident"],
)
def test_no_redirect(answer: Answer, actual: str) -> None:
    assert judge(answer) == [f"redirect-wrong: expected a redirect to /new, got {actual}"]


@pytest.mark.parametrize(
    ("to", "location", "fits"),
    [
        ("/new", "/new?a=1", True),  # Pages carries it over
        ("/new", "/new", True),
        ("/new?b=2", "/new?b=2", True),
        ("/new", "/new?a=2", False),
        ("/new?b=2", "/new?b=2&a=1", False),
        ("/new?b=2", "/new?a=1", False),
    ],
)
def test_the_query_of_the_question(to: str, location: str, fits: bool) -> None:
    assert (judge(leads(location, path="/old?a=1"), to, path="/old?a=1") == []) is fits


def test_a_target_below_a_path() -> None:
    app = "https://www.example.com/app"
    assert judge(leads("/app/new", site=app)) == []
    assert judge(leads("/new", site=app)) != []
    assert judge(leads("/new", site=app), "https://www.example.com/new") == []


def test_the_home_page() -> None:
    assert judge(leads("/en/", path="/"), "/en/", path="/") == []


def test_another_origin_is_this_checks_to_judge() -> None:
    """And not `redirect-elsewhere`, whatever its status."""
    for status in (301, 302):
        assert judge(leads("https://example.net/", status=status), "https://example.net/") == []
        (line,) = judge(leads("https://example.net/", status=status), status=308)
        assert line == f"redirect-wrong: expected 308 to /new, got {status} to https://example.net/"


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        pytest.param(
            NoAnswer(url=SITE, reason=Reason.REFUSED, text="refused"),
            "unreachable: expected 301, got refused",
            id="no-answer",
        ),
        pytest.param(Answer(url=SITE, status=429), "rate-limited: expected 301, got 429", id="turned-away"),
        pytest.param(
            leads("https://team.cloudflareaccess.com/", status=302),
            "access-login: expected 302 from the site itself, got 302 to the Cloudflare Access login at team.cloudflareaccess.com",
            id="access",
        ),
    ],
)
def test_what_is_no_answer_of_the_sites(seen: Observation, line: str) -> None:
    assert judge(seen, "*") == [line]
