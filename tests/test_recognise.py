"""What is Cloudflare's doing and what the site's; which redirects only tidy an address."""

from __future__ import annotations

import json
import sys

import pytest

from pytest_pagesmoke import recognise
from pytest_pagesmoke.model import Answer

URL = "https://www.example.com/login"
EDGE = {"server": "cloudflare"}


def redirect(location: str, *, url: str = URL, status: int = 302) -> Answer:
    return Answer(url=url, status=status, headers={"location": location})


def error(body: str, status: int = 500, headers: dict[str, str] | None = None) -> Answer:
    return Answer(url=URL, status=status, headers=headers or {}, body=body.encode())


# Redirects that only tidy.


@pytest.mark.parametrize(
    ("path", "onward"),
    [
        ("/about", "/about/"),
        ("/about/", "/about"),
        ("/about.html", "/about"),
        ("/about.html", "/about/"),
        ("/about", "/about.html"),
        ("/blog/index.html", "/blog/"),
        ("/blog/index", "/blog/"),
        ("/blog", "/blog/index.html"),
        ("/index.html", "/"),
        ("/index", "/"),
        ("", "/"),
        ("/a/b.c", "/a/b.c/"),
        ("/login?next=%2F", "/login/?next=%2F"),
        ("/login", "/login/#top"),
        ("/login", "/login"),  # an endless one, which whoever follows has to notice
    ],
)
def test_tidying(path: str, onward: str) -> None:
    site = "https://www.example.com"
    assert recognise.only_tidies(site + path, site + onward)


@pytest.mark.parametrize(
    ("url", "onward"),
    [
        pytest.param(URL, "https://www.example.com/auth/login", id="another-path"),
        pytest.param(URL, "https://www.example.com/", id="home"),
        pytest.param(URL, "https://www.example.com/Login", id="case"),
        pytest.param(URL, "https://www.example.com/login//", id="two-slashes"),
        pytest.param(URL, "https://www.example.com/login.htm", id="htm"),
        pytest.param(URL, "https://www.example.com/login-index", id="index-in-a-name"),
        pytest.param(URL, "https://www.example.com/en/login", id="language"),
        pytest.param(URL, "https://www.example.com/login?next=%2F", id="query-added"),
        pytest.param(f"{URL}?a=1", URL, id="query-lost"),
        pytest.param(f"{URL}?a=1", f"{URL}/?a=2", id="query-changed"),
        pytest.param(URL, "https://example.com/login", id="host"),
        pytest.param(URL, "https://www.example.com.example.net/login/", id="host-that-begins-so"),
        pytest.param(URL, "http://www.example.com/login", id="http"),
        pytest.param("http://www.example.com/login", URL, id="https"),
        pytest.param(URL, "https://www.example.com:8443/login", id="port"),
        pytest.param(URL, "https://www.example.com:99999/login", id="port-beyond-all"),
        pytest.param(URL, "https://www.example.com:http/login", id="port-that-is-no-number"),
        pytest.param(URL, "https:///login", id="no-host"),
        pytest.param(URL, "http://[", id="no-address"),
        pytest.param(URL, "/login/", id="not-joined"),
        pytest.param(URL, "", id="empty"),
        pytest.param(URL, "javascript:alert(1)", id="script"),
    ],
)
def test_not_tidying(url: str, onward: str) -> None:
    assert not recognise.only_tidies(url, onward)


@pytest.mark.parametrize(
    ("url", "onward"),
    [
        (URL, "https://www.example.com:443/login/"),
        ("http://www.example.com:80/login", "http://www.example.com/login/"),
        (URL, "https://WWW.EXAMPLE.COM/login/"),
        (URL, "HTTPS://www.example.com/login/"),
        ("http://[::1]:8788/login", "http://[::1]:8788/login/"),
        ("http://127.0.0.1:8788/login", "http://127.0.0.1:8788/login/"),
    ],
)
def test_one_origin_in_several_spellings(url: str, onward: str) -> None:
    assert recognise.only_tidies(url, onward)


# Where a redirect leads.


@pytest.mark.parametrize(
    ("location", "absolute"),
    [
        ("/auth", "https://www.example.com/auth"),
        ("auth", "https://www.example.com/auth"),
        ("?a=1", "https://www.example.com/login?a=1"),
        ("//example.net/auth", "https://example.net/auth"),
        ("https://example.net", "https://example.net"),
        ("../../auth", "https://www.example.com/auth"),
    ],
)
def test_location(location: str, absolute: str) -> None:
    target = recognise.location(redirect(location))
    assert target is not None
    assert target.geturl() == absolute


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(redirect(""), id="empty"),
        pytest.param(redirect("http://["), id="no-address"),
        pytest.param(redirect("//[::1"), id="half-a-bracket"),
        pytest.param(redirect("/auth", status=200), id="no-redirect"),
        pytest.param(redirect("/auth", status=300), id="a-choice"),
        pytest.param(redirect("/auth", status=304), id="not-modified"),
        pytest.param(Answer(url=URL, status=302), id="no-location"),
    ],
)
def test_leads_nowhere(answer: Answer) -> None:
    assert recognise.location(answer) is None
    assert not recognise.is_access_login(answer)


# JSON.


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a":[1,2.5,null,true]}', {"a": [1, 2.5, None, True]}),
        ("  7 ", 7),
        ("9" * 4_000, int("9" * 4_000)),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ('{"a":[1],"b":2,"a":[1]}', {"a": [1], "b": 2}),
    ],
)
def test_json(text: str, value: object) -> None:
    assert recognise.parse_json(text) == value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("NaN", "NaN is not JSON"),
        ('{"a":Infinity}', "Infinity is not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("[" * 501 + "]" * 501, "nested too deeply"),
        ("[" + "{}," * 600_000 + "{}]", "more than 1,000,000 values"),
        ("9" * 4_001, "a number of 4,001 digits"),
        ("", "Expecting value"),
        ("{} {}", "Extra data"),
        ('[{"a":{"b":1,"c":2,"b":3}}]', "'b' twice, with different values"),
    ],
    ids=["nan", "infinity", "lists", "closed-lists", "objects", "levels", "values", "digits", "empty", "two", "twice"],
)
def test_not_json(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        recognise.parse_json(text)


def test_what_stands_in_a_string_is_no_value() -> None:
    code = r"f({a: [1, 2]}, \"b\\\");" * 200_000
    assert recognise.parse_json(json.dumps([code])) == [code]


def test_a_number_that_may_be_read_is_one_that_python_reads() -> None:
    assert sys.int_info.default_max_str_digits > recognise._MAX_DIGITS


@pytest.mark.parametrize(
    ("text", "is_json"),
    [
        ("{}", True),
        (" [1]\n", True),
        ("[1", False),
        ("{}}", False),
        ("1", False),
        ('"a"', False),
        ("null", False),
        ("", False),
    ],
)
def test_a_body_of_json(text: str, is_json: bool) -> None:
    """A word or a number could be anything."""
    assert recognise.is_json(text) is is_json


# HTML.


@pytest.mark.parametrize(
    ("text", "looks", "whole"),
    [
        ("<!DOCTYPE html>", True, True),
        ("<!doctype\n html>", True, True),
        ("<HTML lang=en>", True, True),
        ("\ufeff \n<!-- a --><!-- b -->\n<html>", True, True),
        ('<?xml version="1.0"?><html>', True, True),
        ("<!--" + "-" * 60_000 + "-->" + "<html>", True, True),
        ("<body>", True, False),
        ("<div id=root>", True, False),
        ("<script>", True, False),
        ("<link rel=icon>", True, False),
        ("<meta charset=utf-8>", True, False),
        ("<title>a", True, False),
        ("<divider>", False, False),
        ("<svg>", False, False),
        ("<!DOCTYPE svg>", False, False),
        ("<?xml version='1.0'?><rss>", False, False),
        ("<?xml version='1.0'?>", False, False),
        ("<!-- only a comment -->", False, False),
        ("<!-- that never ends", False, False),
        ("html", False, False),
        ("", False, False),
        ("a <html>", False, False),
        ("/* <html> */", False, False),
    ],
)
def test_how_html_begins(text: str, looks: bool, whole: bool) -> None:
    assert (recognise.looks_like_html(text), recognise.is_html_document(text)) == (looks, whole)


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("<p>", True),
        ("a<BR/>b", True),
        ("<!doctype html>", True),
        ("<a\nhref='x'>", True),
        ("1 < 2 <b>", True),
        ("</p>", False),
        ("a < b > c", False),
        ("<p", False),
        ("<1>", False),
        ("<a" * 2_000_000, False),  # would take hours, were each of them read to the end
    ],
    ids=["p", "br", "doctype", "lines", "formula-and-b", "end-tag", "formula", "open", "number", "many-open"],
)
def test_markup(text: str, has: bool) -> None:
    assert recognise.has_markup(text) is has


# Cloudflare's error codes.

EDGE_PAGE = "<!doctype html><title>{} | www.example.com | Cloudflare</title><h1>{}</h1>"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(error('{"cloudflare_error":true,"error_code":1015}', 429), 1015, id="json"),
        pytest.param(error('\n {"cloudflare_error":true,"error_code":1015}', 429), 1015, id="json-after-white-space"),
        pytest.param(error("error code: 1000", 400), 1000, id="lowest-status"),
        pytest.param(error("error code: 1015" + " " * (65_536 - 16)), 1015, id="largest-body"),
        pytest.param(
            error(EDGE_PAGE.format("Error", "error 1020"), 403, {"server": "Cloudflare"}), 1020, id="by-server"
        ),
        pytest.param(error("error code: 1016", 530), 1016, id="bare"),
        pytest.param(error(" Error Code: 522\n", 522), 522, id="bare-three-digits"),
        pytest.param(error(EDGE_PAGE.format("Worker threw exception", ""), 500, EDGE), 1101, id="title-1101"),
        pytest.param(error(EDGE_PAGE.format("Worker exceeded resource limits", ""), 503, EDGE), 1102, id="title-1102"),
        pytest.param(error(EDGE_PAGE.format("Access denied", "Error 1020"), 403, EDGE), 1020, id="text"),
        pytest.param(
            error(EDGE_PAGE.format("DNS error", "<span>Error</span><span class='code'>1016</span>"), 530, EDGE),
            1016,
            id="span",
        ),
        pytest.param(
            error(EDGE_PAGE.format("Access denied", "error code: 1009"), 403, {"cf-ray": "0"}), 1009, id="by-ray"
        ),
    ],
)
def test_error_code(answer: Answer, code: int) -> None:
    assert recognise.error_code(answer) == code


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(error('{"cloudflare_error":true,"error_code":1015}', 200), id="200"),
        pytest.param(error('{"cloudflare_error":false,"error_code":1015}'), id="json-false"),
        pytest.param(error('{"cloudflare_error":"true","error_code":1015}'), id="json-text"),
        pytest.param(error('{"cloudflare_error":true,"error_code":"1015"}'), id="code-as-text"),
        pytest.param(error('{"cloudflare_error":true}'), id="no-code"),
        pytest.param(error('{"error_code":1015}'), id="of-the-site"),
        pytest.param(error('{"cloudflare_error":true,'), id="broken-json"),
        pytest.param(error("error code: 1015 (see the manual)"), id="sentence"),
        pytest.param(error("See <title>Cloudflare</title> error 1020", 403, EDGE), id="no-page"),
        pytest.param(error("error code: 15"), id="two-digits"),
        pytest.param(error(EDGE_PAGE.format("Worker threw exception", "")), id="not-from-the-edge"),
        pytest.param(error("<!doctype html><title>Error 1020</title>Error 1020", 403, EDGE), id="page-of-the-site"),
        pytest.param(error(EDGE_PAGE.format("Sorry", "no code"), 500, EDGE), id="no-code-in-the-page"),
        pytest.param(error(EDGE_PAGE.format("Sorry", "error 2024"), 500, EDGE), id="a-year"),
        pytest.param(error("error code: 1015" + " " * 65_536), id="too-large-to-be-cloudflares"),
        pytest.param(error("<html>" + "<title>" * 9_000, 500, EDGE), id="titles-that-never-end"),
        pytest.param(error("<html><title>Cloudflare</title>" + "<span" * 9_000, 500, EDGE), id="tags-that-never-end"),
    ],
)
def test_no_error_code(answer: Answer) -> None:
    assert recognise.error_code(answer) is None


# What the worker threw.


@pytest.mark.parametrize(
    ("stack", "thrown"),
    [
        ("Error: no\n    at fetch (file:///p/_worker.js:1:5)", "Error: no"),
        ("\n\nError: no\n\tat async file:///p/_worker.js:1:5\n", "Error: no"),
        ("Error: one line\nand another\n    at a (native)\n    at b (file:///p/_worker.js:1:5)", "Error: one line"),
        ("Error: no\r\n    at fetch (file:///p/_worker.js:1:5)", "Error: no"),
    ],
)
def test_the_stack_of_a_local_worker(stack: str, thrown: str) -> None:
    assert recognise.worker_exception(error(stack, headers={"content-type": "text/plain;charset=UTF-8"})) == thrown


@pytest.mark.parametrize(
    ("body", "status", "media_type"),
    [
        ("Error: no\n    at fetch (file:///p/_worker.js:1:5)", 503, "text/plain"),
        ("Error: no\n    at fetch (file:///p/_worker.js:1:5)", 500, "text/html"),
        ("Error: no\nat fetch (file:///p/_worker.js:1:5)", 500, "text/plain"),
        ("    at fetch (file:///p/_worker.js:1:5)", 500, "text/plain"),
        ("\n" * 65_536, 500, "text/plain"),
        ("\n " * 32_768, 500, "text/plain"),
        ("", 500, "text/plain"),
    ],
    ids=["503", "html", "no-frame", "frame-alone", "lines", "blank-lines", "empty"],
)
def test_no_stack_of_a_local_worker(body: str, status: int, media_type: str) -> None:
    assert recognise.worker_exception(error(body, status, {"content-type": media_type})) is None


def test_a_placeholder_of_tags_that_never_end() -> None:
    assert not recognise.is_placeholder(error("<" * 60_000, 200, EDGE))


# What a body says.


def says(text: str, body: str, media_type: str = "text/html") -> bool:
    return recognise.says(Answer(url=URL, status=200, headers={"content-type": media_type}, body=body.encode()), text)


@pytest.mark.parametrize(
    ("text", "body"),
    [
        pytest.param("Sign in", "<h1>Sign in</h1>", id="as-it-stands"),
        pytest.param("<h1>Sign", "<h1>Sign in</h1>", id="markup"),
        pytest.param("Sign in", "<h1>Sign\n\t in</h1>", id="line-break"),
        pytest.param("Sign  in", "<h1>Sign in</h1>", id="white-space-in-the-settings"),
        pytest.param("Sign in", "<h1>Sign&nbsp;in</h1>", id="no-break-space"),
        pytest.param("Terms & conditions", "<p>Terms &amp; conditions", id="ampersand"),
        pytest.param("Terms &amp; conditions", "<p>Terms &amp; conditions", id="ampersand-as-it-stands"),
        pytest.param("it\u2019s", "<p>it&rsquo;s", id="quote"),
        pytest.param("Sign in", "<h1><b>Sign</b> <i>in</i></h1>", id="elements-between"),
        pytest.param("Sign in", "<h1><b>S</b>ign in</h1>", id="element-within-a-word"),
        pytest.param("Sign in", "<h1>Sign<br>in</h1>", id="line-break-element"),
        pytest.param("Sign in now", "<p>Sign in</p><p>now</p>", id="paragraphs"),
        pytest.param("Hello Ann", "<p>Hello <!-- -->Ann", id="comment-of-react"),
        pytest.param("1 user", "<p>1<!-- --> user", id="comment-within"),
        pytest.param("a < b", "<p>a &lt; b", id="less-than"),
        pytest.param("content=text", "<meta name=x content=text>", id="attribute"),
        pytest.param("hidden", "<!-- hidden -->", id="in-a-comment"),
        pytest.param("Sign in", "<p>Sign in<!-- without end", id="before-a-comment-without-end"),
    ],
)
def test_says(text: str, body: str) -> None:
    assert says(text, body)
    assert says(text, body, "")
    assert says(text, body, "application/xhtml+xml; charset=utf-8")


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("Sign in", "<h1>sign in</h1>"),
        ("Sign in", "<h1>Signin</h1>"),
        ("Sign in", "<h1>Sign</h1> up <p>in</p>"),
        ("Sign in", ""),
        ("Sign in", "<!--" * 500_000),
        ("Sign in", "<a" * 500_000),
    ],
    ids=["case", "no-space", "other-words", "empty", "comments-without-end", "tags-without-end"],
)
def test_does_not_say(text: str, body: str) -> None:
    assert not says(text, body)


@pytest.mark.parametrize("media_type", ["text/plain", "application/json", "text/javascript"])
def test_what_is_no_html_says_what_stands_there(media_type: str) -> None:
    assert says("a &amp; b", "a &amp; b", media_type)
    assert not says("a & b", "a &amp; b", media_type)
    assert not says("a b", "a\nb", media_type)
    assert not says("a b", "a <i>b</i>", media_type)


@pytest.mark.parametrize(
    ("body", "sketch"),
    [
        ("", "an empty body"),
        (" \n", "an empty body"),
        ("<!doctype html>", "an HTML page"),
        ("\n<div>", "an HTML page"),
        (" ok\n", "begins 'ok'"),
        ("x" * 41, f"begins '{'x' * 40}'"),
        ("<svg/>", "begins '<svg/>'"),
    ],
)
def test_sketch(body: str, sketch: str) -> None:
    assert recognise.sketch(error(body)) == sketch


def test_no_key_that_a_secret_was_struck_out_of_hides_another() -> None:
    text = '{"a": {"x***": "down", "x***": "up", "x***": 1}, "b": 2, "b": 2}'
    assert recognise.parse_json(text) == {"a": {"x***": "down", "x*** (2)": "up", "x*** (3)": 1}, "b": 2}


def test_masks_by_the_thousand_are_read_in_no_time() -> None:
    """Where each key is compared with all before it, this takes minutes."""
    value = recognise.parse_json("{" + ",".join(['"***":1'] * 100_000) + "}")
    assert isinstance(value, dict)
    assert len(value) == 100_000


def test_white_space_is_what_python_takes_for_it() -> None:
    assert [*recognise._SPACES] == [code for code in range(sys.maxunicode + 1) if chr(code).isspace()]
