"""What any live check can meet before it sees the site itself, the same for every kind; and what only looks like it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from pytest_pagesmoke.checks import live
from pytest_pagesmoke.checks.answer import AnswerCheck, AnswerSpec
from pytest_pagesmoke.checks.asset import AssetCheck, AssetSpec
from pytest_pagesmoke.checks.build import BuildCheck, BuildSpec
from pytest_pagesmoke.checks.health import HealthCheck, HealthSpec
from pytest_pagesmoke.checks.linked import LinkedCheck, LinkedSpec
from pytest_pagesmoke.checks.not_found import NotFoundCheck, NotFoundSpec
from pytest_pagesmoke.checks.page import PageCheck, PageSpec
from pytest_pagesmoke.checks.redirect import RedirectCheck, RedirectSpec
from pytest_pagesmoke.model import Answer, Finding, LiveCheck, NoAnswer, Observation, Reason
from pytest_pagesmoke.registry import LIVE_CHECKS

URL = "https://www.example.com/login"
EDGE = {"server": "cloudflare", "cf-ray": "0000000000000000-FRA"}
HTML = {"content-type": "text/html; charset=utf-8"}
TEXT = {"content-type": "text/plain; charset=utf-8"}
JSON = {"content-type": "application/json"}

#: What `wrangler pages dev` answers where the worker throws: to curl, and (but for styles and frames) to a browser.
LOCAL_TEXT = """\
TypeError: Cannot read properties of undefined (reading 'prepare')
    at Object.fetch (file:///project/dist/_worker.js:1:54)"""
LOCAL_PAGE = """<!DOCTYPE html>
    <html lang="en"><head><title>An error has occurred</title></head><body>
    <section><h4 id="error-name">TypeError</h4><h1 id="error-title">An error has occurred</h1></section>
    <section><h2 id="error-message"><span><svg></svg></span>
      <span>Cannot read properties of undefined (reading &#39;prepare&#39;)</span>
    </h2><div id="error-hint"><a href="https://developers.cloudflare.com/workers/">Workers Docs</a></div></section>
"""
EDGE_1101 = """<!DOCTYPE html>
<!--[if lt IE 7]> <html class="no-js ie6 oldie" lang="en-US"> <![endif]-->
<html class="no-js" lang="en-US"><head><title>Worker threw exception | www.example.com | Cloudflare</title></head>
<body><h1><span>Error</span><span>1101</span></h1></body></html>"""


@dataclass(frozen=True)
class Judge:
    """One kind of check, asked for what it finds where the same observation comes to each of its questions."""

    check: LiveCheck[Any]
    spec: Any
    expected: str = "200"  # by its own rule for a wrong status

    def findings(self, observation: Observation) -> list[Finding]:
        seen = dict.fromkeys(self.check.probes(self.spec, {}), observation)
        return [item for item in self.check.judge(self.spec, seen) if isinstance(item, Finding)]

    def lines(self, observation: Observation) -> list[str]:
        return [finding.line for finding in self.findings(observation)]

    def status(self, actual: str) -> list[str]:
        """The lines of a finding by the check's own rule for a wrong status."""
        return [f"{self.check.rules[0].id}: expected {self.expected}, got {actual}"]


JUDGES = [
    Judge(PageCheck(), PageSpec(path="/login")),
    Judge(HealthCheck(), HealthSpec(path="/api/health/status")),
    Judge(AssetCheck(), AssetSpec(path="/static/app.js")),
    Judge(LinkedCheck(), LinkedSpec(path="/")),
    Judge(AnswerCheck(), AnswerSpec(path="/api/me")),
    Judge(BuildCheck(), BuildSpec(path="/version.json", json="commit", commit="abc1234"), "build abc1234"),
]
#: These expect another status than 200.
OTHERS = [
    Judge(RedirectCheck(), RedirectSpec(path="/old", to="/new")),
    Judge(NotFoundCheck(), NotFoundSpec(path="/gone")),
]
each_kind = pytest.mark.parametrize("judge", JUDGES, ids=[judge.check.key for judge in JUDGES])


def answer(status: int, body: str = "", *headers: dict[str, str], **more: str) -> Answer:
    merged = {name: value for part in headers for name, value in part.items()}
    merged |= {name.replace("_", "-"): value for name, value in more.items()}
    return Answer(url=URL, status=status, headers=merged, body=body.encode())


def test_these_are_all_kinds() -> None:
    assert {judge.check.test for judge in JUDGES + OTHERS} == {check.test for check in LIVE_CHECKS}


# No answer.


@each_kind
@pytest.mark.parametrize(
    ("reason", "rule"),
    [
        (Reason.NO_ADDRESS, "unreachable"),
        (Reason.REFUSED, "unreachable"),
        (Reason.RESET, "unreachable"),
        (Reason.UNREACHABLE, "unreachable"),
        (Reason.TLS, "tls-invalid"),
        (Reason.TIMEOUT, "timeout"),
        (Reason.TLS_NAME, "tls-invalid"),
        (Reason.PROTOCOL, "http-invalid"),
        (Reason.NOT_SENT, "http-invalid"),
        (Reason.TOO_LARGE, "body-too-large"),
        (Reason.REDIRECT_LOOP, "redirect-loop"),
    ],
)
def test_no_answer(judge: Judge, reason: Reason, rule: str) -> None:
    absence = NoAnswer(url=URL, reason=reason, text="how it failed")
    assert judge.lines(absence) == [f"{rule}: expected 200, got how it failed"]


@each_kind
def test_a_local_server_that_did_not_start(judge: Judge) -> None:
    absence = NoAnswer(url="(not started)", reason=Reason.NOT_STARTED, text="wrangler ended with exit status 1")
    line = "local-not-ready: expected the local server to start, got wrangler ended with exit status 1"
    assert judge.lines(absence) == [line]


def test_every_reason_has_a_rule_and_every_rule_is_registered() -> None:
    found = {
        finding.rule.id
        for reason in Reason
        for finding in JUDGES[0].findings(NoAnswer(url=URL, reason=reason, text="how it failed"))
    }
    assert found < {rule.id for rule in live.RULES}
    assert len(found) == 7


# Cloudflare in the site's place.

ACCESS = "https://team.cloudflareaccess.com/cdn-cgi/access/login/www.example.com?kid=0&redirect_url=%2Flogin"


@each_kind
@pytest.mark.parametrize(
    ("location", "host"),
    [
        pytest.param(ACCESS, "team.cloudflareaccess.com", id="team-domain"),
        pytest.param(
            ACCESS.replace("team.cloudflareaccess", "TEAM.CloudflareAccess"), "team.cloudflareaccess.com", id="case"
        ),
        pytest.param("https://team.cloudflareaccess.com/warp", "team.cloudflareaccess.com", id="another-path-there"),
        pytest.param("/cdn-cgi/access/login/www.example.com?kid=0", "www.example.com", id="own-host"),
    ],
)
@pytest.mark.parametrize("status", [302, 303, 307])
def test_access_login(judge: Judge, location: str, host: str, status: int) -> None:
    line = f"access-login: expected 200, got {status} to the Cloudflare Access login at {host}"
    assert judge.lines(answer(status, "", EDGE, location=location)) == [line]


@each_kind
def test_a_look_alike_of_the_access_login(judge: Judge) -> None:
    """The site's own login, and hosts that only contain the name."""
    assert judge.lines(answer(302, location="/access/login")) == judge.status("302 to /access/login")
    for host in ("cloudflareaccess.com.example.net", "notcloudflareaccess.com"):
        line = f"redirect-elsewhere: expected 200, got 302 to https://{host}"
        assert judge.lines(answer(302, location=f"https://{host}/login")) == [line]


CHALLENGE_PAGE = "<!doctype html><html><head><title>Just a moment...</title></head><body></body></html>"


@each_kind
@pytest.mark.parametrize(("status", "mark"), [(403, "challenge"), (429, "Challenge"), (503, "challenge")])
def test_challenge(judge: Judge, status: int, mark: str) -> None:
    line = f"bot-challenge: expected 200, got {status} with a challenge (cf-mitigated: challenge)"
    assert judge.lines(answer(status, CHALLENGE_PAGE, EDGE, HTML, cf_mitigated=mark)) == [line]


@each_kind
def test_a_challenge_with_200_is_no_pass(judge: Judge) -> None:
    line = "bot-challenge: expected 200 from the site itself, got 200 with a challenge (cf-mitigated: challenge)"
    assert judge.lines(answer(200, CHALLENGE_PAGE, EDGE, HTML, cf_mitigated="challenge")) == [line]


@each_kind
def test_a_refusal_without_the_header_is_no_challenge(judge: Judge) -> None:
    """Error 1010 (a banned browser) carries no cf-mitigated."""
    assert judge.lines(answer(403, CHALLENGE_PAGE, EDGE, HTML)) == judge.status("403")
    assert judge.lines(answer(403, "error code: 1010", EDGE, TEXT)) == judge.status("403 (Cloudflare error 1010)")


@each_kind
@pytest.mark.parametrize(
    ("limited", "actual"),
    [
        pytest.param(answer(429, "error code: 1015", EDGE, TEXT, retry_after="30"), "429, retry after 30", id="zone"),
        pytest.param(answer(429, '{"error":"slow down"}', JSON), "429", id="site"),
        pytest.param(
            answer(429, '{"cloudflare_error":true,"error_code":1015,"status":429}', EDGE, JSON), "429", id="zone-json"
        ),
    ],
)
def test_rate_limit(judge: Judge, limited: Answer, actual: str) -> None:
    assert judge.lines(limited) == [f"rate-limited: expected 200, got {actual}"]


@each_kind
def test_the_daily_limit_of_an_account_is_no_matter_of_waiting(judge: Judge) -> None:
    used_up = answer(429, '{"cloudflare_error":true,"error_code":1027,"retryable":false}', EDGE, JSON)
    assert judge.lines(used_up) == judge.status("429 (Cloudflare error 1027)")


@each_kind
@pytest.mark.parametrize(
    ("thrown", "what"),
    [
        pytest.param(
            answer(500, '{"cloudflare_error":true,"error_code":1101,"status":500}', EDGE, JSON),
            "an exception",
            id="json",
        ),
        pytest.param(answer(500, "error code: 1101", EDGE, TEXT), "an exception", id="bare-text"),
        pytest.param(answer(500, EDGE_1101, EDGE, HTML), "an exception", id="html"),
        pytest.param(
            answer(500, LOCAL_TEXT, TEXT),
            "TypeError: Cannot read properties of undefined (reading 'prepare')",
            id="local-text",
        ),
        pytest.param(
            answer(500, LOCAL_PAGE, HTML),
            "TypeError: Cannot read properties of undefined (reading 'prepare')",
            id="local-page",
        ),
    ],
)
def test_worker_exception(judge: Judge, thrown: Answer, what: str) -> None:
    assert judge.lines(thrown) == [f"worker-exception: expected 200, got 500: the worker threw {what}"]


@each_kind
@pytest.mark.parametrize(
    ("failed", "actual"),
    [
        pytest.param(answer(500, '{"error":"no database","error_code":1101}', JSON), "500", id="json-of-the-site"),
        pytest.param(answer(500, "We saw error code: 1101 today", EDGE, TEXT), "500", id="sentence"),
        pytest.param(
            answer(500, "<!doctype html><title>Sorry</title>Error 1101", EDGE, HTML), "500", id="page-of-the-site"
        ),
        pytest.param(answer(500, EDGE_1101, HTML), "500", id="not-from-the-edge"),
        pytest.param(answer(500, LOCAL_TEXT, TEXT, EDGE), "500", id="site-prints-its-stack"),
        pytest.param(answer(500, LOCAL_TEXT.replace("file://", "https://"), TEXT), "500", id="stack-from-elsewhere"),
        pytest.param(answer(500, "Broken\n\nlook at file:///readme", TEXT), "500", id="text-that-names-a-file"),
        pytest.param(answer(500, "at home (file:///readme)", TEXT), "500", id="one-line"),
        pytest.param(answer(500, "\n" * 60_000, TEXT), "500", id="white-space"),
        pytest.param(answer(500, LOCAL_PAGE.replace("developers.", "docs."), HTML), "500", id="page-of-another-tool"),
        pytest.param(answer(500, LOCAL_PAGE, JSON), "500", id="page-declared-json"),
        pytest.param(answer(503, "error code: 1102", EDGE, TEXT), "503 (Cloudflare error 1102)", id="worker-limit"),
        pytest.param(answer(502, "<html><title>502 Bad Gateway</title></html>", EDGE, HTML), "502", id="bad-gateway"),
        pytest.param(answer(500), "500", id="empty"),
    ],
)
def test_other_errors_keep_the_status_rule(judge: Judge, failed: Answer, actual: str) -> None:
    assert judge.lines(failed) == judge.status(actual)


PLACEHOLDER = "<html><head><title>Example</title></head><body><h1>{}</h1><p>If you expect something to be here, it {}.</p></body></html>"


@each_kind
@pytest.mark.parametrize("status", [200, 404, 522])
@pytest.mark.parametrize(
    ("says", "and_that"),
    [
        ("There is nothing here yet", "may take some time"),
        ("Nothing is here yet", "may not be ready yet"),
        ("There is nothing <b>here</b>\n yet", "may take\n some time"),
    ],
)
def test_placeholder(judge: Judge, status: int, says: str, and_that: str) -> None:
    expected = "200 from the site itself" if status == 200 else "200"
    lines = [f"placeholder: expected {expected}, got {status} with Cloudflare's placeholder page"]
    assert judge.lines(answer(status, PLACEHOLDER.format(says, and_that), EDGE, HTML)) == lines


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(
            answer(200, PLACEHOLDER.format("Nothing is here yet", "may take some time"), HTML), id="not-from-the-edge"
        ),
        pytest.param(answer(200, PLACEHOLDER.format("Nothing is here yet", "will come in May"), HTML, EDGE), id="half"),
        pytest.param(answer(200, PLACEHOLDER.format("All is here", "may take some time"), HTML, EDGE), id="other-half"),
        pytest.param(
            answer(200, PLACEHOLDER.format("Nothing is here yet", "may take some time" + " but" * 20_000), HTML, EDGE),
            id="a-long-page",
        ),
    ],
)
def test_a_page_of_the_site_that_speaks_so_is_no_placeholder(page: Answer) -> None:
    check = PageCheck()
    own, *impossible = check.probes(PageSpec(path="/login"), {})
    seen = {own: page, **dict.fromkeys(impossible, answer(404))}
    assert list(check.judge(PageSpec(path="/login"), seen)) == []


@each_kind
def test_a_deployment_that_is_gone_keeps_the_status_rule_and_is_named(judge: Judge) -> None:
    gone = "<!doctype html><html><head><title>Deployment Not Found</title></head><body></body></html>"
    assert judge.lines(answer(404, gone, EDGE, HTML)) == judge.status("404 (Cloudflare: Deployment Not Found)")
    assert judge.lines(answer(404, gone, HTML)) == judge.status("404")
    assert judge.lines(answer(503, gone, EDGE, HTML)) == judge.status("503")


# Redirects. What only tidies an address was followed before anything is judged (tests/test_recognise.py).


@each_kind
@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://example.com/login", "https://example.com"),
        ("http://www.example.com/login", "http://www.example.com"),
        ("https://www.example.com:8443/login", "https://www.example.com:8443"),
        ("//www.example.net/login", "https://www.example.net"),
        ("https://somebody:secret@www.example.net/", "https://www.example.net"),
    ],
)
def test_redirect_elsewhere(judge: Judge, location: str, shown: str) -> None:
    (finding,) = judge.findings(answer(301, location=location))
    assert finding.line == f"redirect-elsewhere: expected 200, got 301 to {shown}"
    assert finding.hint == f"if the site lives there: --base-url={shown}"


@each_kind
@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("mailto:hello@example.com", "mailto:hello@example.com"),
        ("https://www.example.com:99999/", "an address with a port that is none (https://www.example.com:99999/)"),
    ],
)
def test_a_redirect_to_what_is_no_site_has_no_hint_to_test_it(judge: Judge, location: str, shown: str) -> None:
    (finding,) = judge.findings(answer(302, location=location))
    assert finding.line == f"redirect-elsewhere: expected 200, got 302 to {shown}"
    assert finding.hint == ""


@each_kind
@pytest.mark.parametrize(
    ("redirect", "actual"),
    [
        pytest.param(answer(302, location="/auth/login"), "302 to /auth/login", id="path"),
        pytest.param(
            answer(308, location="https://www.example.com:443/a"), "308 to https://www.example.com:443/a", id="port"
        ),
        pytest.param(answer(302, location="https://WWW.EXAMPLE.com/a"), "302 to https://WWW.EXAMPLE.com/a", id="case"),
        pytest.param(answer(302, location="http://["), "302 to http://[", id="no-address"),
        pytest.param(answer(302), "302", id="no-location"),
        pytest.param(answer(304, location="https://www.example.net/"), "304", id="no-redirect"),
        pytest.param(answer(201, location="https://www.example.net/"), "201", id="location-of-something-made"),
    ],
)
def test_a_redirect_on_the_same_origin_is_the_status_rules(judge: Judge, redirect: Answer, actual: str) -> None:
    assert judge.lines(redirect) == judge.status(actual)


@each_kind
def test_the_first_thing_met_is_the_one_that_is_said(judge: Judge) -> None:
    """A challenge in front of a site that also limits, and a redirect that also carries a challenge's header."""
    both = answer(429, CHALLENGE_PAGE, EDGE, HTML, cf_mitigated="challenge", retry_after="30")
    assert [finding.rule for finding in judge.findings(both)] == [live.BOT_CHALLENGE]
    login = replace(both, status=302, headers={**both.headers, "location": ACCESS})
    assert [finding.rule for finding in judge.findings(login)] == [live.ACCESS_LOGIN]


@pytest.mark.parametrize("judge", OTHERS, ids=[judge.check.key for judge in OTHERS])
@pytest.mark.parametrize(
    ("observation", "rule"),
    [
        (NoAnswer(url=URL, reason=Reason.REFUSED, text="how it failed"), "unreachable"),
        (NoAnswer(url="(not started)", reason=Reason.NOT_STARTED, text="how it failed"), "local-not-ready"),
        (answer(302, "", EDGE, location=ACCESS), "access-login"),
        (answer(403, CHALLENGE_PAGE, EDGE, HTML, cf_mitigated="challenge"), "bot-challenge"),
        (answer(404, CHALLENGE_PAGE, EDGE, HTML, cf_mitigated="challenge"), "bot-challenge"),
        (answer(429, "error code: 1015", EDGE, TEXT), "rate-limited"),
        (answer(500, "error code: 1101", EDGE, TEXT), "worker-exception"),
        (answer(404, PLACEHOLDER.format("Nothing is here yet", "may take some time"), EDGE, HTML), "placeholder"),
    ],
)
def test_what_is_not_the_sites_answer_is_told_for_other_statuses_too(
    judge: Judge, observation: Observation, rule: str
) -> None:
    assert [line.partition(":")[0] for line in judge.lines(observation)] == [rule]


def test_a_wanted_status_is_the_sites_own_answer() -> None:
    """A limiter that must answer 429, and a redirect that must lead elsewhere, are right as they are."""
    elsewhere = answer(301, location="https://www.example.net/")
    for check, spec in ((AnswerCheck(), AnswerSpec), (AssetCheck(), AssetSpec), (PageCheck(), PageSpec)):
        assert Judge(check, spec(path="/api/me", status=429)).lines(answer(429, "<p>Slow down", HTML)) == []
        assert Judge(check, spec(path="/api/me", status=301)).lines(elsewhere) == []


def test_a_service_token_that_was_refused_is_told() -> None:
    """Policy of kind Allow, or an expired token: credentials were sent, and Access still asks for a login."""
    login = answer(302, "", EDGE, location=ACCESS)
    (without,) = JUDGES[0].findings(login)
    (with_token,) = JUDGES[0].findings(replace(login, sent=frozenset({"cf-access-client-id"})))
    assert without.hint == ""
    assert "refused" in with_token.hint
    assert "Service Auth" in with_token.hint
