"""`test_page`: good pages that an obvious rule would fail, and broken ones that it would pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_pagesmoke.checks.page import ACCEPT, IMPOSSIBLE, PageCheck, PageSpec
from pytest_pagesmoke.model import Answer, Finding, Hop, NoAnswer, Observation, Probe, Reason, Remark

SITE = "https://www.example.com"
HTML = {"content-type": "text/html; charset=utf-8"}
CHECK = PageCheck()


def page(body: str | bytes, status: int = 200, path: str = "/login", **headers: str) -> Answer:
    sent = {"content-type": "text/html; charset=utf-8"} | {name.replace("_", "-"): it for name, it in headers.items()}
    return Answer(url=SITE + path, status=status, headers=sent, body=body if isinstance(body, bytes) else body.encode())


def shell(main: str, *, title: str = "Example", head: str = "", nav: str = "") -> str:
    """A page in the layout that all pages of the site share."""
    return (
        f"<!doctype html><html><head><title>{title}</title>{head}<link rel=stylesheet href=/static/site.css></head>"
        f"<body><nav><a href=/>Home</a> <a href=/docs>Documentation</a>{nav}</nav><main>{main}</main>"
        "<footer>Example Ltd, all rights reserved</footer><script src=/static/app.js></script></body></html>"
    )


LOGIN = page(shell("<h1>Sign in</h1><form><input type=password></form>", title="Sign in"))
NOT_FOUND = page(shell("<h1>No such page</h1>", title="Not found"), 404)


def judge(
    own: Observation,
    one: Observation = NOT_FOUND,
    other: Observation | None = None,
    *,
    path: str = "/login",
    **wanted: Any,  # whatever a settings entry has
) -> list[Finding | Remark]:
    """What the check says of a page, on a site that gives ``one`` and ``other`` to the two addresses that cannot exist."""
    spec = PageSpec(path=path, **wanted)
    question, *impossible = CHECK.probes(spec, {})
    seen = {question: own, **dict(zip(impossible, (one, other or one), strict=False))}
    return list(CHECK.judge(spec, seen))


def rules(judgement: list[Finding | Remark]) -> list[str]:
    return [item.rule.id for item in judgement if isinstance(item, Finding)]


def lines(judgement: list[Finding | Remark]) -> list[str]:
    return [item.line if isinstance(item, Finding) else item.text for item in judgement]


# What is asked.


def test_a_page_is_asked_for_like_a_browser_would_and_so_are_two_addresses_that_cannot_exist() -> None:
    assert list(CHECK.probes(PageSpec(path="/login"), {})) == [Probe(path="/login", accept=ACCEPT), *IMPOSSIBLE]
    assert len({probe.path for probe in IMPOSSIBLE}) == 2


def test_the_home_page_is_not_compared_with_the_answer_to_any_address() -> None:
    """It may well be that answer: of a single-page application by intent, too."""
    assert list(CHECK.probes(PageSpec(path="/"), {})) == [Probe(path="/", accept=ACCEPT)]
    assert judge(page(shell("Welcome"), path="/"), path="/") == []


# Status.


def test_a_good_page() -> None:
    assert judge(LOGIN) == []


def test_a_page_behind_a_redirect_that_only_tidied_the_address() -> None:
    hop = Hop(status=308, url=f"{SITE}/login.html", location="/login")
    assert judge(Answer(url=LOGIN.url, status=200, headers=LOGIN.headers, body=LOGIN.body, hops=(hop,))) == []


@pytest.mark.parametrize(
    ("answer", "actual"),
    [
        pytest.param(page("", 404), "404", id="the-incident"),
        pytest.param(page(LOGIN.body, 404), "404", id="the-right-page-with-404"),
        pytest.param(page("", 204), "204", id="no-content"),
        pytest.param(page(LOGIN.body, 203), "203", id="changed-on-the-way"),
        pytest.param(page("", 302, location="/auth/login"), "302 to /auth/login", id="redirect"),
        pytest.param(page("error code: 522", 522, server="cloudflare"), "522 (Cloudflare error 522)", id="origin"),
    ],
)
def test_another_status(answer: Answer, actual: str) -> None:
    assert lines(judge(answer)) == [f"page-status: expected 200, got {actual}"]


# HTML.


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param("<!DOCTYPE HTML><TITLE>Sign in</TITLE><P>Sign in", "TEXT/HTML;Charset=UTF-8", id="upper-case"),
        pytest.param("<p>Sign in</p>", "text/html", id="fragment"),
        pytest.param("Sign in <br>", "text/html", id="text-with-one-element"),
        pytest.param("\ufeff<!-- built at noon -->\n<!doctype html><p>Sign in", "text/html", id="bom-and-comment"),
        pytest.param(
            '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>', "application/xhtml+xml", id="xhtml"
        ),
        pytest.param("<!doctype html><p>Sign in", "", id="no-header"),
        pytest.param('<!doctype html><pre>{"status":"error"}</pre>', "text/html", id="json-shown"),
        pytest.param('<script type="application/json">{"a":1}</script><p>Sign in', "text/html", id="data-first"),
        pytest.param("1 < 2 <b>always</b>", "text/html", id="less-than"),
    ],
)
def test_html_in_many_forms(body: str, content_type: str) -> None:
    assert judge(page(body, content_type=content_type)) == []


@pytest.mark.parametrize("charset", ["utf-16", "latin-1", "shift_jis", "no-such-charset"])
def test_html_in_another_charset(charset: str) -> None:
    body = "<!doctype html><p>Sign in".encode(charset if charset != "no-such-charset" else "utf-8")
    assert judge(page(body, content_type=f"text/html; charset={charset}")) == []


@pytest.mark.parametrize(
    ("body", "content_type", "actual"),
    [
        pytest.param("", "text/html", "an empty body", id="empty"),
        pytest.param(" \n\t", "text/html", "an empty body", id="white-space"),
        pytest.param(LOGIN.body, "text/plain", "content type text/plain", id="shown-as-source"),
        pytest.param(LOGIN.body, "application/octet-stream", "content type application/octet-stream", id="downloaded"),
        pytest.param('{"page":"<b>"}', "application/json", "content type application/json", id="json"),
        pytest.param(
            '{"html":"<p>Sign in</p>"}',
            "text/html",
            """no HTML in the body, which begins '{"html":"<p>Sign in</p>"}'""",
            id="json-declared-html",
        ),
        pytest.param("[]", "", "no HTML in the body, which begins '[]'", id="json-without-header"),
        pytest.param("ok", "text/html", "no HTML in the body, which begins 'ok'", id="a-word"),
        pytest.param("\n\n ok", "text/html", "no HTML in the body, which begins 'ok'", id="a-word-further-down"),
        pytest.param(
            "a < b and c > d", "text/html", "no HTML in the body, which begins 'a < b and c > d'", id="formula"
        ),
        pytest.param(
            "Internal Server Error: no page is made of this",
            "text/html",
            "no HTML in the body, which begins 'Internal Server Error: no page is made o'",
            id="cut-to-forty",
        ),
    ],
)
def test_not_html(body: str | bytes, content_type: str, actual: str) -> None:
    assert lines(judge(page(body, content_type=content_type))) == [
        f"page-not-html: expected an HTML page, got {actual}"
    ]


def test_a_large_body_of_tags_that_never_end_is_no_html() -> None:
    """Read from each `<` to the end of the body, this would take hours."""
    assert rules(judge(page("<a" * 2_000_000))) == ["page-not-html"]


# The fallback: 200 for every address, and the backend gone.

INDEX = shell("<div id=root></div>")


def test_the_fallback_is_not_the_page() -> None:
    (finding,) = judge(page(INDEX), page(INDEX))
    assert isinstance(finding, Finding)
    assert finding.line == (
        "page-is-fallback: expected a page of its own, got the page that /pagesmoke-no-such-page answers, too (title: Example)"
    )


def test_a_fallback_without_a_title() -> None:
    bare = page("<!doctype html><p>Welcome")
    assert "(title: none)" in lines(judge(bare, bare))[0]


BEACON = (
    '<script defer src="https://static.cloudflareinsights.com/beacon.min.js" data-cf-beacon=\'{"token":"x"}\'></script>'
)
DETECTION = (
    "<script>a=document.createElement('script');a.src='/cdn-cgi/challenge-platform/scripts/jsd/main.js'</script>"
)
MAIL = '<a href="/cdn-cgi/l/email-protection#0011"><span class="__cf_email__" data-cfemail="{}">[email&#160;protected]</span></a>'


@pytest.mark.parametrize(
    ("own", "one", "other"),
    [
        pytest.param(
            shell("<div id=root></div>", head="<script nonce=abc>1</script>"),
            shell("<div id=root></div>", head="<script nonce=bcd>1</script>"),
            shell("<div id=root></div>", head="<script nonce=cde>1</script>"),
            id="nonce-in-an-attribute",
        ),
        pytest.param(
            shell("<p>Request a0d3 at 10:00:01</p>"),
            shell("<p>Request b7ff at 10:00:02</p>"),
            shell("<p>Request c123 at 10:00:02</p>"),
            id="nonce-in-the-text",
        ),
        pytest.param(
            shell("<p>Today's word: apple</p>"),
            shell("<p>Today's word: pear</p>"),
            shell("<p>Today's word: plum</p>"),
            id="random-word-in-the-text",
        ),
        pytest.param(
            shell("<p>/login was not found</p>", title="/login - Example"),
            shell("<p>/pagesmoke-no-such-page was not found</p>", title="/pagesmoke-no-such-page - Example"),
            shell("<p>/pagesmoke-none-such-either was not found</p>", title="/pagesmoke-none-such-either - Example"),
            id="says-the-address",
        ),
        pytest.param(
            shell("Welcome", head="<link rel=canonical href=https://www.example.com/login>"),
            shell("Welcome", head="<link rel=canonical href=https://www.example.com/pagesmoke-no-such-page>"),
            shell("Welcome", head="<link rel=canonical href=https://www.example.com/pagesmoke-none-such-either>"),
            id="canonical-link",
        ),
        pytest.param(
            shell("<form action=/search?t=abc><input type=hidden value=abc></form>"),
            shell("<form action=/search?t=bcd><input type=hidden value=bcd></form>"),
            shell("<form action=/search?t=cde><input type=hidden value=cde></form>"),
            id="tokens-in-a-form",
        ),
        pytest.param(
            shell("Write to " + MAIL.format("0011") + BEACON + DETECTION),
            shell("Write to " + MAIL.format("2233")),
            shell("Write to " + MAIL.format("4455") + BEACON),
            id="what-the-zone-puts-in",
        ),
        pytest.param(
            INDEX.replace("><", ">\n  <").replace("<main>", "<main><!-- served by a -->"),
            INDEX,
            INDEX,
            id="laid-out-anew",
        ),
    ],
)
def test_the_same_page_with_other_bytes(own: str, one: str, other: str) -> None:
    assert rules(judge(page(own), page(one), page(other))) == ["page-is-fallback"]


NOWHERE = shell("<h1>Nothing here</h1><p>This page does not exist</p>")


@pytest.mark.parametrize(
    "own",
    [
        pytest.param(shell("<h1>Sign in</h1><form><input type=password></form>"), id="other-main-part"),
        pytest.param(shell("<h1>Nothing here</h1><p>This page does exist</p>"), id="one-word-less"),
        pytest.param(shell("<h1>Nothing here</h1><p>This page does not exist</p><p>Sign in"), id="more-words"),
        pytest.param(
            shell("<h1>Nothing here</h1><p>This page does not exist</p><input type=password>"), id="only-a-field"
        ),
        pytest.param(shell("<h1>Nothing here</h1><p>This page does not exist</p>", title="Sign in"), id="other-title"),
        pytest.param(
            shell("<h1>Nothing here</h1><p>This page does not exist</p>", nav="<a href=/signup></a>"),
            id="one-more-link",
        ),
        pytest.param(NOWHERE.replace("href=/docs", "href=/help"), id="another-link"),
        pytest.param(NOWHERE.replace("/static/app.js", "/static/login.js"), id="another-script"),
    ],
)
def test_a_page_in_the_same_layout_is_a_page_of_its_own(own: str) -> None:
    """The site answers unknown addresses with a page and 200: not good manners, but no lost worker."""
    assert judge(page(own), page(NOWHERE)) == []


def test_two_logins_that_differ_in_one_line() -> None:
    """The wall in front of every unknown address, and the page for customers."""
    wall = page(shell("<h1>Sign in</h1><p>for staff</p><form><input type=password></form>", title="Sign in"))
    mine = page(shell("<h1>Sign in</h1><p>for customers</p><form><input type=password></form>", title="Sign in"))
    assert judge(mine, wall) == []
    assert rules(judge(wall, wall)) == ["page-is-fallback"]


def test_a_word_that_changes_excuses_no_other_one() -> None:
    one = page(shell("<p>Today's word: pear</p><p>Nothing here</p>"))
    other = page(shell("<p>Today's word: plum</p><p>Nothing here</p>"))
    assert judge(page(shell("<p>Today's word: fig</p><p>Sign in</p>")), one, other) == []


@pytest.mark.parametrize("status", [404, 410, 401, 500])
def test_a_site_that_knows_which_addresses_exist_may_show_the_same_page(status: int) -> None:
    """Every unknown address shows the login, but with a status that says what it is."""
    assert judge(LOGIN, page(LOGIN.body, status)) == []
    assert judge(LOGIN, LOGIN, page(LOGIN.body, status)) == []


def test_unknown_addresses_that_are_sent_to_the_page() -> None:
    assert judge(LOGIN, page("", 302, location="/login")) == []


@pytest.mark.parametrize("instead", ['{"error":"not found"}', "", "not found"])
def test_unknown_addresses_that_answer_200_with_no_page(instead: str) -> None:
    assert judge(LOGIN, page(instead)) == []


def test_unknown_addresses_that_answer_200_with_the_same_words_but_no_page() -> None:
    assert judge(page("<p>not found</p>"), page("not found", content_type="text/plain")) == []


UNJUDGED = ["not judged whether this is a fallback page: the address that cannot exist gave no answer"]
ABSENCE = NoAnswer(url=f"{SITE}{IMPOSSIBLE[0].path}", reason=Reason.TIMEOUT, text="no complete answer within 10 s")


@pytest.mark.parametrize(
    "missing",
    [
        pytest.param(ABSENCE, id="no-answer"),
        pytest.param(page("slow down", 429), id="rate-limited"),
        pytest.param(page("<title>Just a moment...</title>", 403, cf_mitigated="challenge"), id="challenged"),
    ],
)
def test_without_anything_to_compare_with_the_page_passes_with_a_warning(missing: Observation) -> None:
    for one, other in ((missing, missing), (page(INDEX), missing), (missing, page(INDEX))):
        assert lines(judge(page(INDEX), one, other)) == UNJUDGED


def test_a_broken_page_needs_no_comparison() -> None:
    assert lines(judge(page("", 404), ABSENCE)) == ["page-status: expected 200, got 404"]
    assert rules(judge(page(""), ABSENCE)) == ["page-not-html"]


# Another status than 200.


@pytest.mark.parametrize("status", [404, 410, 401, 503])
def test_a_page_that_must_not_be_there(status: int) -> None:
    """That the site shows it for any address is right, and not looked at."""
    assert list(CHECK.probes(PageSpec(path="/old", status=status), {})) == [Probe(path="/old", accept=ACCEPT)]
    assert judge(page(INDEX, status), page(INDEX, status), status=status) == []
    assert lines(judge(page(INDEX), status=status)) == [f"page-status: expected {status}, got 200"]
    assert rules(judge(page("", status), status=status)) == ["page-not-html"]
    assert rules(judge(page(INDEX, status), status=status, contains=("Gone",))) == ["page-content"]


@pytest.mark.parametrize("status", [301, 302, 308])
def test_a_redirect_that_is_wanted_has_no_page(status: int) -> None:
    """Nor is it followed, though it only tidies."""
    assert list(CHECK.probes(PageSpec(path="/old", status=status), {})) == [
        Probe(path="/old", accept=ACCEPT, follow=False)
    ]
    for location in ("/login/", "https://example.net/"):
        assert judge(page("", status, location=location), status=status) == []
    assert lines(judge(page(INDEX), status=status)) == [f"page-status: expected {status}, got 200"]


def test_another_good_status_may_be_a_fallback_too() -> None:
    assert rules(judge(page(INDEX, 203), page(INDEX, 203), status=203)) == ["page-is-fallback"]


# Single-page applications by intent.


def test_every_page_may_be_the_application_but_must_be_a_page() -> None:
    assert list(CHECK.probes(PageSpec(path="/login", spa=True), {})) == [Probe(path="/login", accept=ACCEPT)]
    assert judge(page(INDEX), page(INDEX), spa=True) == []
    assert rules(judge(page(INDEX, 404), spa=True)) == ["page-status"]
    assert rules(judge(page(""), spa=True)) == ["page-not-html"]
    assert rules(judge(page(INDEX), spa=True, contains=("Sign in",))) == ["page-content"]


# Content.


@pytest.mark.parametrize("contains", [(), ("Sign in",), ("Sign in", "All rights", "<h1>")])
def test_what_a_page_says(contains: tuple[str, ...]) -> None:
    own = page(shell("<h1>Sign <b>in</b></h1><p>All\n rights</p>", title="x"))
    assert judge(own, contains=contains) == []


def test_what_a_page_does_not_say() -> None:
    (line,) = lines(judge(LOGIN, contains=("Sign in", "Welcome")))
    assert line == "page-content: expected a page with 'Welcome', got a page without it (title: Sign in)"
    assert "(title: none)" in lines(judge(page("<p>Sign in"), contains=("Welcome",)))[0]


def test_a_fallback_that_says_it_too_is_still_the_fallback() -> None:
    assert rules(judge(page(INDEX), page(INDEX), contains=("Documentation",))) == ["page-is-fallback"]
    assert rules(judge(page(INDEX), page(INDEX), contains=("Sign in",))) == ["page-is-fallback"]


def test_what_was_not_compared_is_still_read() -> None:
    assert lines(judge(LOGIN, ABSENCE, contains=("Sign in",))) == UNJUDGED
    assert rules(judge(LOGIN, ABSENCE, contains=("Welcome",))) == ["page-content"]


# Time.


@pytest.mark.parametrize(("elapsed_s", "slow"), [(0.0, []), (0.8, []), (0.801, ["page-slow"]), (9.0, ["page-slow"])])
def test_time(elapsed_s: float, slow: list[str]) -> None:
    own = replace(LOGIN, elapsed_s=elapsed_s)
    assert rules(judge(own, max_s=0.8)) == slow
    assert judge(own) == []


def test_how_slow() -> None:
    assert lines(judge(replace(LOGIN, elapsed_s=1.239), max_s=1.0)) == [
        "page-slow: expected an answer within 1 s, got 1.24 s"
    ]


def test_where_the_time_went() -> None:
    timings_s = {"connection": 0.02, "tls": 0.03, "headers": 1.1, "body": 0.089}
    (finding,) = judge(replace(LOGIN, elapsed_s=1.239, timings_s=timings_s), max_s=1.0)
    assert isinstance(finding, Finding)
    assert finding.hint == "where the time went: connection 0.02 s, tls 0.03 s, headers 1.10 s, body 0.09 s"


def test_a_wrong_page_is_not_called_slow() -> None:
    assert rules(judge(replace(page("", 404), elapsed_s=9.0), max_s=1.0)) == ["page-status"]
    assert rules(judge(replace(LOGIN, elapsed_s=9.0), max_s=1.0, contains=("Welcome",))) == ["page-content"]


# The Access login, where it must come.


def test_a_page_behind_access_is_asked_for_as_a_stranger() -> None:
    """With its service token, this run would be let in."""
    (probe,) = CHECK.probes(PageSpec(path="/admin", access=True), {})
    assert probe == Probe(path="/admin", accept=ACCEPT, as_stranger=True)
    assert judge(page("", 302, location="https://team.cloudflareaccess.com/cdn-cgi/access/login"), access=True) == []


@pytest.mark.parametrize(
    ("answer", "actual"),
    [(LOGIN, "200"), (page("", 302, location="/login"), "302"), (page("", 403), "403")],
    ids=["open", "a-login-of-its-own", "shut-by-the-worker-alone"],
)
def test_a_page_that_lets_strangers_in(answer: Answer, actual: str) -> None:
    assert lines(judge(answer, access=True)) == [
        f"page-status: expected 302 to the Cloudflare Access login, got {actual}: the site itself answered a stranger"
    ]


@pytest.mark.parametrize("more", [{"contains": ("a",)}, {"max_s": 1.0}, {"status": 404}])
def test_whoever_asks_for_the_login_asks_for_nothing_else(more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="access = true asks for the Access login and nothing else"):
        PageSpec(path="/admin", access=True, **more)
