"""Secrets struck out of what a server gives back, in whatever form; and ordinary text left alone."""

from __future__ import annotations

import base64
import html
import json
import random
import threading
import time
import tracemalloc
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, quote_plus

import pytest

from pytest_pagesmoke import redact
from pytest_pagesmoke.model import Answer, Hop, Kind, NoAnswer, Reason, Target
from pytest_pagesmoke.redact import MASK, NO_SECRETS, Secrets, secrets_of, with_tokens_apart, without_tokens

SECRET = "s3cr3t/+ *<&\"'!(\u00fc)=="
SITE = "https://www.example.com"


def target(**headers: str) -> Target:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Target(name="x", url=SITE, kind=Kind.PREVIEW, headers=named)


def left_of(text: str, **headers: str) -> str:
    return secrets_of([target(**headers)]).out_of(text)


def escaped(text: str, chars: str, how: Callable[[str], str]) -> str:
    return "".join(how(char) if char in chars else char for char in text)


# Forms.


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(lambda text: text, id="as-it-is"),
        pytest.param(lambda text: json.dumps(text)[1:-1], id="json"),
        pytest.param(lambda text: json.dumps(text, ensure_ascii=False)[1:-1], id="json-of-javascript"),
        pytest.param(html.escape, id="html"),
        pytest.param(lambda text: html.escape(text).replace("&#x27;", "&#39;"), id="html-of-hono"),
        pytest.param(lambda text: html.escape(text, quote=False), id="html-text"),
        pytest.param(lambda text: quote(text, safe=""), id="percent"),
        pytest.param(lambda text: quote(text, safe="").lower(), id="percent-in-lower-case"),
        pytest.param(quote, id="path"),
        pytest.param(quote_plus, id="form"),
        pytest.param(lambda text: quote(text, safe="!'()*"), id="encodeURIComponent"),
        pytest.param(lambda text: quote(text, safe="!'()*;/?:@&=+$,#"), id="encodeURI"),
        pytest.param(lambda text: quote_plus(text, safe="*"), id="URLSearchParams"),
        pytest.param(lambda text: base64.b64encode(text.encode()).decode(), id="base64"),
        pytest.param(lambda text: base64.b64encode(text.encode()).decode().rstrip("="), id="base64-unpadded"),
        pytest.param(lambda text: base64.urlsafe_b64encode(text.encode()).decode(), id="base64-of-addresses"),
        pytest.param(lambda text: text.encode().hex(), id="hexadecimal"),
        pytest.param(lambda text: text.encode().hex().upper(), id="hexadecimal-in-upper-case"),
        pytest.param(lambda text: json.dumps(text)[1:-1].replace("/", "\\/"), id="json-of-php"),
        pytest.param(
            lambda text: escaped(json.dumps(text)[1:-1], "&<>+='/", lambda char: f"\\u{ord(char):04x}"), id="json-of-go"
        ),
        pytest.param(lambda text: json.dumps(json.dumps(text))[3:-3], id="json-in-json"),
        pytest.param(lambda text: escaped(text, "&<>+=/\"'", lambda char: f"\\x{ord(char):02X}"), id="javascript"),
        pytest.param(
            lambda text: escaped(text, "&<>+=/\"'(", lambda char: f"&#x{ord(char):X};"), id="html-in-hexadecimal"
        ),
        pytest.param(lambda text: escaped(text, "&<>+=/\"'(", lambda char: f"&#0{ord(char)};"), id="html-in-decimal"),
        pytest.param(lambda text: text.replace("&", "&amp;").replace("/", "&sol;"), id="html-by-name"),
        pytest.param(lambda text: html.escape(html.escape(text)), id="html-in-html"),
        pytest.param(lambda text: quote(quote(text, safe=""), safe=""), id="percent-in-percent"),
        pytest.param(lambda text: html.escape(json.dumps(text)[1:-1]), id="json-in-html"),
    ],
)
def test_every_form_in_which_a_server_may_give_it_back(form: Callable[[str], str]) -> None:
    secrets = Secrets([SECRET])
    assert secrets.out_of(f"a {form(SECRET)}. b").rstrip("= ").replace("=", "") == f"a {MASK}. b"
    body = secrets.struck_out(Answer(url=SITE, status=200, body=f"a {form(SECRET)}. b".encode()))
    assert isinstance(body, Answer)
    assert body.body.replace(b"=", b"") == f"a {MASK}. b".encode()


@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
@pytest.mark.parametrize("after", ["", "/", "/a", "/abc"])
def test_within_a_longer_text_in_base64(before: str, after: str) -> None:
    """As a server's session holds it, or a debug page's whole request."""
    secret = "hunter2-hunter3"
    given = base64.b64encode(f"{before}{secret}{after}".encode()).decode()
    left = Secrets([secret]).out_of(f"<{given}>")
    assert MASK in left
    shown = left.strip("<>").replace(MASK, "")
    assert len(shown) <= len(given) - len(secret) * 8 // 6 + 2


@pytest.mark.parametrize("end", ["\n", "\r\n", "\\n", "\\r\\n"])
def test_in_base64_in_lines(end: str) -> None:
    """As an e-mail has it, or `openssl base64`."""
    secret = "hunter2-hunter3-" * 8
    given = base64.encodebytes(secret.encode()).decode().strip().replace("\n", end)
    assert given.count(end) == 2
    assert Secrets([secret]).out_of(given).rstrip("=") == MASK
    # And where the secret itself is such a text.
    encoded = base64.b64encode(secret.encode()).decode()
    assert Secrets([encoded]).out_of(given).rstrip("=") == MASK


def test_base64_without_its_padding() -> None:
    given = base64.b64encode(b"user:hunter22").decode()
    assert given.endswith("=")
    assert left_of(f"<{given.rstrip('=')}>", Authorization=f"Digest {given}") == f"<{MASK}>"


@pytest.mark.parametrize(
    ("header", "value", "shown"),
    [
        ("Authorization", 'Token token="s3cr3tRailsTok99"', "s3cr3tRailsTok99"),
        ("Authorization", "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP", "dBjftJeZ4CVP"),
        ("Authorization", "Bearer a1b2c3d", "a1b2c3d"),
        (
            "Authorization",
            "Basic " + base64.b64encode("u:p\u00e4ssw\u00f6rd99".encode("latin-1")).decode(),
            "p\u00e4ssw\u00f6rd99",
        ),
        ("Authorization", "Bearer s3cr3t+Tok/99==", "s3cr3t Tok/99=="),
        ("Cookie", "sess=s%3As3cr3tTok99.c2lnbmF0dXJl", "s3cr3tTok99"),
        ("Cookie", 'sess={"t":"s3cr3tTok99"}', "s3cr3tTok99"),
        ("Cookie", "sess=id=77&t=s3cr3tTok99", "s3cr3tTok99"),
        ("Cookie", "a=b; sid=a1b2c3d", "a1b2c3d"),
    ],
)
def test_a_part_that_a_server_takes_out(header: str, value: str, shown: str) -> None:
    left = secrets_of([Target(name="x", url=SITE, kind=Kind.PREVIEW, headers={header: value})]).out_of(f"<{shown}>")
    assert shown not in left
    assert MASK in left


def test_words_in_a_cookie_are_no_secret_parts() -> None:
    assert left_of("accepted 77 dark", Cookie="c=consent|accepted|77; theme=dark") == "accepted 77 dark"


@pytest.mark.parametrize("charset", ["utf-16", "iso-8859-1", "shift_jis"])
def test_in_the_charset_of_the_answer(charset: str) -> None:
    secret = "hush-\u00e4-hush" if charset == "iso-8859-1" else "hush-a-hush"
    headers = {"content-type": f"text/plain; charset={charset}"}
    seen = Answer(url=SITE, status=500, headers=headers, body=f"bad {secret}.".encode(charset))
    struck = Secrets([secret]).struck_out(seen)
    assert isinstance(struck, Answer)
    assert (struck.text.lstrip("\ufeff"), struck.struck) == (f"bad {MASK}.", True)
    other = Secrets(["another-one"]).struck_out(seen)
    assert isinstance(other, Answer)
    assert (other.body, other.struck) == (seen.body, False)


def test_in_another_case() -> None:
    """A server may take it for a name; but a short one may be a word."""
    assert Secrets(["AbCd-EfGh"]).out_of("abcd-efgh ABCD-EFGH abCD-efGH") == f"{MASK} {MASK} abCD-efGH"
    assert Secrets(["Open"]).out_of("Open open") == f"{MASK} open"


def test_a_cookie_in_quotes_leaves_json_what_it_was() -> None:
    body = json.dumps({"theme": "hush-hush-hush"})
    assert json.loads(left_of(body, Cookie='theme="hush-hush-hush"')) == {"theme": MASK}


def test_a_secret_that_holds_another_one_goes_whole() -> None:
    for order in (["abcd", "abcdefgh"], ["abcdefgh", "abcd"]):
        assert Secrets(order).out_of("abcdefgh abcd") == f"{MASK} {MASK}"


def test_what_looks_like_a_pattern_is_none() -> None:
    assert Secrets(["a.*b|c"]).out_of("a.*b|c axxb c") == f"{MASK} axxb c"


@pytest.mark.parametrize(("text", "left"), [("abc", "abc"), ("abcd", MASK), ("ABCD", "ABCD"), ("", "")])
def test_too_short_to_be_told_from_ordinary_text(text: str, left: str) -> None:
    assert Secrets(["abc", "", "abcd"]).out_of(text) == left


def test_a_long_answer_is_read_in_no_time() -> None:
    """Letters of base64 without end: each may begin a secret."""
    secrets = Secrets(["hunter2-" * 16, base64.b64encode(b"hunter2-" * 16).decode()])
    assert secrets.out_of("aHVudGVy" * 200_000) == "aHVudGVy" * 200_000


def test_no_secrets() -> None:
    answer = Answer(url=SITE, status=200, body=b"***")
    assert NO_SECRETS.struck_out(answer) is answer
    assert NO_SECRETS.out_of("text") == "text"
    assert Secrets(["a"]).struck_out(answer) is answer


def test_secrets_do_not_show_themselves() -> None:
    assert repr(Secrets([SECRET])) == "<Secrets>"


def test_a_secret_with_half_a_character_is_struck_out_and_raises_nothing() -> None:
    """What the environment holds that is no text: an error over it would show it."""
    assert Secrets(["s3cret-\udcff-token"]).out_of("a s3cret-\udcff-token b") == f"a {MASK} b"


def test_random_secrets() -> None:
    draw = random.Random(7)
    for _ in range(300):
        text = "".join(chr(draw.randint(0x20, 0x7E)) for _ in range(draw.randint(8, 40)))
        said = f"{text}\n{json.dumps(text)}\n{html.escape(text)}\n{quote(text)}"
        assert text.strip() not in Secrets([text]).out_of(said)


# What is struck out of.


def test_all_of_an_answer() -> None:
    seen = Secrets(["abcdefgh"]).struck_out(
        Answer(
            url=f"{SITE}/?t=abcdefgh",
            status=302,
            headers={"location": "/abcdefgh", "x-abcdefgh": "1", "server": "x"},
            body=b"\xff\x00abcdefgh\xfe",
            hops=(Hop(status=308, url=f"{SITE}/abcdefgh", location="/abcdefgh/"),),
            http_version="HTTP/2",
            elapsed_s=1.5,
            sent=frozenset({"cookie"}),
        )
    )
    assert seen == Answer(
        url=f"{SITE}/?t=***",
        status=302,
        headers={"location": "/***", "x-***": "1", "server": "x"},
        body=b"\xff\x00***\xfe",
        hops=(Hop(status=308, url=f"{SITE}/***", location="/***/"),),
        http_version="HTTP/2",
        elapsed_s=1.5,
        sent=frozenset({"cookie"}),
    )


def test_all_of_an_absence() -> None:
    hop = Hop(status=308, url=f"{SITE}/abcdefgh", location="/abcdefgh/")
    seen = Secrets(["abcdefgh"]).struck_out(
        NoAnswer(url=f"{SITE}/abcdefgh", reason=Reason.TLS, text="no abcdefgh", detail="a\nabcdefgh", hops=(hop,))
    )
    assert seen == NoAnswer(
        url=f"{SITE}/***",
        reason=Reason.TLS,
        text="no ***",
        detail="a\n***",
        hops=(Hop(status=308, url=f"{SITE}/***", location="/***/"),),
    )


# What is a secret.


@pytest.mark.parametrize(
    ("name", "value", "hidden"),
    [
        ("Authorization", "Bearer abcdefgh", "abcdefgh"),
        ("AUTHORIZATION", "abcdefgh", "abcdefgh"),
        ("Authorization", "Bearer abc", "Bearer abc"),
        ("Proxy-Authorization", "Bearer abcdefgh", "abcdefgh"),
        ("Cookie", "a=abcdefgh; b=ijklmnop", "ijklmnop"),
        ("Cookie", "a=abcdefgh==; b=1", "abcdefgh=="),
        ("Cookie", "a=abc; b=1", "a=abc; b=1"),
        ("CF-Access-Client-Id", "abcd.access", "abcd.access"),
        ("cf-access-client-secret", "abcdefgh", "abcdefgh"),
        ("Authorization", "Basic " + base64.b64encode(b"user:pa:ss").decode(), "pa:ss"),
        ("Authorization", "basic " + base64.b64encode(b"user:pa:ss").decode(), "user:pa:ss"),
        (
            "Authorization",
            "Basic " + base64.b64encode(b"user:pa:ss").decode(),
            base64.b64encode(b"user:pa:ss").decode(),
        ),
        ("Authorization", "Basic no base64!", "no base64!"),
    ],
)
def test_hidden(name: str, value: str, hidden: str) -> None:
    assert left_of(f"<{hidden}>", **{name: value}) == f"<{MASK}>"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("X-Environment", "production", "production"),
        ("X-Author", "Ada Lovelace", "by Ada Lovelace"),
        ("X-Api-Key", "abcdefg", "abcdefg"),
        ("Accept-Language", "de-DE,de;q=0.9", "de-DE,de;q=0.9"),
        ("X-CF-Access-Like", "abcdefgh", "abcdefgh"),
        ("Authorization", "Bearer abcdefgh", "Bearer of news"),
        ("Authorization", "Bearer abcdefg", "abcdefg"),
        ("Cookie", "session=abcdefgh; theme=dark", "session theme dark"),
        ("Authorization", "Basic " + base64.b64encode(b"user:password").decode(), "user"),
        ("Authorization", "Bearer " + base64.b64encode(b"user:password").decode(), "password"),
    ],
)
def test_not_hidden(name: str, value: str, text: str) -> None:
    """Were these struck out, good answers would be garbled, and judged by it."""
    assert left_of(text, **{name: value}) == text


def test_values_of_the_environment_whatever_their_header() -> None:
    secrets = secrets_of([target(X_Run="prefix-abcdefgh"), target(Cookie="a=ijklmnop")], ["abcdefgh"])
    assert secrets.out_of("prefix-abcdefgh ijklmnop") == f"prefix-{MASK} {MASK}"


def test_a_cookie_as_a_server_reads_it() -> None:
    assert left_of("sid: s:abc+def/12", Cookie="connect.sid=s%3Aabc%2Bdef%2F12") == f"sid: {MASK}"


@pytest.mark.parametrize(
    "name", ["X-Api-Key", "x-session-id", "X-GitHub-Token", "X_Auth", "Password", "X-Client-SECRET"]
)
def test_a_header_whose_name_tells(name: str) -> None:
    """Of the settings, or of a conftest: where its value came from, nobody has to know."""
    assert left_of("<p>abcdefgh", **{name: "abcdefgh"}) == f"<p>{MASK}"


# What pytest shows of a failing test.

LONG: Final = "q7Yb2-Zk91x_Vw84Tm-Lp03sDf"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"a {LONG} b", "a *** b"),
        (f"'{LONG[:20]}...'", "'***...'"),
        (f"'{LONG[:4]}...{LONG[-4:]}'", "'***...***'"),
        (f"{LONG[:9]}\u2026", "***\u2026"),
        (f"a...{LONG[-9:]} b...{LONG[-5:]}", "a...*** b...***"),
        (f"x = {LONG[7:19]}", "x = ***"),  # 12 of it stand anywhere
        (f"{LONG[3:]}{LONG[:-3]}", "***"),
        (f"{LONG[3:]} {LONG[:-3]}", "*** ***"),
        # No part of it.
        (f"x = {LONG[7:18]}", f"x = {LONG[7:18]}"),
        (f"{LONG[:3]}...{LONG[-3:]}", f"{LONG[:3]}...{LONG[-3:]}"),
        (f"{LONG[:9]} ... {LONG[-9:]}", f"{LONG[:9]} ... {LONG[-9:]}"),
        ("...", "..."),
        ("", ""),
    ],
)  # fmt: skip
def test_a_part_of_it_where_pytest_cuts_a_text(text: str, left: str) -> None:
    secrets = Secrets([LONG])
    assert secrets.out_of_shown(text) == left
    assert secrets.out_of_shown([{"a": (text,)}]) == [{"a": (left,)}]


def test_dots_by_the_thousand_are_read_in_no_time() -> None:
    """Where each of a million gaps is compared with all ends of all secrets, this takes an hour."""
    assert Secrets([LONG, LONG * 9]).out_of_shown("...\n" * 1_000_000) == "...\n" * 1_000_000


def test_a_part_that_is_encoded() -> None:
    secret = "a/b c&d=" * 3
    assert Secrets([secret]).out_of_shown(f"?a={quote(secret)[:15]}...") == "?a=***..."


def test_where_nothing_is_secret_it_stays() -> None:
    assert NO_SECRETS.out_of_shown("a...b") == "a...b"


@pytest.mark.parametrize(
    "name",
    "token access_token accessToken csrf-token api_key apiKey client_secret password signature X-Amz-Signature jwt sig auth user[password] user%5Bpassword%5D "
    "subscription-key appkey session_key SAMLResponse code_verifier user_pass passphrase pw otp hmac pass pwd bearer authorization PHPSESSID jsessionid session_id".split(),
)
def test_a_token_in_an_address(name: str) -> None:
    for url in (f"https://a.example/b?{name}=abc%20def", f"/b?c=d&{name.upper()}=abc&e=f", f"/b?c;{name}=abc#d"):
        shown = without_tokens(f"'{url}' was asked")
        assert "abc" not in shown
        assert shown.replace("=***", "=abc%20def" if "%20" in url else "=abc") == f"'{url}' was asked"
        parts = [*with_tokens_apart(url)]
        assert [part.lower() for part, is_token in parts if is_token] == [name.lower()]
        assert (
            "".join(
                "abc%20def" if is_token and "%20" in url else "abc" if is_token else part for part, is_token in parts
            )
            == url
        )


@pytest.mark.parametrize(
    "url",
    [
        "/?sort_key=a",
        "/?author=a",
        "/?keyword=a",
        "/?session=2",
        "/?code=a",
        "/?state=a",
        "/?key=home",
        "/?num_passengers=2",
        "/?bypass=1",
        "/?sid=12",
        "/token=a",
        "/?token",
        "/?token=",
        "/?q=token",
        "/",
    ],
)
def test_no_token_in_an_address(url: str) -> None:
    assert without_tokens(url) == url
    assert [*with_tokens_apart(url)] == [(url, False)]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/cb#access_token=abc&state=1", "/cb#access_token=***&state=1"),
        ("/login?next=%2Fa%3Ftoken%3Dabc", "/login?next=%2Fa%3Ftoken%3D***"),
        (r'{"next":"/a?b=c\u0026token=abc"}', r'{"next":"/a?b=c\u0026token=***"}'),
        ('<a href="/a?b=c&amp;token=abc">', '<a href="/a?b=c&amp;token=***">'),
        ("test_page[site-/a?sig=abc]", "test_page[site-/a?sig=***]"),
        ("/a?sig=a]b", "/a?sig=***"),
        # However `=` and `/` are escaped, and as often.
        (r"/cb?token\u003dabc\u0026a=b", r"/cb?token\u003d***\u0026a=b"),
        ("/cb?token&#x3D;abc&amp;a&#x3D;b", "/cb?token&#x3D;***&amp;a&#x3D;b"),
        ("/in?next=%252Fcb%253Ftoken%253Dabc%2526a%253Db", "/in?next=%252Fcb%253Ftoken%253D***"),
        ("https:&#x2F;&#x2F;bob:abc@x.example", "https:&#x2F;&#x2F;***@x.example"),
        # And what stands behind it stays.
        ("see /cb?token=abc, and /b?sig=abc,def", "see /cb?token=***, and /b?sig=***"),
        ("/js?v=1&key=AIzaSyA-abcdefghijk&sid=0123456789abcdef", "/js?v=1&key=***&sid=***"),
        ("/a;jsessionid=abc?b=c", "/a;jsessionid=***"),
        ("a=1&amp;b=2&#38;token=abc&#x26;c=3", "a=1&amp;b=2&#38;token=***&#x26;c=3"),
        ("db=ok;auth=ok;key=value", "db=ok;auth=ok;key=value"),
        ("see /a ;auth=ok", "see /a ;auth=ok"),
        ("const a=`/x?token=${t}`,b=`ready`", "const a=`/x?token=***`,b=`ready`"),
        ("postgres://app:p@ssw0rd99@db:5432/x", "postgres://***@db:5432/x"),
        ("git clone ssh://git@github.com/a/b", "git clone ssh://git@github.com/a/b"),
        ("https://x.example?to=a@b.example", "https://x.example?to=a@b.example"),
        ("https://x.example#a@b.example", "https://x.example#a@b.example"),
    ],
)
def test_a_token_wherever_an_address_may_stand(text: str, left: str) -> None:
    assert without_tokens(text) == left


def test_an_address_without_end_is_read_in_no_time() -> None:
    """Where a name is read again from each of its characters, this takes hours."""
    assert without_tokens("?" + "token" * 100_000) == "?" + "token" * 100_000


def test_striking_a_token_leaves_json_what_it_was() -> None:
    body = json.dumps({"html": '<a href="/u?token=abc123">x</a>'})
    assert json.loads(without_tokens(body)) == {"html": '<a href="/u?token=***">x</a>'}


def test_who_comes_back_from_learning_can_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where another thread is still at it: that it has begun to learn the same is not enough."""
    secrets, headers = Secrets([]), {"Authorization": "Bearer laid-over-secret"}
    begun, go_on = threading.Event(), threading.Event()
    known = redact._pattern

    def slowly(text: str, length: int | None = None) -> str:
        begun.set()
        assert go_on.wait(20)
        return known(text, length)

    monkeypatch.setattr(redact, "_pattern", slowly)
    said: list[str] = []

    def second() -> None:
        secrets.learn(headers)
        said.append(secrets.out_of("it said laid-over-secret"))

    threads = [threading.Thread(target=secrets.learn, args=[headers]), threading.Thread(target=second)]
    threads[0].start()
    assert begun.wait(20)
    threads[1].start()
    threads[1].join(0.2)  # long enough to come back too early, if it does
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert said == ["it said ***"]


JWT = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlLW9mLWl0"


@pytest.mark.parametrize(
    ("secret", "said", "left"),
    [
        (JWT, f"begins {JWT[:20]} and {JWT[40:60]}", "begins *** and ***"),
        ("9f8e7d6c5b4a39281706", "sid 9f8e7d6c5b4a3928", "sid ***"),
        ("consent=2026-11-28T10:00:00", "Built 2026-11-28T11:22:31Z", "Built 2026-11-28T11:22:31Z"),
        ("to=http://127.0.0.1:9101/dashboard", "GET http://127.0.0.1:9101/login", "GET http://127.0.0.1:9101/login"),
        (
            "to=https://5be8c75c.example.pages.dev/x",
            "https://5be8c75c.example.pages.dev",
            "https://5be8c75c.example.pages.dev",
        ),
        ("theme=dark-mode-for-everyone", "dark-mode-for-everybody", "dark-mode-for-everybody"),
    ],
)
def test_parts_that_look_like_a_secret(secret: str, said: str, left: str) -> None:
    """In words; what is kept to be judged again keeps them, as what they are a part of may be something else."""
    secrets = Secrets([secret])
    assert secrets.out_of_said(said) == left
    assert secrets.out_of_kept(said) == said


def test_beginnings_beside_dots_by_the_thousand_are_found_in_no_time() -> None:
    secrets = Secrets(["b6d767d2f8ed5d213820dcc509a6f75849b" * 2])
    began = time.monotonic()
    assert secrets.out_of_shown("b6d7..." * 60_000) == "***..." * 60_000
    assert time.monotonic() - began < 20  # it took more than a minute


def test_a_long_secret_takes_no_square_of_its_length() -> None:
    """Of its beginnings and ends the places are kept, and not the texts."""
    token = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=3000))
    tracemalloc.start()
    assert redact._Cut([*redact._forms(token)]).out_of(f"x {token[:50]}...{token[-50:]} y") == "x ***...*** y"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000_000


@pytest.mark.parametrize("start", ["-", "+", "/+", "%2F", "\\\\", "é-", "\"'", "-_.~"])
@pytest.mark.parametrize("end", ["K3v9xQ2mT7", "K-3-v-9-x-Q"])
def test_one_that_begins_with_no_letter(start: str, end: str) -> None:
    secret = start + end
    secrets = Secrets([secret])
    for shown in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1], html.escape(secret), secret.encode().hex()):
        assert secrets.out_of(f"a {shown} b") == "a *** b"
        assert secrets.out_of_bytes(f"a {shown} b".encode()) == b"a *** b"
    assert Secrets(["-+-+-+-+-+"]).out_of("a -+-+-+-+-+ b") == "a *** b"


def test_secrets_that_begin_alike_are_told_apart() -> None:
    secrets = Secrets(["the-same-beginning-one", "the-same-beginning-and-another", "the-same-beginning"])
    said = "the-same-beginning-and-another, the-same-beginning-one, the-same-beginnings, the-same-begin"
    assert secrets.out_of(said) == "***, ***, ***s, the-same-begin"
    assert secrets.out_of_bytes(said.encode()) == b"***, ***, ***s, the-same-begin"
