"""`test_asset`: a header that lies, a body that lies, and all the types that browsers take."""

from __future__ import annotations

import pytest

from pytest_pagesmoke.checks.asset import AssetCheck, AssetSpec
from pytest_pagesmoke.model import Answer, Finding, Probe

CHECK = AssetCheck()
PAGE = "<!doctype html><html><head><title>Example</title></head><body><div id=root></div></body></html>"


def judge(path: str, body: str | bytes, content_type: str = "", status: int = 200, wanted: int = 200) -> list[str]:
    """The lines of all findings."""
    spec = AssetSpec(path=path, status=wanted)
    (probe,) = CHECK.probes(spec, {})
    answer = Answer(
        url="https://www.example.com" + path,
        status=status,
        headers={"content-type": content_type} if content_type else {},
        body=body if isinstance(body, bytes) else body.encode(),
    )
    findings = list(CHECK.judge(spec, {probe: answer}))
    assert all(isinstance(finding, Finding) for finding in findings)
    return [finding.line for finding in findings if isinstance(finding, Finding)]


def test_one_question() -> None:
    assert list(CHECK.probes(AssetSpec(path="/static/app.js"), {})) == [Probe(path="/static/app.js")]


# Good.


@pytest.mark.parametrize(
    "content_type",
    [
        "application/javascript",
        "text/javascript",
        "text/javascript; charset=utf-8",
        "Text/JavaScript;charset=UTF-8",
        "application/x-javascript",
        "text/x-javascript",
        "application/ecmascript",
        "application/x-ecmascript",
        "text/ecmascript",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/static/app.js", "/static/app.mjs", "/static/APP.JS", "/static/app.js?v=1.2"])
def test_every_javascript_type(path: str, content_type: str) -> None:
    assert judge(path, "console.log(1)", content_type) == []


@pytest.mark.parametrize(
    ("path", "body", "content_type"),
    [
        pytest.param("/static/site.css", "body{}", "text/css; charset=utf-8", id="css"),
        pytest.param("/favicon.ico", b"\0\0\1\0", "image/vnd.microsoft.icon", id="ico-of-pages"),
        pytest.param("/favicon.ico", b"\0\0\1\0", "image/x-icon", id="ico-of-others"),
        pytest.param("/logo.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", id="svg"),
        pytest.param(
            "/logo.svg",
            "<?xml version='1.0'?><!-- drawn --><!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' ''><svg/>",
            "image/svg+xml",
            id="svg-with-prolog",
        ),
        pytest.param("/logo.png", b"\x89PNG\r\n\x1a\n\0", "image/png", id="png"),
        pytest.param("/app.wasm", b"\0asm\1\0\0\0", "application/wasm", id="wasm"),
        pytest.param("/app.js.map", '{"version":3}', "application/json", id="map"),
        pytest.param("/manifest.json", "{}", "application/manifest+json", id="manifest"),
        pytest.param("/site.webmanifest", "{}", "application/manifest+json; charset=utf-8", id="webmanifest"),
        pytest.param("/data.json", "{}", "application/ld+json", id="linked-data"),
        pytest.param("/font.woff2", b"wOF2\0", "font/woff2", id="font"),
        pytest.param("/font.woff2", b"wOF2\0", "application/octet-stream", id="font-of-no-type"),
        pytest.param("/LICENSE", "MIT", "application/octet-stream", id="no-suffix"),
        pytest.param("/robots.txt", "User-agent: *", "text/plain", id="text"),
        pytest.param(
            "/feed.xml", "<?xml version='1.0'?><rss><channel><link>/</link></channel></rss>", "text/xml", id="feed"
        ),
        pytest.param("/widget.html", PAGE, "text/html", id="an-html-file"),
        pytest.param("/widget.HTM", PAGE, "text/html", id="an-htm-file"),
        pytest.param("/card.hbs", "<div class=card>{{title}}</div>", "application/octet-stream", id="template"),
        pytest.param(
            "/README.md", "<!-- badges --><div align=center>Example</div>\n# Example", "text/markdown", id="markdown"
        ),
        pytest.param(
            "/static/app.js", "/*! <!doctype html> */ document.write('<html>')", "text/javascript", id="html-in-js"
        ),
        pytest.param("/static/app.js", "<!-- hide me from old browsers\nrun()\n//-->", "text/javascript", id="old-js"),
        pytest.param(
            "/static/site.css", "@import url(x.css);" + " " * 70_000 + "<html>", "text/css", id="html-far-down"
        ),
    ],
)
def test_good(path: str, body: str | bytes, content_type: str) -> None:
    assert judge(path, body, content_type) == []


# Another type.


@pytest.mark.parametrize(
    ("path", "content_type", "expected", "declared"),
    [
        pytest.param("/static/app.js", "text/html; charset=utf-8", "a JavaScript type", "text/html", id="fallback"),
        pytest.param("/static/app.js", "text/javascript", "a JavaScript type", "text/javascript", id="header-lies"),
        pytest.param("/static/app.js", "", "a JavaScript type", "as nothing", id="no-header"),
        pytest.param("/static/site.css", "text/css", "text/css", "text/css", id="css"),
        pytest.param("/favicon.ico", "image/x-icon", "an image type", "image/x-icon", id="ico"),
        pytest.param("/logo.svg", "image/svg+xml", "an image type", "image/svg+xml", id="svg"),
        pytest.param("/data.json", "application/json", "a JSON type", "application/json", id="json"),
        pytest.param("/app.wasm", "application/wasm", "application/wasm", "application/wasm", id="wasm"),
        pytest.param("/font.woff2", "text/html", "a .woff2 file", "text/html", id="unknown-suffix"),
        pytest.param("/robots.txt", "text/plain", "a .txt file", "text/plain", id="text"),
        pytest.param("/LICENSE", "text/html", "a static file", "text/html", id="no-suffix"),
        pytest.param(
            "/static/app.js?page=a.html", "text/html", "a JavaScript type", "text/html", id="suffix-in-the-query"
        ),
    ],
)
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(PAGE, id="page"),
        pytest.param("\ufeff\n  " + PAGE.upper(), id="upper-case"),
        pytest.param("<!-- " + "built " * 2_000 + "-->" + PAGE, id="after-a-comment"),
        pytest.param('<?xml version="1.0"?>\n<!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml"/>', id="xhtml"),
    ],
)
def test_a_page_in_place_of_the_file(path: str, content_type: str, expected: str, declared: str, page: str) -> None:
    line = f"asset-type: expected {expected}, got an HTML page declared {declared}"
    assert judge(path, page, content_type) == [line]


@pytest.mark.parametrize(
    "tag", ["<html>", "<head>", "<title>Example", "<script src=/app.js>", "<link rel=icon>", "<div id=root>"]
)
def test_pages_begin_in_many_ways(tag: str) -> None:
    assert judge("/static/app.js", tag, "text/javascript") == [
        "asset-type: expected a JavaScript type, got an HTML page declared text/javascript"
    ]


@pytest.mark.parametrize(
    ("path", "body", "content_type", "expected"),
    [
        pytest.param("/static/app.js", "run()", "text/plain", "a JavaScript type", id="js-as-text"),
        pytest.param("/static/app.js", "run()", "application/json", "a JavaScript type", id="js-as-json"),
        pytest.param(
            "/static/app.js", '{"error":"not found"}', "application/json", "a JavaScript type", id="error-as-js"
        ),
        pytest.param("/static/app.js", "run()", "text/javascript-ish", "a JavaScript type", id="nearly"),
        pytest.param("/static/site.css", "body{}", "text/plain", "text/css", id="css-as-text"),
        pytest.param("/logo.svg", "<svg/>", "text/xml", "an image type", id="svg-as-xml"),
        pytest.param("/favicon.ico", b"\0\0\1\0", "application/octet-stream", "an image type", id="ico-as-anything"),
        pytest.param("/app.wasm", b"\0asm", "application/octet-stream", "application/wasm", id="wasm-as-anything"),
        pytest.param("/data.json", "{}", "text/javascript", "a JSON type", id="json-as-js"),
    ],
)
def test_a_type_that_browsers_refuse(path: str, body: str | bytes, content_type: str, expected: str) -> None:
    assert judge(path, body, content_type) == [f"asset-type: expected {expected}, got {content_type}"]


# Empty, and another status.


@pytest.mark.parametrize("path", ["/static/app.js", "/static/site.css", "/widget.html", "/data"])
@pytest.mark.parametrize(("body", "size"), [("", 0), (" \n\t", 3)])
def test_empty(path: str, body: str, size: int) -> None:
    """A good build may hold empty chunks; a file that is named here is one that somebody needs."""
    assert judge(path, body, "application/octet-stream") == [
        f"asset-empty: expected a file with content, got {size} bytes"
    ]


@pytest.mark.parametrize("status", [404, 206, 304, 500])
def test_another_status(status: int) -> None:
    assert judge("/static/app.js", "run()", "text/javascript", status) == [f"asset-status: expected 200, got {status}"]


@pytest.mark.parametrize("status", [404, 410, 403])
def test_a_file_that_must_be_gone(status: int) -> None:
    """Whatever says so is no asset, and may be a page."""
    for body in (PAGE, ""):
        assert judge("/app.js.map", body, "text/html", status, wanted=status) == []
    assert judge("/app.js.map", '{"version":3}', "application/json", 200, wanted=status) == [
        f"asset-status: expected {status}, got 200"
    ]


@pytest.mark.parametrize("status", [204, 301, 304])
def test_an_answer_that_has_no_body(status: int) -> None:
    (probe,) = CHECK.probes(AssetSpec(path="/app.js", status=status), {})
    assert probe.follow is (status != 301)
    assert judge("/app.js", "", "", status, wanted=status) == []
    assert judge("/app.js", "run()", "", 200, wanted=status) == [f"asset-status: expected {status}, got 200"]


def test_part_of_a_file_is_judged_like_the_whole() -> None:
    assert judge("/app.js", "run()", "text/javascript", 206, wanted=206) == []
    assert judge("/app.js", PAGE, "text/html", 206, wanted=206) != []
    assert judge("/app.js", "", "text/javascript", 206, wanted=206) != []
