"""`test_linked`: pages whose files are all there, though it does not look so, and pages that lost one."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pytest_pagesmoke.checks.linked import LinkedCheck, LinkedSpec
from pytest_pagesmoke.checks.page import ACCEPT
from pytest_pagesmoke.model import Answer, Finding, NoAnswer, Observation, Probe, Reason, Remark

SITE = "https://www.example.com"
CHECK = LinkedCheck()
FALLBACK = "<!doctype html><html><title>Example</title><div id=root></div>"


def answer(body: str = "", content_type: str = "", status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {"content-type": content_type, **named} if content_type else named
    return Answer(url="", status=status, headers=sent, body=body.encode())


def page(body: str, status: int = 200) -> Answer:
    return answer("<!doctype html><title>Example</title>" + body, "text/html", status)


def style(css: str = "p{}") -> Answer:
    return answer(css, "text/css")


def away(location: str, status: int = 302) -> Answer:
    return answer(status=status, location=location)


SCRIPT = answer("run()", "text/javascript")
IMAGE = answer("\x89PNG", "image/png")
MISSING = page("<h1>No such page</h1>", 404)

Site = Mapping[str, Observation]


class Visit:
    """What the check asks of a site, as a run does: all that is new, until there is nothing new; and what it says."""

    def __init__(self, site: Site, path: str = "/") -> None:
        spec = LinkedSpec(path=path)
        self.rounds: list[list[Probe]] = []
        seen: dict[Probe, Observation] = {}
        while new := [probe for probe in dict.fromkeys(CHECK.probes(spec, seen)) if probe not in seen]:
            self.rounds.append(new)
            seen |= {probe: _at(site, probe.path) for probe in new}
        self.judgement = list(CHECK.judge(spec, seen))

    @property
    def asked(self) -> list[list[str]]:
        return [[probe.path for probe in probes] for probes in self.rounds]

    @property
    def files(self) -> list[str]:
        return [path for paths in self.asked[1:] for path in paths]

    @property
    def lines(self) -> list[str]:
        return [item.line if isinstance(item, Finding) else item.text for item in self.judgement]


def _at(site: Site, path: str) -> Observation:
    found = site.get(path, site.get("*", MISSING))
    if isinstance(found, NoAnswer):
        return found
    return Answer(url=SITE + path, status=found.status, headers=found.headers, body=found.body)


def missing(names: str, what: str) -> list[str]:
    return [f"linked-missing: expected {names} to load, got {what}"]


# What is asked.


def test_the_page_is_asked_for_below_the_targets_address_and_its_files_from_the_root() -> None:
    """A page of https://example.com/app names /app.js: that is no /app/app.js."""
    visit = Visit({"/": page("<script src=/app.js></script>"), "/app.js": SCRIPT})
    assert visit.rounds == [[Probe(path="/", accept=ACCEPT)], [Probe(path="/app.js", from_root=True)]]
    assert visit.judgement == []


def test_round_by_round_and_each_file_once() -> None:
    """The page, what it names, and what its styles name: one level, for a site has no end."""
    visit = Visit(
        {
            "/": page("<link rel=stylesheet href=/a.css><script src=/app.js></script><img src=/a.png><img src=a.png>"),
            "/a.css": style("@import '/b.css';p{background:url(/a.png)}q{background:url(b.png)}"),
            "/b.css": style("p{background:url(/never.png)}"),
            "/app.js": SCRIPT,
            "/a.png": IMAGE,
            "/b.png": IMAGE,
        }
    )
    assert visit.asked == [["/"], ["/a.css", "/app.js", "/a.png"], ["/b.css", "/b.png"]]
    assert visit.judgement == []


@pytest.mark.parametrize(
    "instead",
    [
        page("<script src=/app.js></script>", 404),
        page("<script src=/app.js></script>", 203),
        away("/login"),
        NoAnswer(url=SITE, reason=Reason.TIMEOUT, text="no complete answer within 10 s"),
    ],
)
def test_a_page_that_does_not_come_is_not_looked_through(instead: Observation) -> None:
    visit = Visit({"/": instead})
    assert visit.asked == [["/"]]
    assert len(visit.judgement) == 1


# Good sites.


@pytest.mark.parametrize(
    ("html", "files"),
    [
        pytest.param("<script src=/app.js></script>", {"/app.js": answer("", "text/javascript")}, id="empty-chunk"),
        pytest.param("<link rel=stylesheet href=/a.css>", {"/a.css": answer("", "text/css")}, id="empty-style"),
        pytest.param("<script src=/app.js></script>", {"/app.js": answer("run()")}, id="no-content-type"),
        pytest.param(
            "<script src=/app.js></script>", {"/app.js": answer("run()", "application/x-javascript")}, id="old-type"
        ),
        pytest.param("<img src='/image?url=%2Fa.png'>", {"/image?url=%2Fa.png": IMAGE}, id="made-by-the-worker"),
        pytest.param("<img src=/a.png>", {"/a.png": answer("RIFF", "image/webp")}, id="polished"),
        pytest.param(
            "<script src=/latest.js></script>", {"/latest.js": away("/v2.js"), "/v2.js": SCRIPT}, id="redirect"
        ),
        pytest.param("<img src=/a>", {"/a": away("/b?v=1"), "/b?v=1": IMAGE}, id="redirect-with-a-query"),
        pytest.param("<img src=/a.png>", {"/a.png": away("https://cdn.example.net/a.png")}, id="redirect-elsewhere"),
        pytest.param("<script src=https://cdn.example.net/a.js></script><img src=/a.png>", {"/a.png": IMAGE}, id="cdn"),
        pytest.param(
            "<base href='/'><svg><use href='#a'/></svg><script src=app.js></script>", {"/app.js": SCRIPT}, id="angular"
        ),
        pytest.param("<p><noscript><img src=/pixel></noscript><img src=/a.png>", {"/a.png": IMAGE}, id="no-script"),
        pytest.param("<script src=/cdn-cgi/x.js></script><img src=/a.png>", {"/a.png": IMAGE}, id="cloudflares"),
        pytest.param(
            "<link rel=stylesheet href=/a.css>",
            {"/a.css": style("@font-face{src:url(a.eot);src:url(a.woff2),url(a.woff)}"), "/a.woff2": answer("wOF2")},
            id="fonts-for-old-browsers",
        ),
    ],
)
def test_a_page_whose_files_load(html: str, files: Site) -> None:
    visit = Visit({"/docs/a": page(html), **files}, path="/docs/a")
    assert visit.judgement == []
    assert set(visit.files) <= {*files}


def test_a_page_that_names_nothing_of_its_own_passes_with_a_warning() -> None:
    visit = Visit({"/": page("<script src=https://cdn.example.net/a.js></script>")})
    assert visit.judgement == [Remark(text="the page names no script, style or image of its own site: nothing to load")]


# Broken sites.


@pytest.mark.parametrize(
    ("html", "files", "name", "what"),
    [
        pytest.param("<script src=/app.js></script>", {}, "/app.js", "404", id="script"),
        pytest.param("<link rel=modulepreload href=/app.js>", {}, "/app.js", "404", id="preloaded"),
        pytest.param("<img src=/a.png srcset=''>", {"/a.png": answer("", status=500)}, "/a.png", "500", id="image"),
        pytest.param(
            "<script src=/app.js></script>",
            {"*": page("<div id=root></div>")},
            "/app.js",
            "an HTML page declared text/html",
            id="fallback-page",
        ),
        pytest.param(
            "<script src=/app.js></script>",
            {"/app.js": answer(FALLBACK, "text/javascript")},
            "/app.js",
            "an HTML page declared text/javascript",
            id="fallback-page-declared-a-script",
        ),
        pytest.param(
            "<link rel=stylesheet href=/a.css>",
            {"/a.css": answer("p{}", "text/plain")},
            "/a.css",
            "text/plain",
            id="type",
        ),
        pytest.param(
            "<script src=/app.js></script>",
            {"/app.js": away("/"), "/": page("Home")},
            "/app.js",
            "an HTML page declared text/html",
            id="redirect-to-the-home-page",
        ),
        pytest.param(
            "<script src=/app.js></script>", {"/app.js": away("/v2.js")}, "/app.js", "404", id="redirect-to-nothing"
        ),
        pytest.param("<script src=/app.js></script>", {"/app.js": away("http://[")}, "/app.js", "302", id="to-nowhere"),
        pytest.param(
            "<script src=/app.js></script>",
            {"/app.js": away("https://www.example.com:port/app.js")},
            "/app.js",
            "302 to https://www.example.com:port/app.js, which leads nowhere",
            id="to-a-port-that-is-none",
        ),
        pytest.param(
            "<script src=/app.js></script>",
            {"/app.js": away("javascript:run()")},
            "/app.js",
            "302 to javascript:run(), which leads nowhere",
            id="to-a-script",
        ),
        pytest.param(
            "<img src=/a.png>",
            {"/a.png": away("https://team.cloudflareaccess.com/cdn-cgi/access/login/www.example.com")},
            "/a.png",
            "302",
            id="access",
        ),
        pytest.param(
            "<img src=/a.png>",
            {"/a.png": away("/cdn-cgi/access/login/www.example.com")},
            "/a.png",
            "302",
            id="access-on-the-own-host",
        ),
        pytest.param(
            "<img src=/a.png>",
            {"/a.png": NoAnswer(url=SITE, reason=Reason.RESET, text="the connection broke")},
            "/a.png",
            "the connection broke",
            id="no-answer",
        ),
        pytest.param("<style>p{background:url(/a.png)}</style>", {}, "/a.png", "404", id="named-by-a-style-element"),
    ],
)
def test_one_file_that_does_not_load(html: str, files: Site, name: str, what: str) -> None:
    assert Visit({"/docs": page(html), **files}, path="/docs").lines == missing(name, f"1 missing: {name} ({what})")


@pytest.mark.parametrize("css", ["p{background:url(lost.png)}", "@import 'lost.png';", "@font-face{src:url(lost.png)}"])
def test_what_a_stylesheet_names_and_lost(css: str) -> None:
    visit = Visit({"/": page("<link rel=stylesheet href=/css/a.css>"), "/css/a.css": style(css)})
    assert visit.lines == missing("the 2 files that / names", "1 missing: /css/lost.png (404)")


def test_what_a_stylesheet_names_begins_where_the_stylesheet_stands_in_the_end() -> None:
    visit = Visit(
        {
            "/": page("<link rel=stylesheet href=/latest.css>"),
            "/latest.css": away("/v2/a.css"),
            "/v2/a.css": style("p{background:url(a.png)}"),
            "/v2/a.png": IMAGE,
        }
    )
    assert visit.asked == [["/"], ["/latest.css"], ["/v2/a.css"], ["/v2/a.png"]]
    assert visit.judgement == []


@pytest.mark.parametrize(
    "instead",
    [answer("p{background:url(/a.png)}", "text/plain"), answer("p{background:url(/a.png)}", "text/css", 404)],
)
def test_what_is_no_stylesheet_is_not_looked_through(instead: Answer) -> None:
    assert Visit({"/": page("<link rel=stylesheet href=/a.css>"), "/a.css": instead}).files == ["/a.css"]


def test_many_missing_are_counted_and_eight_are_named() -> None:
    (line,) = Visit({"/": page("".join(f"<img src=/{number}.png>" for number in range(12))), "/3.png": IMAGE}).lines
    assert line.startswith("linked-missing: expected the 12 files that / names to load, got 11 missing: /0.png (404), ")
    assert line.endswith(", /8.png (404) and 3 more")
    eight = Visit({"/": page("".join(f"<img src=/{number}.png>" for number in range(8)))}).lines[0]
    assert eight.endswith(", /7.png (404)")


@pytest.mark.parametrize(
    ("instead", "line"),
    [
        pytest.param(answer("", "text/html", 404), "linked-missing: expected 200, got 404", id="the-incident"),
        pytest.param(away("/login"), "linked-missing: expected 200, got 302 to /login", id="redirect"),
        pytest.param(
            answer("", "text/html"),
            "linked-missing: expected an HTML page to look through, got an empty body",
            id="empty",
        ),
        pytest.param(
            SCRIPT,
            "linked-missing: expected an HTML page to look through, got content type text/javascript",
            id="no-page",
        ),
        pytest.param(
            away("https://example.net/"),
            "redirect-elsewhere: expected 200, got 302 to https://example.net",
            id="elsewhere",
        ),
        pytest.param(answer("", status=429), "rate-limited: expected 200, got 429", id="turned-away"),
        pytest.param(
            NoAnswer(url=SITE, reason=Reason.REFUSED, text="refused"),
            "unreachable: expected 200, got refused",
            id="no-answer",
        ),
    ],
)
def test_a_page_that_cannot_be_looked_through(instead: Observation, line: str) -> None:
    assert Visit({"/": instead}).lines == [line]


# Hostile sites.


#: Every address leads one further, for longer than anyone would follow.
ENDLESS: Site = {f"/{number}.js": away(f"/{number + 1}.js") for number in range(1_000)}


@pytest.mark.parametrize(
    ("site", "asked"),
    [
        ({"/": page("<script src=/0.js></script>"), **ENDLESS}, [[f"/{number}.js"] for number in range(5)]),
        (
            {"/": page("<script src=/0.js></script>"), "/0.js": away("/b.js"), "/b.js": away("/0.js")},
            [["/0.js"], ["/b.js"]],
        ),
        ({"/": page("<script src=/0.js></script>"), "/0.js": away("/0.js")}, [["/0.js"]]),
    ],
    ids=["ever-further", "two-in-a-circle", "to-itself"],
)
def test_redirects_without_end(site: Site, asked: list[list[str]]) -> None:
    visit = Visit(site)
    assert visit.asked[1:] == asked
    assert visit.lines == missing("/0.js", "1 missing: /0.js (redirects without end)")


def test_four_redirects_are_followed() -> None:
    ways: Site = {f"/{number}.js": away(f"/{number + 1}.js") for number in range(4)}
    assert Visit({"/": page("<script src=/0.js></script>"), **ways, "/4.js": SCRIPT}).judgement == []


LIMITED = [Remark(text="only the first 500 of the files that the page names were looked at")]


def test_of_ten_thousand_images_five_hundred_are_asked_for_once_each() -> None:
    visit = Visit({"/": page("".join(f"<img src=/{number}.png>" for number in range(10_000))), "*": IMAGE})
    assert visit.files == [f"/{number}.png" for number in range(500)]
    assert visit.judgement == LIMITED


def test_of_ten_thousand_images_of_a_stylesheet_too() -> None:
    css = "".join(f"p{{background:url(/{number}.png)}}" for number in range(10_000))
    visit = Visit({"/": page("<link rel=stylesheet href=/a.css>"), "/a.css": style(css), "*": IMAGE})
    assert visit.files == ["/a.css", *(f"/{number}.png" for number in range(499))]
    assert visit.judgement == LIMITED


def test_just_below_the_limit_nothing_is_left_out() -> None:
    visit = Visit({"/": page("".join(f"<img src=/{number}.png>" for number in range(499))), "*": IMAGE})
    assert len(visit.files) == 499
    assert visit.judgement == []


def test_styles_that_import_each_other() -> None:
    visit = Visit(
        {
            "/": page("<link rel=stylesheet href=/a.css><link rel=stylesheet href=/b.css>"),
            "/a.css": style("@import '/b.css';@import '/a.css';"),
            "/b.css": style("@import '/a.css';"),
        }
    )
    assert visit.asked == [["/"], ["/a.css", "/b.css"]]
    assert visit.judgement == []


@pytest.mark.parametrize("broken", ["http://[", "//[::1", "https://www.example.com:port/a.js", "\\\\", "%", "/%zz?#"])
def test_broken_addresses_harm_nothing(broken: str) -> None:
    html = f"<script src='{broken}'></script><script src=/app.js></script><link rel=stylesheet href=/a.css>"
    visit = Visit(
        {"/": page(html), "/app.js": SCRIPT, "/a.css": style(f"p{{background:url('{broken}')}}"), "*": SCRIPT}
    )
    assert "/app.js" in visit.files
    assert visit.judgement == []


def test_a_file_whose_name_a_secret_was_struck_out_of_is_not_asked_for() -> None:
    """A password may be a word, `demo`, and `/demo/app.js` is no address then; in a report a token in a query is."""
    visit = Visit(
        {"/": page("<script src=/***/app.js></script><script src=/b.js?token=***></script>"), "/b.js?token=***": SCRIPT}
    )
    assert visit.asked == [["/"], ["/b.js?token=***"]]
    assert visit.judgement == [Remark(text="a file whose name holds a secret of the headers was not looked at")]


def test_nor_is_one_that_a_stylesheet_names_and_that_is_said_too() -> None:
    visit = Visit({"/": page("<link rel=stylesheet href=/a.css>"), "/a.css": style("p{background:url(/x***/b.png)}")})
    assert visit.asked == [["/"], ["/a.css"]]
    assert visit.judgement == [Remark(text="a file whose name holds a secret of the headers was not looked at")]
