"""`test_same_as`: what two deployments must share, and what differs between any two answers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote

import pytest

from pytest_pagesmoke.checks.page import ACCEPT
from pytest_pagesmoke.checks.same_as import SameAsCheck, SameAsSpec
from pytest_pagesmoke.model import Answer, Finding, Hop, NoAnswer, Observation, Probe, Reason, Remark

HERE, THERE = "https://www.example.com", "https://5be8c75c.example.pages.dev"
CHECK = SameAsCheck()
PAGE = "<!doctype html><title>Example</title><h1>Example</h1><p>build 0001</p><a href='/login'>Sign in</a>"


def answer(
    body: str = "", status: int = 200, media_type: str = "text/html", *, there: bool = False, **headers: str
) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(
        url=f"{THERE if there else HERE}/",
        status=status,
        body=body.encode(),
        headers={"content-type": media_type, **named},
    )


def spec(path: str = "/", *, as_file: bool = False, with_named: bool = False) -> SameAsSpec:
    probe = Probe(path=path, accept=ACCEPT)
    return SameAsSpec(probe=probe, reference=THERE, as_file=as_file, with_named=with_named, past_cache="fresh=1")


Given = Mapping[str, Observation]


def time_and_again(first: Observation, more: Observation | Sequence[Observation] | None) -> list[Observation]:
    """Five answers: ``more`` in turn after the ``first``, which stays where there are none."""
    given = [first] if more is None else [more] if isinstance(more, Answer | NoAnswer) else [*more]
    return [first, *(given * 4)[:4]]


def judged(
    here: Observation,
    there: Observation,
    *,
    again: Observation | Sequence[Observation] | None = None,
    there_again: Observation | Sequence[Observation] | None = None,
    named: Given | None = None,
    named_there: Given | None = None,
    past: Given | None = None,
    of: SameAsSpec | None = None,
) -> list[Finding | Remark]:
    """The judgement on two answers; ``named`` files are answered by their paths, what is asked ``past`` a cache by the whole path."""
    of = of or spec()
    files, files_there, uncached = named or {}, named_there or {}, past or {}
    seen: dict[Probe, Observation] = {}
    while missing := [probe for probe in CHECK.probes(of, seen) if probe not in seen]:
        for probe in missing:
            if probe.path in uncached:
                seen[probe] = uncached[probe.path]
            elif probe.path != of.probe.path:
                seen[probe] = (files_there if probe.of_reference else files)[probe.path]
            elif probe.of_reference:
                seen[probe] = time_and_again(there, there_again)[probe.again]
            else:
                seen[probe] = time_and_again(here, again)[probe.again]
    return list(CHECK.judge(of, seen))


def protected(address: str, key: int = 0x5C) -> str:
    """The address as Cloudflare protects it: mixed with a key, which comes first."""
    mixed = bytes([key, *(byte ^ key for byte in address.encode())]).hex()
    return (
        f'<a href="/cdn-cgi/l/email-protection" class="__cf_email__" data-cfemail="{mixed}">[email&#160;protected]</a>'
    )


def pages(here: str, there: str, here_again: str | Sequence[str] = "", there_again: str = "") -> list[str]:
    """The findings for two pages, in a line each; ``here_again`` is another, or four more."""
    more = [here_again or here] if isinstance(here_again, str) else here_again
    found = judged(
        answer(here), answer(there, there=True),
        again=[*map(answer, more)], there_again=answer(there_again or there, there=True),
    )  # fmt: skip
    return [item.actual for item in found if isinstance(item, Finding)]


class TestPages:
    def test_the_same(self) -> None:
        assert pages(PAGE, PAGE) == []

    def test_another_text(self) -> None:
        (found,) = judged(answer(PAGE), answer(PAGE.replace("0001", "0002"), there=True))
        assert isinstance(found, Finding)
        assert (
            found.line
            == f"same-as-differs: expected what {THERE} serves, got another text: 'build 0001' in place of 'build 0002'"
        )
        assert found.diff == ("- build 0002", "+ build 0001")
        assert found.other_build

    def test_another_title(self) -> None:
        assert pages(PAGE, PAGE.replace("<title>Example", "<title>Other")) == ["another title: 'Example'"]

    def test_other_links(self) -> None:
        found = judged(answer(PAGE), answer(PAGE.replace("/login", "/sign-in"), there=True))
        assert isinstance(found[0], Finding)
        assert found[0].actual == "names other addresses of its own site: /login"
        assert found[0].diff == ("- /sign-in", "+ /login")
        assert pages(PAGE, PAGE + "<img src=/a.png>") == ["names other addresses of its own site: /a.png"]

    def test_a_script_of_another_build(self) -> None:
        assert pages(PAGE + "<script src=/a.1f2e.js></script>", PAGE + "<script src=/a.9d8c.js></script>")

    def test_another_page_altogether(self) -> None:
        text = "<p>" + " ".join(f"word{number}" for number in range(20_000))
        assert pages(text, text.replace("word", "other"))[0] == "another text altogether"

    @pytest.mark.parametrize(
        ("here", "there"),
        [
            pytest.param("<script nonce=a1>", "<script nonce=b2>", id="a nonce"),
            pytest.param("<input type=hidden name=csrf value=a1>", "<input type=hidden name=csrf value=b2>", id="a token"),
            pytest.param("<a href='/x?t=1'>x</a>", "<a href='/x?t=2'>x</a>", id="a token in a link"),
            pytest.param("<p>at 10:31:02", "<p>at 10:31:03", id="a time"),
            pytest.param("<p>at 2026-11-26T10:31:02Z", "<p>at 2026-11-26T11:31:04.123+01:00", id="an ISO time"),
            pytest.param("<p>took 12ms", "<p>took 7.5ms", id="a duration"),
            pytest.param("<p>1800000000", "<p>1800000012", id="an epoch"),
            pytest.param("<p>Write to me@example.com.", f"<p>Write to {protected('me@example.com')}.", id="an address"),
            pytest.param("<p>(or:me@example.com)", f"<p>(or:{protected('me@example.com')})", id="an address within a word"),
            pytest.param("<p>npm i left@1.3.0", f"<p>npm i {protected('left@1.3.0')}", id="what the zone takes for an address"),
            pytest.param(protected("me@example.com", 7), protected("me@example.com", 99), id="protected with two keys"),
            pytest.param(protected("me@example.com") + "!", "<span data-cfemail=0011>[email&#160;protected]</span>!", id="one cannot be read"),
            pytest.param("<p>See (me+x@mail.example.com).", "<p>See (<span data-cfemail=xy>[email&#160;protected]</span>).", id="no hexadecimal"),
            pytest.param("<p>me@example.com!", "<p><span data-cfemail>[email&#160;protected]</span>!", id="nothing at all"),
            pytest.param("<a href='https://www.example.com/x'>x</a>", "<a href='https://5be8c75c.example.pages.dev/x'>x</a>", id="its own host"),
            pytest.param("<a href='https://www.example.com/x'>x</a>", "<a href='/x'>x</a>", id="its own host, or none"),
            pytest.param("<script src=/cdn-cgi/scripts/0/email-decode.min.js></script>", "", id="a script of the zone"),
            pytest.param("<script defer src=https://static.cloudflareinsights.com/beacon.min.js></script>", "", id="a beacon"),
            pytest.param("<!-- a -->", "<!-- b -->", id="a comment"),
        ],
    )  # fmt: skip
    def test_what_differs_by_nature(self, here: str, there: str) -> None:
        assert pages(PAGE + here, PAGE + there) == []
        assert pages(PAGE + there, PAGE + here) == []

    def test_another_address(self) -> None:
        shown = ["another text: 'to you@example.com' in place of 'to me@example.com'"]
        for here in ("you@example.com", protected("you@example.com")):
            for there in ("me@example.com", protected("me@example.com")):
                assert pages(f"<p>to {here}", f"<p>to {there}") == shown

    def test_a_million_letters_are_no_address(self) -> None:
        hidden = "<span data-cfemail=00></span>"
        assert pages("<p>" + "a" * 1_000_000 + hidden, "<p>" + "b" * 1_000_000 + hidden)

    def test_what_a_side_says_differently_each_time(self) -> None:
        one, two, *more = (f"{PAGE}<p>visitor {number}</p>" for number in (17, 18, 19, 20, 21))
        three = PAGE + "<p>visitor 99</p>"
        assert pages(one, three) == ["another text: 'visitor 17' in place of 'visitor 99'"]
        assert pages(one, three, here_again=[two, *more]) == []
        assert pages(one, three, there_again=two) == []

    def test_two_wrong_builds_in_turn_are_no_natural_change(self) -> None:
        for right, one, other in (("0001", "0002", "0003"), (">Example<", ">A<", ">B<"), ("/login", "/in", "/sign-in")):
            assert pages(PAGE.replace(right, one), PAGE, here_again=[PAGE.replace(right, two) for two in (other, one)])
        assert values('{"v":1}', '{"v":3}', here_again=['{"v":2}', '{"v":1}'])

    @pytest.mark.parametrize("same", [0, 1])
    def test_one_answer_that_is_right_excuses_no_other(self, same: int) -> None:
        """On an edge that is both, one answer is of the old deployment, and the next of the new one."""
        old = PAGE.replace("0001", "0000").replace("/login", "/sign-in").replace("Example<", "Sample<")
        here, again = ((PAGE, old), (old, PAGE))[same]
        (said,) = pages(here, PAGE, here_again=again)
        assert said.endswith(f" ({(4, 1)[same]} of 5 answers)")
        (said,) = pages(old, PAGE)
        assert "answers" not in said
        assert pages(here, PAGE + "<i>7", here_again=again, there_again=PAGE + "<i>8")
        assert values('{"a":1}', '{"a":1}', here_again='{"a":2}')
        for other in (
            answer("", 503),
            NoAnswer(url=HERE, reason=Reason.RESET, text="it broke"),
            answer(PAGE, media_type="text/plain"),
        ):
            (found,) = judged(answer(PAGE), answer(PAGE, there=True), again=other)
            assert isinstance(found, Finding)

    @pytest.mark.parametrize(
        ("here", "there"),
        [
            ("<p>Request {}</p>", "<p>Request {}</p><main>" + "much to read " * 150 + "</main>"),
            ("<p>Visitors today: {} FATAL: no database</p>", "<p>Visitors today: {}</p>"),
            ("<p>Visitors today: {}</p>", "<p>Visitors today: {} all is well</p>"),
            ("<p>{} broken {}</p>", "<p>{} healthy {}</p>"),
            ("<p>no id</p>", "<p>no id {}</p>"),
        ],
    )
    def test_nor_what_stands_beside(self, here: str, there: str) -> None:
        one, two, three, four = (
            text.format(number, number) for text, number in ((here, 17), (here, 18), (there, 8), (there, 9))
        )
        assert pages(one, three, here_again=two, there_again=four)
        assert pages(one, three, here_again=two) or "{}" not in here

    def test_what_comes_in_another_order_each_time(self) -> None:
        one, two, three, four = ("<p>" + order for order in ("a b c d e", "c a e b d", "e d c b a", "b d a e c"))
        assert pages(one, three, here_again=two, there_again=four) == []
        assert pages(one.replace("a", "x"), three, here_again=two, there_again=four)
        assert pages(one, three)

    def test_what_changes_at_both_ends_of_a_long_page(self) -> None:
        page = "<p>Request {}</p>" + "word " * 20_000 + "<p>Error id {}</p>"
        one, two, three, four = (page.format(number, number) for number in (1, 2, 3, 4))
        assert pages(one, three, here_again=two, there_again=four) == []
        changed = one.replace("word word", "word other", 1)
        assert pages(changed, three, here_again=two, there_again=four)

    def test_its_own_host_in_words_and_values(self) -> None:
        assert pages(f"<p>Share {HERE}/a", f"<p>Share {THERE}/a") == []
        assert pages(f"<p>Share {HERE}/a", f"<p>Share {HERE}/a") == []
        assert pages(f"<p>Share {HERE}/a", f"<p>Share {THERE}/b")
        assert values(f'{{"self":"{HERE}/api"}}', f'{{"self":"{THERE}/api"}}') == []

    @pytest.mark.parametrize(
        "form", [lambda url: url, lambda url: quote(url, safe=""), lambda url: quote(url, safe="").replace("%3A", "%3a").replace("%2F", "%2f")]
    )  # fmt: skip
    def test_its_own_host_within_another_address(self, form: Callable[[str], str]) -> None:
        """As a login is told where to come back to."""
        here, there = "http://127.0.0.1:8788", THERE

        def to(back: str) -> Answer:
            return answer("", 302, location=f"https://login.example/in?back={form(back + '/cb')}")

        def value(back: str) -> Answer:
            return answer(
                f'{{"login":"https://login.example/in?back={form(back + "/cb")}"}}', media_type="application/json"
            )

        for of in (to, value):
            one, other = replace(of(here), url=f"{here}/"), replace(of(there), url=f"{there}/")
            assert judged(one, other) == []
            assert judged(replace(of("https://evil.example"), url=f"{here}/"), other)

    @pytest.mark.parametrize(
        ("own", "its"),
        [
            ("https://example.com", "https://www.example.com"),
            ("https://www.example.com", "https://example.com"),
            ("https://example.pages.dev", "https://5be8c75c.example.pages.dev"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:30001"),
        ],
    )
    def test_an_own_host_that_is_a_part_of_the_other(self, own: str, its: str) -> None:
        def site(url: str) -> list[Answer]:
            back = quote(f"{url}/cb", safe="")
            found = (
                answer(f"<p>We are {url}/home and {url.partition('//')[2]}."),
                answer(f'{{"self":"{url}/api"}}', media_type="application/json"),
                answer("", 302, location=f"https://idp.example/in?back={back}"),
                answer(f"<urlset><loc>{url}/</loc></urlset>", media_type="application/xml"),
            )
            return [replace(one, url=f"{url}/") for one in found]

        for here, there in zip(site(own), site(its), strict=True):
            assert judged(here, there) == []
            assert judged(here, there, of=spec(as_file=here.media_type == "application/xml")) == []

    def test_another_host_is_not_its_own(self) -> None:
        here, there = "https://example.com", "https://www.example.com"
        for named in (
            "blog.example.com",
            "example.com.evil.example",
            "example.community",
            "my-example.com",
            "example.com:8443",
        ):
            one, other = (
                replace(answer(f"<p>See {text}"), url=f"{url}/")
                for text, url in ((named, here), (named.replace("example.com", "www.example.com"), there))
            )
            assert judged(one, other)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("<input type=submit value='Buy now'>", "<input type=submit value='Delete account'>"),
            ("<img srcset='/a.1.png 1x, /a.1b.png 2x'>", "<img srcset='/a.2.png 1x, /a.1b.png 2x'>"),
            ("<picture><source srcset=/a.1.webp></picture>", "<picture><source srcset=/a.2.webp></picture>"),
            ("<iframe src=/one></iframe>", "<iframe src=/two></iframe>"),
            ("<video src=/one></video>", "<video src=/two></video>"),
            ("<button formaction=/one>a</button>", "<button formaction=/two>a</button>"),
        ],
    )
    def test_whatever_a_visitor_sees(self, one: str, other: str) -> None:
        assert pages(PAGE + one, PAGE + one) == []
        assert pages(PAGE + one, PAGE + other)

    def test_what_a_visitor_wrote_is_none_of_it(self) -> None:
        one, other = (f"{PAGE}<input value={text}><input type=hidden value={text}>" for text in ("a", "b"))
        assert pages(one, other) == []

    def test_what_is_in_an_encoding_that_is_not_known(self) -> None:
        one, other = (
            replace(answer(), body=b"<p>" + text.encode("iso-8859-7")) for text in ("\u03b1\u03b2", "\u03b3\u03b4")
        )
        assert judged(one, replace(one, url=f"{THERE}/")) == []
        assert judged(one, replace(other, url=f"{THERE}/"))

    def test_two_tokens_are_told_apart_and_not_shown(self) -> None:
        before = "x" * 90
        for one, other in (
            (f"{before} /in?token=abcdefgh1", f"{before} /in?token=abcdefgh2"),
            (f"{before} https://me:abcdefgh1@x.example", f"{before} https://me:abcdefgh2@x.example"),
            ("/in?token=" + "abcdefgh" * 20, "/in?token=" + "abcdefgh" * 20 + "1"),
        ):
            (found,) = values(f'{{"a":"{one}"}}', f'{{"a":"{other}"}}')
            assert "abc" not in f"{found.actual} {found.diff}"
            assert found.diff[1].endswith(" (another token)")
            assert not found.diff[0].endswith(" (another token)")

    def test_long_lines_are_cut_around_what_differs(self) -> None:
        (found,) = values(f'{{"a":"{"x" * 300}1{"y" * 300}"}}', f'{{"a":"{"x" * 300}2{"y" * 300}"}}')
        assert found.diff[0] != found.diff[1]
        assert "1yy" in found.diff[1]

    @pytest.mark.parametrize(
        "failed",
        [
            answer("<h1>Service Unavailable</h1>", 503, there=True),
            answer('{"error": "busy"}', media_type="application/json", there=True),
            NoAnswer(url=THERE, reason=Reason.TIMEOUT, text="no complete answer when the time was up"),
        ],
    )
    def test_from_an_answer_that_failed_nothing_is_learned(self, failed: Observation) -> None:
        (found,) = judged(answer(PAGE.replace("0001", "0002")), answer(PAGE, there=True), there_again=failed)
        assert isinstance(found, Finding)

    def test_that_hides_nothing_else(self) -> None:
        one, *more = (f"{PAGE}<p>visitor {number}</p>" for number in (17, 18, 19, 20, 21))
        other = PAGE.replace("0001", "0002") + "<p>visitor 99</p>"
        assert pages(one, other, here_again=more) == ["another text: 'build 0001' in place of 'build 0002'"]

    def test_links_that_change_each_time(self) -> None:
        one, *more = (f"{PAGE}<a href='/ad/{number}'>x</a>" for number in (1, 2, 5, 6, 7))
        three, four = (f"{PAGE}<a href='/ad/{number}'>x</a>" for number in (3, 4))
        assert pages(one, three, here_again=more, there_again=four) == []

    def test_that_the_zone_changed_the_page_is_said(self) -> None:
        mail = "<a href='mailto:me@example.com'>me@example.com</a>"
        for rewritten, compared in (
            (protected("me@example.com"), True),
            ("<span data-cfemail=00>[email&#160;protected]</span>", False),
        ):
            for one, other in ((mail, rewritten), (rewritten, mail)):
                (remark,) = judged(answer(one), answer(other, there=True))
                assert isinstance(remark, Remark)
                assert "on one side (email-protection)" in remark.text
                assert ("not compared" in remark.text) is not compared

    def test_an_error_page_is_compared_as_well(self) -> None:
        one, other = answer("<!doctype html><p>Gone", 404), answer("<!doctype html><p>Lost", 404, there=True)
        assert judged(one, replace(one, url=f"{THERE}/")) == []
        assert judged(one, other)


class TestWhatIsExact:
    def test_the_status(self) -> None:
        (found,) = judged(answer(PAGE, 404), answer(PAGE, there=True))
        assert isinstance(found, Finding)
        assert (found.actual, found.diff) == ("404, and there 200", ("- 200", "+ 404"))
        assert not found.other_build  # it may simply be broken

    def test_the_type(self) -> None:
        (found,) = judged(answer(PAGE, media_type="text/plain"), answer(PAGE, there=True))
        assert isinstance(found, Finding)
        assert found.actual == "content type text/plain"
        assert judged(answer(PAGE, media_type="text/html; charset=utf-8"), answer(PAGE, there=True)) == []

    @pytest.mark.parametrize(
        ("here", "there", "same"),
        [
            ("/new", "/new", True),
            ("https://www.example.com/new", "https://5be8c75c.example.pages.dev/new", True),
            ("/new", "https://5be8c75c.example.pages.dev/new", True),
            ("/new", "/newer", False),
            ("/new?a=1", "/new?a=2", False),
            ("https://www.example.com/new", "https://www.example.com/new", True),  # the canonical one, here and there
            ("https://www.example.com/new", "https://other.example.com/new", False),
        ],
    )
    def test_a_redirect(self, here: str, there: str, *, same: bool) -> None:
        found = judged(answer("", 302, location=here), answer("", 302, there=True, location=there))
        assert (found == []) is same

    def test_a_redirect_with_a_token_of_its_own_each_time(self) -> None:
        one, two, three, four = (answer("", 302, location=f"/login?state={state}&next=/a") for state in "abcd")
        assert judged(one, three, again=two, there_again=four) == []
        others = [answer("", 302, location=f"/sign-in?state={state}&next=/a") for state in "cd"]
        assert judged(one, others[0], again=two, there_again=others[1])

    @pytest.mark.parametrize("status", [200, 404])
    def test_a_page_in_place_of_a_file(self, status: int) -> None:
        one, two = (answer(f"<!doctype html><p>Not here<script>{nonce}</script>", status) for nonce in "ab")
        assert judged(one, two, of=spec("/old.js", as_file=True)) == []
        other = judged(one, answer("<!doctype html><p>Other", status), of=spec("/old.js", as_file=True))
        assert bool(other) is (status == 200)  # what says that it is gone is no file

    def test_a_redirect_that_was_followed(self) -> None:
        hop = Hop(status=308, url=f"{HERE}/login/", location="/login")
        tidied = replace(answer(PAGE), hops=(hop,), url=f"{HERE}/login")
        there = replace(answer(PAGE, there=True), hops=(hop,), url=f"{THERE}/login")
        assert judged(tidied, there) == []
        assert judged(tidied, answer(PAGE, there=True))

    def test_an_image_that_a_zone_re_encodes(self) -> None:
        image, of = answer("PNG 1", media_type="image/png"), spec("/logo.png", as_file=True)
        smaller = answer("PNG 2", media_type="image/png", cf_polished="origSize=9573")
        text = f"not compared with {THERE}: /logo.png (the zone re-encodes this image, cf-polished: origSize=9573)"
        assert judged(smaller, replace(image, url=f"{THERE}/"), of=of) == [Remark(text=text)]
        assert judged(image, replace(smaller, url=f"{THERE}/"), of=of) == [Remark(text=text)]
        assert judged(image, replace(image, url=f"{THERE}/"), of=of) == []
        assert isinstance(judged(replace(smaller, status=404), image, of=of)[0], Finding)

    @pytest.mark.parametrize("as_file", [True, False])
    def test_rules_that_a_zone_puts_before_those_for_robots(self, as_file: bool) -> None:
        own = "User-agent: *\nDisallow: /drafts\n"
        managed = "# Signals\n# BEGIN Cloudflare Managed content\nDisallow: /\n# END Cloudflare Managed Content\n\n"
        of = spec("/robots.txt", as_file=as_file)
        plain, longer = answer(own, media_type="text/plain"), answer(managed + own, media_type="text/plain")
        assert judged(longer, plain, of=of) == judged(plain, longer, of=of) == judged(longer, longer, of=of) == []
        assert judged(longer, answer(own + "Allow: /\n", media_type="text/plain"), of=of)
        assert judged(longer, answer("", media_type="text/plain"), of=of)

    def test_a_file_by_its_bytes(self) -> None:
        script = "application/javascript"
        one, other = answer("let a=1", media_type=script), answer("let a=2", media_type=script, there=True)
        (found,) = judged(one, other, of=spec("/static/app.js", as_file=True))
        assert isinstance(found, Finding)
        assert found.line.startswith(f"same-as-differs: expected what {THERE}/static/app.js serves, got other bytes")
        there_sum, here_sum = (hashlib.sha256(body).hexdigest()[:12] for body in (other.body, one.body))
        assert found.diff == (f"- 7 bytes, sha256 {there_sum}", f"+ 7 bytes, sha256 {here_sum}")
        assert judged(one, replace(one, url=THERE), of=spec("/static/app.js", as_file=True)) == []
        probes = list(CHECK.probes(spec("/static/app.js", as_file=True), {}))
        assert len(probes) == 2  # a file is the same each time


def values(here: str, there: str, here_again: str | Sequence[str] = "", there_again: str = "") -> list[Finding]:
    kind = "application/json"
    more = [here_again or here] if isinstance(here_again, str) else here_again
    found = judged(
        answer(here, media_type=kind), answer(there, media_type=kind, there=True),
        again=[answer(one, media_type=kind) for one in more], there_again=answer(there_again or there, media_type=kind, there=True),
    )  # fmt: skip
    return [item for item in found if isinstance(item, Finding)]


class TestValues:
    def test_the_same_in_another_order(self) -> None:
        assert values('{"a":1,"b":[1,2]}', '{"b": [1, 2], "a": 1}') == []

    def test_another_value(self) -> None:
        (found,) = values('{"version":"1.0.0","db":{"ok":true}}', '{"version":"1.0.1","db":{"ok":true}}')
        assert found.actual == 'version is "1.0.0", and there "1.0.1"'
        assert found.diff == ('- version: "1.0.1"', '+ version: "1.0.0"')

    def test_one_that_is_missing(self) -> None:
        (found,) = values('{"a":1}', '{"a":1,"b":{"c.d":null}}')
        assert found.diff == ('- b."c.d": null', '+ b."c.d": (absent)')

    def test_a_list_by_its_length_first(self) -> None:
        (found,) = values('{"a":[0,1,2]}', '{"a":[1,2]}')
        assert found.actual == "a is a list of 3, and there a list of 2, and 3 more"

    @pytest.mark.parametrize(("here", "there"), [("1", "2"), ("[]", "{}"), ('"a"', "null"), ("[1]", "[1,2]")])
    def test_whatever_it_is(self, here: str, there: str) -> None:
        assert values(here, there)

    def test_times_differ(self) -> None:
        assert values('{"at":"2026-11-26T10:00:00Z","took":"3ms"}', '{"at":"2026-11-26T10:00:01Z","took":"12ms"}') == []
        assert values('{"at":"2026-11-26T10:00:00Z"}', '{"at":null}')

    @pytest.mark.parametrize(
        ("here", "there"),
        [
            ("2026-11-20", "2026-11-26"),
            ("2026-11-20T08:00:00Z", "2026-11-26T08:00:00Z"),
            ("5s", "30s"),
            ("1763625600", "1764144000"),
        ],
    )
    def test_but_not_those_of_two_builds(self, here: str, there: str) -> None:
        assert values(f'{{"of":"{here}"}}', f'{{"of":"{there}"}}')
        assert pages(f"<p>Version {here}", f"<p>Version {there}")

    def test_what_a_side_says_differently_each_time(self) -> None:
        assert values('{"id":"a1"}', '{"id":"b7"}')
        more = [f'{{"id":"a{number}","v":1}}' for number in (2, 3, 4, 5)]
        assert values('{"id":"a1","v":1}', '{"id":"b7","v":1}', here_again=more) == []
        assert values('{"id":"a1"}', '{"id":"b7"}', there_again='{"id":"b8"}') == []
        (found,) = values('{"id":"a1","v":1}', '{"id":"b7","v":2}', here_again=more)
        assert found.actual == "v is 1, and there 2"

    def test_text_by_its_words(self) -> None:
        plain = "text/plain"
        one = answer("OK at 10:00:00", media_type=plain)
        assert judged(one, answer("OK at 10:00:07", media_type=plain, there=True)) == []
        assert judged(one, answer("FAIL at 10:00:07", media_type=plain, there=True))


class TestTheFilesOfAPage:
    HOME = PAGE + "<script src=/app.js></script><link rel=stylesheet href=/site.css><img src=/logo.png>"
    FILE = answer("let a=1", media_type="application/javascript")
    STYLE = answer("p{}", media_type="text/css")
    FILES: Mapping[str, Observation] = {"/app.js": FILE, "/site.css": STYLE}

    def test_its_scripts_and_styles_are_compared_and_nothing_else(self) -> None:
        home, there = answer(self.HOME), answer(self.HOME, there=True)
        assert judged(home, there, named=self.FILES, named_there=self.FILES, of=spec(with_named=True)) == []

    def test_one_that_differs(self) -> None:
        other = {**self.FILES, "/app.js": answer("let a=2", media_type="application/javascript", there=True)}
        home, there = answer(self.HOME), answer(self.HOME, there=True)
        (found,) = judged(home, there, named=self.FILES, named_there=other, of=spec(with_named=True))
        assert isinstance(found, Finding)
        assert found.actual == "/app.js: other bytes"

    def test_one_that_is_missing_here(self) -> None:
        gone = {**self.FILES, "/app.js": answer("", 404)}
        home, there = answer(self.HOME), answer(self.HOME, there=True)
        (found,) = judged(home, there, named=gone, named_there=self.FILES, of=spec(with_named=True))
        assert isinstance(found, Finding)
        assert found.actual == "/app.js: 404, and there 200"

    def test_one_that_did_not_load_here(self) -> None:
        broken: Given = {**self.FILES, "/app.js": NoAnswer(url=HERE, reason=Reason.RESET, text="it broke")}
        home, there = answer(self.HOME), answer(self.HOME, there=True)
        (found,) = judged(home, there, named=broken, named_there=self.FILES, of=spec(with_named=True))
        assert isinstance(found, Finding)
        assert found.actual == "/app.js: it broke"

    def test_one_that_the_reference_did_not_answer_is_said(self) -> None:
        silent: Given = {**self.FILES, "/app.js": NoAnswer(url=THERE, reason=Reason.TIMEOUT, text="no answer in time")}
        home, there = answer(self.HOME), answer(self.HOME, there=True)
        (remark,) = judged(home, there, named=self.FILES, named_there=silent, of=spec(with_named=True))
        assert isinstance(remark, Remark)
        assert "/app.js (no answer in time)" in remark.text


class TestACache:
    OLD, NEW = PAGE, PAGE.replace("0001", "0002")

    def found(self, past: Answer) -> Finding:
        cached = answer(self.OLD, cf_cache_status="HIT", age="32963")
        (found,) = judged(cached, answer(self.NEW, there=True), past={"/?fresh=1": past})
        assert isinstance(found, Finding)
        return found

    def test_only_the_cache_is_old(self) -> None:
        found = self.found(answer(self.NEW))
        assert (found.only_cached, found.other_build) == (True, False)
        assert found.hint == "a cache answers with another copy: asked past it, the deployment serves the same"

    def test_the_deployment_is_wrong_as_well(self) -> None:
        found = self.found(answer(self.OLD))
        assert (found.only_cached, found.other_build) == (False, True)
        assert found.hint == "a cache answered, but what is behind it differs as well"

    @pytest.mark.parametrize("body", [OLD, NEW])
    def test_a_cache_that_cannot_be_passed_proves_nothing(self, body: str) -> None:
        found = self.found(answer(body, cf_cache_status="HIT", age="5"))
        assert (found.only_cached, found.other_build) == (False, False)
        assert found.hint == "a cache answers, also to a query that it cannot know: what is behind it cannot be seen"

    def test_files_that_only_an_old_copy_of_the_page_names_are_not_to_blame(self) -> None:
        old, new = (page + f"<script src=/app.{name}.js></script>" for page, name in ((self.OLD, "1"), (self.NEW, "2")))
        script, gone = answer("run()", media_type="text/javascript"), answer("", 404)
        files: Given = {"/app.1.js": script, "/app.2.js": script}
        (found,) = judged(
            answer(old, cf_cache_status="HIT", age="90"), answer(new, there=True),
            named=files, named_there={**files, "/app.1.js": gone}, past={"/?fresh=1": answer(new)}, of=spec(with_named=True),
        )  # fmt: skip
        assert isinstance(found, Finding)
        assert found.only_cached

    def test_a_file_that_the_right_page_names_is_to_blame(self) -> None:
        old, new = (page + "<script src=/app.js></script>" for page in (self.OLD, self.NEW))
        (found,) = judged(
            answer(old, cf_cache_status="HIT", age="90"), answer(new, there=True),
            named={"/app.js": answer("run()", media_type="text/javascript")},
            named_there={"/app.js": answer("go()", media_type="text/javascript")},
            past={"/?fresh=1": answer(new)}, of=spec(with_named=True),
        )  # fmt: skip
        assert isinstance(found, Finding)
        assert (found.only_cached, found.other_build) == (False, True)

    def test_what_no_cache_answered_is_not_asked_past_it(self) -> None:
        (found,) = judged(answer(self.OLD), answer(self.NEW, there=True))
        assert isinstance(found, Finding)
        assert (found.only_cached, found.hint) == (False, "")

    def test_what_is_the_same_is_not_asked_past_it(self) -> None:
        assert judged(answer(self.OLD, cf_cache_status="HIT", age="5"), answer(self.OLD, there=True)) == []


class TestWithoutAnAnswer:
    @pytest.mark.parametrize(
        ("there", "said"),
        [
            (NoAnswer(url=THERE, reason=Reason.REFUSED, text="connection refused: nothing listens there"), "connection refused: nothing listens there"),
            (answer("", 302, location="https://team.cloudflareaccess.com/cdn-cgi/access/login/x"), "Cloudflare Access asks for a login first (302)"),
            (answer("", 403, cf_mitigated="challenge"), "Cloudflare challenges the visitor (403)"),
        ],
    )  # fmt: skip
    def test_of_the_reference_nothing_is_known(self, there: Observation, said: str) -> None:
        (found,) = judged(answer(PAGE), there)
        assert isinstance(found, Finding)
        assert found.line == f"same-as-differs: expected an answer of {THERE} to compare with, got {said}"

    def test_a_reference_that_fails_is_none(self) -> None:
        for status in (429, 500, 522):
            (found,) = judged(answer(PAGE), answer("", status, there=True))
            assert isinstance(found, Finding)
            assert (found.actual, found.other_build) == (str(status), False)
            assert "tells nothing of this one" in found.hint
        assert judged(answer("", 500), answer("", 500, there=True)) == []

    def test_of_the_site_the_usual_rule_says_it_first(self) -> None:
        late = NoAnswer(url=HERE, reason=Reason.TIMEOUT, text="no complete answer when the time was up")
        (found,) = judged(late, replace(late, url=THERE))
        assert isinstance(found, Finding)
        assert found.rule.id == "timeout"

    def test_of_a_site_behind_access_the_usual_rule_says_it(self) -> None:
        before = answer("", 302, location="https://team.cloudflareaccess.com/cdn-cgi/access/login/x")
        (found,) = judged(before, answer(PAGE, there=True))
        assert isinstance(found, Finding)
        assert found.rule.id == "access-login"

    def test_of_the_site_the_usual_rule_says_it(self) -> None:
        nothing = NoAnswer(url=HERE, reason=Reason.REFUSED, text="connection refused: nothing listens there")
        (found,) = judged(nothing, answer(PAGE, there=True))
        assert isinstance(found, Finding)
        assert found.rule.id == "unreachable"


class TestAReport:
    def test_what_it_does_not_hold_is_said_and_nothing_wrong(self) -> None:
        missing = NoAnswer(url=THERE, reason=Reason.NOT_RECORDED, text="the report holds no answer to GET /")
        assert judged(answer(PAGE), missing) == [
            Remark(text=f"not compared with {THERE}: the report holds no answer to GET /")
        ]

    def test_a_body_that_it_leaves_out_is_compared_by_its_digest(self) -> None:
        script = "application/javascript"
        here = answer("let a=1", media_type=script)
        for body, same in (("let a=1", True), ("let a=2", False)):
            kept = replace(answer(there=True, media_type=script), digest=hashlib.sha256(body.encode()).hexdigest())
            found = judged(here, kept, of=spec("/static/app.js", as_file=True))
            assert (found == []) is same

    @pytest.mark.parametrize(
        "media_type", ["application/json", "text/plain", "application/rss+xml", "application/octet-stream"]
    )
    def test_so_is_a_file_of_any_kind_and_what_is_no_text(self, media_type: str) -> None:
        kept = replace(answer(there=True, media_type=media_type), digest=hashlib.sha256(b"1").hexdigest())
        here, other = answer("1", media_type=media_type), answer("2", media_type=media_type)
        assert judged(here, kept, of=spec("/a", as_file=True)) == judged(here, kept, of=spec("/a")) == []
        (found,) = judged(other, kept, of=spec("/a", as_file=True))
        assert isinstance(found, Finding)
        assert found.actual == "other bytes"
        # What the site says may differ by nature, and only a text can be looked at for that.
        (found_or_not,) = judged(other, kept, of=spec("/a"))
        assert isinstance(found_or_not, Finding if media_type == "application/octet-stream" else Remark)

    def test_a_page_that_it_leaves_out_cannot_be(self) -> None:
        kept = replace(answer(there=True), digest=hashlib.sha256(PAGE.encode()).hexdigest())
        said = Remark(text=f"not compared with {THERE}: the report leaves out its body: it was large, or held a secret")
        assert judged(answer(PAGE), kept) == []
        assert judged(answer(PAGE + "!"), kept) == [said]
        assert isinstance(judged(answer(PAGE, 404), kept)[0], Finding)
        empty = replace(answer("", 404, there=True), digest=hashlib.sha256(b"").hexdigest())
        assert judged(answer("", 404), empty) == []

    @pytest.mark.parametrize("media_type", ["text/html", "application/json", "application/rss+xml"])
    def test_it_has_no_tokens_and_misses_none_here(self, media_type: str) -> None:
        """But what stands beside a token is compared."""
        of = replace(spec(), recorded_in="good.json")

        def body(link: str) -> str:
            return (
                f'{{"next": "{link}"}}'
                if media_type == "application/json"
                else f"{PAGE}<p>Next: https://x.example{link}</p>"
            )

        kept = answer(body("/list-2?token=***"), media_type=media_type, there=True)
        then = hashlib.sha256(body("/list-2?token=then").encode()).hexdigest()
        kept = replace(kept, digest=then)
        hidden = Remark(text=f"the same as {of.shown}, but for tokens, which a report leaves out")
        for link, found in (("/list-2?token=then", []), ("/list-2?token=live", [hidden])):
            here = answer(body(link), media_type=media_type)
            assert judged(here, kept, again=here, of=of) == found
        here = answer(body("/list-3?token=then"), media_type=media_type)
        assert isinstance(judged(here, kept, again=here, of=of)[0], Finding)
        # Between two sides that are both asked, a token is compared like any other word.
        assert judged(answer(body("/list-2?token=live"), media_type=media_type), kept) != []

    def test_a_token_that_no_visitor_sees_is_compared_nowhere(self) -> None:
        """As it is between two sides that are both asked: queries of links hold tokens by nature."""
        of = replace(spec(), recorded_in="good.json")
        here, struck = (f"{PAGE}<a href='/in?token={token}'>In</a>" for token in ("live", "***"))
        kept = replace(answer(struck, there=True), digest=hashlib.sha256(b"then").hexdigest())
        assert judged(answer(here), kept, of=of) == []

    def test_it_holds_one_answer_alone_and_that_is_said(self) -> None:
        of = replace(spec(), recorded_in="good.json")
        (found,) = judged(answer(PAGE), answer(PAGE.replace("0001", "0002"), there=True), of=of)
        assert isinstance(found, Finding)
        assert found.hint.startswith("the report holds one answer alone")
        (found,) = judged(answer(PAGE), answer(PAGE.replace("0001", "0002"), there=True))
        assert isinstance(found, Finding)
        assert found.hint == ""
        (found,) = judged(answer(PAGE, 404), answer(PAGE, there=True), of=of)
        assert isinstance(found, Finding)
        assert found.hint == ""

    def test_a_mask_of_the_sites_own_hides_nothing(self) -> None:
        of = replace(spec(), recorded_in="good.json")
        kept = answer(f"{PAGE}<p>*** one", there=True)
        kept = replace(kept, digest=hashlib.sha256(kept.body).hexdigest())
        assert judged(answer(f"{PAGE}<p>*** one<!-- 2 -->"), kept, of=of) == []

    @pytest.mark.parametrize(("to", "kind"), [("/new?sig=1234", Remark), ("/other?sig=1234", Finding)])
    def test_nor_in_where_an_address_leads(self, to: str, kind: type) -> None:
        of = replace(spec("/old"), recorded_in="good.json")
        kept = answer("", 302, there=True, location="/new?sig=***")
        (found,) = judged(answer("", 302, location=to), kept, of=of)
        assert isinstance(found, kind)

    def test_a_file_is_compared_by_the_bytes_that_it_had(self) -> None:
        of = replace(spec("/app.js", as_file=True), recorded_in="good.json")
        script, struck = "get('/x?token=1234')", "get('/x?token=***')"
        kept = answer(struck, media_type="text/javascript", there=True)
        kept = replace(kept, digest=hashlib.sha256(script.encode()).hexdigest())
        assert judged(answer(script, media_type="text/javascript"), kept, of=of) == []
        assert judged(answer(struck, media_type="text/javascript"), kept, of=of) != []

    def test_a_file_whose_name_has_a_token_is_not_asked_for_by_a_mask(self) -> None:
        of = replace(spec(with_named=True), recorded_in="good.json")
        here, there = (f"{PAGE}<script src='/app.js?token={token}'></script>" for token in ("live", "***"))
        missing = NoAnswer(url=THERE, reason=Reason.NOT_RECORDED, text="the report holds no answer to it")
        found = judged(
            answer(here),
            answer(there, there=True),
            of=of,
            named={"/app.js?token=live": answer("1", media_type="text/javascript")},
            named_there={"/app.js?token=live": missing},
        )
        assert found == [
            Remark(text=f"not compared with {of.shown}: /app.js?token=live (the report holds no answer to it)")
        ]

    def test_a_clock_of_whole_seconds_is_new_in_most_answers(self) -> None:
        """At the times at which they are asked; from a report nothing is known of it."""
        of = replace(spec("/"), recorded_in="good.json")
        pauses = [Probe(path="/", again=again).pause_s for again in range(5)]
        for start in (0.0, 0.3, 0.5, 0.85, 0.95):
            first, *more = (
                answer(f'{{"uptime": {int(1000 + start + pause)}}}', media_type="application/json") for pause in pauses
            )
            kept = answer('{"uptime": 17}', media_type="application/json", there=True)
            assert judged(first, kept, again=more, of=of) == []
